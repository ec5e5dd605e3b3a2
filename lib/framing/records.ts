import { badPeer } from './bad-peer.js'
import { ChunkReader } from './chunks.js'

/** How records tell their length: what stands in front of each body. */
export interface RecordForm {
  readonly headerSize: number
  /** The size of the body behind the header at `at`; anything from 0 to `Infinity`, to be checked against a limit. */
  bodySize(bytes: Uint8Array, at: number): number
}

export interface RecordDecoderOptions {
  readonly form: RecordForm
  /** The largest body. */
  readonly maxBodyBytes: number
  /** Where memory for a record that straddles chunks comes from. */
  readonly allocate: (size: number) => Uint8Array
}

/** Takes the body `bytes[start, end)`, which may be kept. `false`: keep what follows until {@link RecordDecoder.resume}. */
export type OnRecord = (bytes: Uint8Array, start: number, end: number) => boolean

/** A straddling record gets its whole memory at once up to this size: larger ones would cost too much if they never come. */
const WHOLE_MAX = 128 * 1024
/** A larger one gets this much at once, and then never more than twice what has arrived of it. */
const CARRY_MIN = 4_096

const NOTHING = new Uint8Array(0)

/**
 * Reads records that tell their length. Those that lie within a chunk are handed on where they lie; one that straddles
 * chunks is put together in memory of its own.
 */
export class RecordDecoder extends ChunkReader {
  readonly #form: RecordForm
  readonly #maxBodyBytes: number
  readonly #allocate: (size: number) => Uint8Array
  /** A record whose end has not arrived, and how many bytes of it the next step needs. */
  #carry: Uint8Array = NOTHING
  #carried = 0
  #needed = 0

  constructor(
    private readonly onRecord: OnRecord,
    { form, maxBodyBytes, allocate }: RecordDecoderOptions,
  ) {
    super()
    this.#form = form
    this.#maxBodyBytes = maxBodyBytes
    this.#allocate = allocate
  }

  /** Whether a record has begun that has no end yet. */
  get begun(): boolean {
    return this.#carried > 0
  }

  protected override read(chunk: Uint8Array, from: number): boolean {
    let at = this.#carried > 0 ? this.#complete(chunk, from) : from
    if (at < 0) return this.stop(chunk, ~at)
    const { headerSize } = this.#form
    const end = chunk.length
    while (at < end && !this.closed) {
      const start = at + headerSize
      const bodyEnd = start <= end ? start + this.#sizeAt(chunk, at) : Infinity
      if (bodyEnd > end) {
        this.#needed = bodyEnd === Infinity ? headerSize : bodyEnd - at
        this.#keep(chunk, at, end)
        return true
      }
      at = bodyEnd
      if (!this.onRecord(chunk, start, bodyEnd)) return this.stop(chunk, at)
    }
    return !this.closed
  }

  protected override forget(): void {
    this.#carry = NOTHING
    this.#carried = 0
  }

  /**
   * Fills up the record that an earlier chunk began, and hands it on.
   *
   * @returns where its end lies in `chunk`; the complement of that when nothing more is wanted
   */
  #complete(chunk: Uint8Array, from: number): number {
    const { headerSize } = this.#form
    let at = from
    for (;;) {
      const take = Math.min(this.#needed - this.#carried, chunk.length - at)
      this.#keep(chunk, at, at + take)
      at += take
      if (this.#carried < this.#needed) return at
      if (this.#needed === headerSize) {
        this.#needed += this.#sizeAt(this.#carry, 0)
        if (this.#needed > headerSize) continue
      }
      const whole = this.#carry
      const end = this.#carried
      this.#carry = NOTHING
      this.#carried = 0
      return this.onRecord(whole, headerSize, end) ? at : ~at
    }
  }

  #sizeAt(bytes: Uint8Array, at: number): number {
    const size = this.#form.bodySize(bytes, at)
    if (size > this.#maxBodyBytes) {
      throw badPeer(`peer announces a body of ${size} bytes, at most ${this.#maxBodyBytes} are accepted`)
    }
    return size
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const carried = this.#carried + to - from
    if (carried > this.#carry.length) {
      const size = this.#needed <= WHOLE_MAX ? this.#needed : Math.min(this.#needed, Math.max(CARRY_MIN, 2 * carried))
      const larger = this.#allocate(size)
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    this.#carry.set(chunk.subarray(from, to), this.#carried)
    this.#carried = carried
  }
}
