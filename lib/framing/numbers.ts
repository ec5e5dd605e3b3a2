/** Unsigned integers as the wire has them: big-endian, at any place. A 64-bit one is a number below 2^53. */

export function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) * 0x1_00_00_00 +
    (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  )
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Exact below 2^53. What the wire has at or above that is not read exactly, but never as a number below 2^53 either. */
export function readU64Roughly(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) * 0x1_00_00_00_00 + readU32(bytes, at + 4)
}

/** `value` is a whole number below 2^53. */
export function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, Math.floor(value / 0x1_00_00_00_00))
  writeU32(bytes, at + 4, value >>> 0)
}
