import { writeU64 } from '../numbers.js'
import { ascii, badPeer, EMPTY, readAscii } from './bytes.js'

/** Another frame of the same message follows. */
export const MORE = 0x01
/** The size takes eight bytes. */
export const LONG = 0x02
/** The frame is a command. */
export const COMMAND = 0x04
/** The other bits are reserved, and ignored as libzmq ignores them. */
export const FLAGS = 0x07

/** The largest body whose size fits one byte. */
export const SHORT_MAX = 255

/** Bytes in front of a body of `size`. */
export function headerSize(size: number): number {
  return size > SHORT_MAX ? 9 : 2
}

/**
 * Writes what stands in front of a frame's body, in the short form where it fits, and returns where the body begins.
 *
 *     flags u8, size u8          flags | 02, size u64
 *
 * @see https://rfc.zeromq.org/spec/37, "Framing"
 */
export function writeHeader(target: Uint8Array, at: number, flags: number, size: number): number {
  if (size > SHORT_MAX) {
    target[at] = flags | LONG
    writeU64(target, at + 1, size)
    return at + 9
  }
  target[at] = flags
  target[at + 1] = size
  return at + 2
}

/** One whole frame. */
export function frame(flags: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headerSize(body.length) + body.length)
  bytes.set(body, writeHeader(bytes, 0, flags, body.length))
  return bytes
}

/**
 * One whole command.
 *
 *     04, size, name-length u8, name, data
 */
export function command(name: string, data: Uint8Array = EMPTY): Uint8Array {
  const size = 1 + name.length + data.length
  const bytes = new Uint8Array(headerSize(size) + size)
  const at = writeHeader(bytes, 0, COMMAND, size)
  bytes[at] = name.length
  bytes.set(ascii(name), at + 1)
  bytes.set(data, at + 1 + name.length)
  return bytes
}

/**
 * The name of the command whose body is `bytes[from, to)`; its data begins at `from + 1 + name.length`.
 *
 * @throws {FanwireError} `BAD_PEER` when the name does not fit the body
 */
export function commandName(bytes: Uint8Array, from: number, to: number): string {
  if (from === to) throw badPeer('peer sent an empty command')
  const length = bytes[from] as number
  if (from + 1 + length > to) {
    throw badPeer(`peer sent a command of ${to - from} bytes with a name of ${length}`)
  }
  return readAscii(bytes, from + 1, from + 1 + length)
}
