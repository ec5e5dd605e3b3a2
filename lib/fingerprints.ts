/** How many numbers back the copies of a message are compared. */
const REMEMBERED = 16_384

/** Whether the copies of a number that several lines bring say the same: a fingerprint of each of the last numbers. */
export class Fingerprints {
  readonly #numbers = new Float64Array(REMEMBERED).fill(-1)
  readonly #prints = new Int32Array(REMEMBERED)

  /** Remembers the first copy of a number: what stands in two ranges of memory. */
  remember(number: number, bytes: Uint8Array, topicStart: number, topicEnd: number, from: number, to: number): void {
    const at = number % REMEMBERED
    this.#numbers[at] = number
    this.#prints[at] = printOf(printOf(topicEnd - topicStart, bytes, topicStart, topicEnd), bytes, from, to)
  }

  /** False when another copy says something else than the first; true when the first is no longer known. */
  agrees(number: number, bytes: Uint8Array, topicStart: number, topicEnd: number, from: number, to: number): boolean {
    const at = number % REMEMBERED
    if (this.#numbers[at] !== number) return true
    return this.#prints[at] === printOf(printOf(topicEnd - topicStart, bytes, topicStart, topicEnd), bytes, from, to)
  }
}

/** FNV-1a, but by words of four bytes: each multiplication waits for the one before. */
function printOf(seed: number, bytes: Uint8Array, from: number, to: number): number {
  let print = seed ^ 0x811c9dc5
  let at = from
  for (const end = to - 3; at < end; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    print = mixed(print ^ word)
  }
  for (; at < to; at++) print = mixed(print ^ (bytes[at] as number))
  return print ^ (to - from)
}

/** A word reaches the high bits alone by multiplying, so these are brought down for the next one. */
function mixed(print: number): number {
  const product = Math.imul(print, 0x01000193)
  return product ^ (product >>> 15)
}
