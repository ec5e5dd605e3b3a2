import { FanwireError } from '../../errors.js'
import { readU32 } from '../numbers.js'

export const EMPTY = new Uint8Array(0)

/** Numbers from here on are not exact in JavaScript, so no field may hold them. */
const LIMIT_HIGH = 0x20_0000

export function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

export function readAscii(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i] as number)
  return text
}

/** @throws {FanwireError} `BAD_PEER` at 2^53 and above */
export function readU64(bytes: Uint8Array, at: number): number {
  const high = readU32(bytes, at)
  if (high >= LIMIT_HIGH) throw badPeer(`number ${hex(bytes, at, at + 8)} is not below 2^53`)
  return high * 0x1_00_00_00_00 + readU32(bytes, at + 4)
}

/** Bytes for an error message: `47 45 54 20`. */
export function hex(bytes: Uint8Array, from: number, to: number): string {
  return Array.from(bytes.subarray(from, to), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

export function badPeer(message: string): FanwireError {
  return new FanwireError('BAD_PEER', message)
}
