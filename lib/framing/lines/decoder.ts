import { badPeer } from '../bad-peer.js'
import { ChunkReader } from '../chunks.js'
import type { OnRecord } from '../records.js'

export interface LineDecoderOptions {
  /** The longest line, without its end. */
  readonly maxLineBytes: number
  /** Where memory for a line that straddles chunks comes from. */
  readonly allocate: (size: number) => Uint8Array
}

const NEWLINE = 0x0a
const RETURN = 0x0d

const NOTHING = new Uint8Array(0)

/**
 * Cuts what arrives at newlines. A carriage return in front of one belongs to the end of the line. Lines within a chunk
 * are handed on where they lie; one that straddles chunks is put together in memory of its own.
 */
export class LineDecoder extends ChunkReader {
  readonly #maxLineBytes: number
  readonly #allocate: (size: number) => Uint8Array
  /** A line whose end has not arrived. */
  #carry: Uint8Array = NOTHING
  #carried = 0

  constructor(
    private readonly onLine: OnRecord,
    { maxLineBytes, allocate }: LineDecoderOptions,
  ) {
    super()
    this.#maxLineBytes = maxLineBytes
    this.#allocate = allocate
  }

  /** Whether a line has begun that has no end yet. */
  get begun(): boolean {
    return this.#carried > 0
  }

  /**
   * Nothing more will come: what follows the last newline is a line as well, unless it is empty.
   *
   * @returns false when it was handed on, and nothing more is wanted for now
   */
  finish(): boolean {
    if (this.#carried === 0) return !this.closed
    const line = this.#take(NOTHING, 0, 0)
    return this.#pass(line, 0, line.length) || this.stop(NOTHING, 0)
  }

  protected override read(chunk: Uint8Array, from: number): boolean {
    let at = from
    while (!this.closed) {
      const end = chunk.indexOf(NEWLINE, at)
      if (end < 0) {
        this.#keep(chunk, at)
        return true
      }
      const start = at
      at = end + 1
      if (!this.#line(chunk, start, end)) return this.stop(chunk, at)
    }
    return false
  }

  protected override forget(): void {
    this.#carry = NOTHING
    this.#carried = 0
  }

  /** A line ends in `chunk` at `end`, and begins there at `start` unless an earlier chunk has begun it. */
  #line(chunk: Uint8Array, start: number, end: number): boolean {
    if (this.#carried === 0) return this.#pass(chunk, start, end)
    const line = this.#take(chunk, start, end)
    return this.#pass(line, 0, line.length)
  }

  #pass(bytes: Uint8Array, start: number, end: number): boolean {
    const lineEnd = end > start && bytes[end - 1] === RETURN ? end - 1 : end
    if (lineEnd - start > this.#maxLineBytes) this.#tooLong(lineEnd - start)
    return this.onLine(bytes, start, lineEnd)
  }

  /** All of a line, of which `chunk[start, end)` is the last part. */
  #take(chunk: Uint8Array, start: number, end: number): Uint8Array {
    const line = this.#allocate(this.#carried + end - start)
    line.set(this.#carry.subarray(0, this.#carried))
    line.set(chunk.subarray(start, end), this.#carried)
    this.forget()
    return line
  }

  /** A line has begun and does not end in this chunk. What it takes grows with what has come of it. */
  #keep(chunk: Uint8Array, from: number): void {
    if (from === chunk.length) return
    const carried = this.#carried + chunk.length - from
    this.#check(carried, chunk[chunk.length - 1])
    if (carried > this.#carry.length) {
      const larger = this.#allocate(this.#carried === 0 ? carried : 2 * carried)
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    this.#carry.set(chunk.subarray(from), this.#carried)
    this.#carried = carried
  }

  /** The last byte of a line may be half of its end. */
  #check(size: number, last: number | undefined): void {
    const least = last === RETURN ? size - 1 : size
    if (least > this.#maxLineBytes) this.#tooLong(least)
  }

  #tooLong(size: number): never {
    throw badPeer(`peer sends a line of at least ${size} bytes, at most ${this.#maxLineBytes} are accepted`)
  }
}
