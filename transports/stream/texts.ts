import { readFileSync } from 'node:fs'
import { badOption, type OptionRule, refuse } from '../../lib/options.js'
import { Secret } from '../../lib/secret.js'

/** Text whose UTF-8 has at most `maxBytes`. */
export function shortText(maxBytes: number): OptionRule<string | undefined> {
  const check = (value: unknown, name: string) => checkShort(value, name, maxBytes, false)
  return { fallback: undefined, check, read: (given) => given }
}

/** The same, which is never shown. In a URL the name of a file, of which the last line break is left out. */
export function secretText(option: string, maxBytes: number): OptionRule<Secret<string> | undefined> {
  const check = (value: unknown, name: string) => new Secret(checkShort(value, name, maxBytes, true))
  return { fallback: undefined, check, read: (path) => readFileOf(option, path).replace(/\r?\n$/, '') }
}

/**
 * What an option of a URL names: secrets and certificates stand in files, since a URL is seen by whoever lists the
 * processes of the machine.
 *
 * @throws {FanwireError} `BAD_OPTION`
 */
export function readFileOf(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw badOption(`${option} in a URL names a file, and '${path}' cannot be read: ${code}`)
  }
}

function checkShort(value: unknown, name: string, maxBytes: number, isSecret: boolean): string {
  if (typeof value === 'string' && Buffer.byteLength(value) <= maxBytes) return value
  return refuse(name, `text of at most ${maxBytes} bytes`, value, isSecret)
}
