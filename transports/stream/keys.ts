import { KEY_SIZE } from '../../lib/framing/zmtp/curve-crypto.js'
import { decodeZ85, encodeZ85 } from '../../lib/framing/zmtp/z85.js'
import { type OptionRule, refuse } from '../../lib/options.js'
import { Secret } from '../../lib/secret.js'
import { readFileOf } from './texts.js'

const FORM = `40 characters of Z85 or ${KEY_SIZE} bytes`

/** A key that everybody may know. */
export function publicKeyRule(option: string): OptionRule<Uint8Array | undefined> {
  const check = (value: unknown, name: string) => readKey(value) ?? refuse(name, FORM, value)
  return { fallback: undefined, check, read: (path) => keyIn(readFileOf(option, path), 'public-key') }
}

/** A key that nobody may see. */
export function secretKeyRule(option: string): OptionRule<Secret<Uint8Array> | undefined> {
  const check = (value: unknown, name: string) => new Secret(readKey(value) ?? refuse(name, FORM, value, true))
  return { fallback: undefined, check, read: (path) => keyIn(readFileOf(option, path), 'secret-key') }
}

/** Public keys, as Z85, or everybody. */
export function clientKeysRule(option: string): OptionRule<'any' | ReadonlySet<string> | undefined> {
  return {
    fallback: undefined,
    check(value, name) {
      if (value === 'any') return value
      if (!Array.isArray(value)) return refuse(name, "'any' or an array of keys", value)
      const keys = value.map((key, at) => readKey(key) ?? refuse(`${name}[${at}]`, FORM, key))
      return new Set(keys.map(encodeZ85))
    },
    read(given) {
      if (given === 'any') return given
      const lines = readFileOf(option, given).split(/\r?\n/)
      return lines
        .map(withoutComment)
        .filter((line) => line !== '')
        .map((line) => keyIn(line, 'public-key'))
    },
  }
}

function readKey(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value.length === KEY_SIZE ? Uint8Array.from(value) : undefined
  if (typeof value !== 'string' || value.length !== 40) return undefined
  try {
    return decodeZ85(value)
  } catch {
    return undefined
  }
}

/**
 * A key as `fanwire keygen` prints it, and as the certificates of CZMQ and PyZMQ have it: `public-key = "…"`. Anything
 * else is taken for the key itself.
 */
function keyIn(text: string, field: 'public-key' | 'secret-key'): string {
  const [, key] = new RegExp(`^\\s*${field}\\s*=\\s*"([^"]*)"`, 'm').exec(text) ?? []
  return key ?? text.trim()
}

/** A line that begins with a number sign is none of ours; a key may begin with one, and then it is 40 characters long. */
function withoutComment(line: string): string {
  const text = line.trim()
  return text.startsWith('#') && text.length !== 40 ? '' : text
}
