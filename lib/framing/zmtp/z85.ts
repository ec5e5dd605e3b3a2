import { FanwireError } from '../../errors.js'

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#'
const VALUES: ReadonlyMap<string, number> = new Map(Array.from(DIGITS, (digit, value) => [digit, value]))

/**
 * Bytes as text in which every 4 of them are 5 characters: the form of CURVE's keys, 40 characters for 32 bytes.
 *
 * @param bytes a multiple of 4
 * @throws {FanwireError} `BAD_VALUE`
 * @see https://rfc.zeromq.org/spec/32
 */
export function encodeZ85(bytes: Uint8Array): string {
  if (bytes.length % 4 !== 0) throw bad(`Z85 takes a multiple of 4 bytes, got ${bytes.length}`)
  let text = ''
  for (let at = 0; at < bytes.length; at += 4) {
    let value = 0
    for (let i = at; i < at + 4; i++) value = value * 256 + (bytes[i] as number)
    let word = ''
    for (let i = 0; i < 5; i++) {
      word = (DIGITS[value % 85] as string) + word
      value = Math.floor(value / 85)
    }
    text += word
  }
  return text
}

/**
 * The bytes that {@link encodeZ85} made the text of. What is wrong with it is said without showing it, as it may be a
 * secret key.
 *
 * @param text a multiple of 5 characters
 * @throws {FanwireError} `BAD_VALUE`
 */
export function decodeZ85(text: string): Uint8Array {
  if (text.length % 5 !== 0) throw bad(`Z85 has a multiple of 5 characters, got ${text.length}`)
  const bytes = new Uint8Array((text.length / 5) * 4)
  for (let at = 0; at < text.length; at += 5) {
    let value = 0
    for (let i = at; i < at + 5; i++) {
      const digit = VALUES.get(text[i] as string)
      if (digit === undefined) throw bad(`character ${i + 1} is none of Z85`)
      value = value * 85 + digit
    }
    if (value > 0xffff_ffff) throw bad(`characters ${at + 1} to ${at + 5} stand for more than 4 bytes`)
    for (let i = 0; i < 4; i++) bytes[(at / 5) * 4 + i] = value >>> (24 - 8 * i)
  }
  return bytes
}

function bad(message: string): FanwireError {
  return new FanwireError('BAD_VALUE', message)
}
