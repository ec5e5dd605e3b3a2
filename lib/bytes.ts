import type { Platform } from './platform.js'

/** Below this many bytes a loop beats `set`, which has to make a view of the source first. */
const LOOP_BYTES = 24

/** Copies `source[from, to)` to `target` at `at`. */
export function copyBytes(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void {
  if (to - from > LOOP_BYTES) {
    target.set(new Uint8Array(source.buffer, source.byteOffset + from, to - from), at)
    return
  }
  for (let i = from, j = at; i < to; i++, j++) target[j] = source[i] as number
}

/** As {@link copyBytes}, for a hundred bytes or so from memory that has a view already: twice as fast as `set`. */
export function copyWords(source: DataView, from: number, to: number, target: DataView, at: number): void {
  let i = from
  let j = at
  for (; i + 16 <= to; i += 16, j += 16) {
    target.setInt32(j, source.getInt32(i))
    target.setInt32(j + 4, source.getInt32(i + 4))
    target.setInt32(j + 8, source.getInt32(i + 8))
    target.setInt32(j + 12, source.getInt32(i + 12))
  }
  for (; i < to; i++, j++) target.setInt8(j, source.getInt8(i))
}

/** `source[from, to)` in memory of its own: what a `Buffer` calls `slice` is a view. */
export function cloneBytes(source: Uint8Array, from = 0, to = source.length): Uint8Array {
  return Uint8Array.prototype.slice.call(source, from, to)
}

/** Bytes as a string of one character a byte, so that they can be keys of a map and compared by prefix. */
export function byteString(source: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let i = from; i < to; i++) text += String.fromCharCode(source[i] as number)
  return text
}

/** `text` as UTF-8 in memory of its own. */
export function textBytes(platform: Platform, text: string): Uint8Array {
  const bytes = platform.allocate(platform.textSize(text))
  platform.writeText(bytes, 0, text)
  return bytes
}
