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
