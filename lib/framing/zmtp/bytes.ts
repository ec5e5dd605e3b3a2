import { badPeer, hex } from '../bad-peer.js'
import { readU32 } from '../numbers.js'

export { badPeer, hex }

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

/** Memory of its own with all of `parts`, one behind the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 0) return EMPTY
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
