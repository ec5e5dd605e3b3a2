import { isGrowing } from './chunk.js'
import type { Platform } from './platform.js'

/** How many numbers back the copies of a message are compared, at most. */
const MOST_NUMBERS = 16_384
/** How many chunks are kept for that, and of how many bytes in all. */
const MOST_CHUNKS = 4_096
const MOST_BYTES = 2 ** 20

const NOTHING: Uint8Array = new Uint8Array(0)

/**
 * The first copies of a stream's last messages, with which those of other lines are compared. Lines pack their messages
 * the same way as a rule, so that chunks are compared as a whole.
 */
export class Copies {
  readonly #numbers = new Float64Array(MOST_NUMBERS).fill(-1)
  /** Of each number: its chunk, counted from the first that ever came, and its ranges therein. */
  readonly #owners = new Float64Array(MOST_NUMBERS)
  readonly #ranges = new Int32Array(4 * MOST_NUMBERS)
  readonly #chunks: Uint8Array[] = Array(MOST_CHUNKS).fill(NOTHING)
  #oldest = 0
  #newest = -1
  #bytes = 0
  /** The chunks that were compared last, and whether they were the same. */
  #first = NOTHING
  #second = NOTHING
  #same = true

  constructor(private readonly platform: Pick<Platform, 'equal'>) {}

  /** Keeps the first copy of a number: topic and data are ranges of a chunk that never changes. */
  keep(
    number: number,
    bytes: Uint8Array,
    topicStart: number,
    topicEnd: number,
    dataStart: number,
    dataEnd: number,
  ): void {
    if (this.#chunks[this.#newest % MOST_CHUNKS] !== bytes) this.#add(bytes)
    const at = number % MOST_NUMBERS
    this.#numbers[at] = number
    this.#owners[at] = this.#newest
    const ranges = this.#ranges
    ranges[4 * at] = topicStart
    ranges[4 * at + 1] = topicEnd
    ranges[4 * at + 2] = dataStart
    ranges[4 * at + 3] = dataEnd
  }

  /** False when another copy of a number says something else than the first; true when that is no longer known. */
  agrees(
    number: number,
    bytes: Uint8Array,
    topicStart: number,
    topicEnd: number,
    dataStart: number,
    dataEnd: number,
  ): boolean {
    const at = number % MOST_NUMBERS
    const owner = this.#owners[at] as number
    if (this.#numbers[at] !== number || owner < this.#oldest) return true
    const first = this.#chunks[owner % MOST_CHUNKS] as Uint8Array
    const ranges = this.#ranges
    const topicAt = ranges[4 * at] as number
    const dataAt = ranges[4 * at + 2] as number
    const topicSize = topicEnd - topicStart
    const dataSize = dataEnd - dataStart
    if (topicSize !== (ranges[4 * at + 1] as number) - topicAt) return false
    if (dataSize !== (ranges[4 * at + 3] as number) - dataAt) return false
    if (topicAt === topicStart && dataAt === dataStart && this.#areSame(first, bytes)) return true
    return (
      sameRange(first, topicAt, bytes, topicStart, topicSize) && sameRange(first, dataAt, bytes, dataStart, dataSize)
    )
  }

  #add(bytes: Uint8Array): void {
    this.#newest++
    this.#chunks[this.#newest % MOST_CHUNKS] = bytes
    this.#bytes += bytes.length
    while (
      this.#newest - this.#oldest >= MOST_CHUNKS - 1 ||
      (this.#bytes > MOST_BYTES && this.#oldest < this.#newest)
    ) {
      const at = this.#oldest++ % MOST_CHUNKS
      this.#bytes -= (this.#chunks[at] as Uint8Array).length
      this.#chunks[at] = NOTHING
    }
  }

  #areSame(first: Uint8Array, second: Uint8Array): boolean {
    if (first !== this.#first || second !== this.#second) {
      this.#first = first
      this.#second = second
      this.#same = !isGrowing(first) && !isGrowing(second) && this.platform.equal(first, second)
    }
    return this.#same
  }
}

function sameRange(first: Uint8Array, from: number, second: Uint8Array, at: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (first[from + i] !== second[at + i]) return false
  return true
}
