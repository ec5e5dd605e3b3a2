import type { Memory } from './memory.js'
import type { Platform, Timer } from './platform.js'

/** The size of a slab. Larger ones were barely faster, smaller ones clearly slower: see `bench/`. */
export const SLAB_BYTES = 256 * 1024
/** The first slab, and one that follows a pause: an idle producer is small. */
const SMALL_SLAB_BYTES = 16 * 1024
/** Slabs that nobody has needed for so long are let go. */
const SPARE_MS = 1_000
/** What a slab's index costs for each message: its end and its topic. */
const INDEX_BYTES = 8

/** A piece of memory that the log fills once, from front to back, with whole framed messages. */
export class Slab {
  /** The number of the first message. */
  first = 0
  /** How many messages it holds. */
  count = 0
  /** Bytes written. */
  used = 0
  /** Bytes that the log had taken before the first message of this slab. */
  origin = 0
  /** When its last message came, in the platform's milliseconds; set when the next slab is opened. */
  closedAt = Infinity
  /** Carriers that have not done with a part of it. */
  pins = 0
  /** An application may hold views of it: it must never be written again. */
  shared = false
  /** Left the window; only pins keep it. */
  retired = false
  /** Where each message ends, in bytes from the slab's start. */
  ends: Uint32Array
  /** The id of each message's topic. */
  topics: Uint32Array
  /** The same memory as `bytes`. */
  readonly words: DataView

  constructor(readonly bytes: Uint8Array) {
    this.words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const capacity = indexOf(bytes.length)
    this.ends = new Uint32Array(capacity)
    this.topics = new Uint32Array(capacity)
  }

  /** What it counts for against the memory bound. */
  get cost(): number {
    return this.bytes.length + this.ends.length * INDEX_BYTES
  }

  /** One past the number of the last message. */
  get next(): number {
    return this.first + this.count
  }

  /** Where message `index` begins. */
  startOf(index: number): number {
    return index === 0 ? 0 : (this.ends[index - 1] as number)
  }

  /** The largest `index` up to `count` such that everything before message `index` ends within `limit` bytes. */
  indexWithin(limit: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.ends[middle - 1] as number) <= limit) low = middle
      else high = middle - 1
    }
    return low
  }

  reset(first: number, origin: number): void {
    this.first = first
    this.origin = origin
    this.count = 0
    this.used = 0
    this.closedAt = Infinity
    this.retired = false
  }
}

/** Hands out slabs and takes them back; the one place that charges them to the memory bound. */
export class SlabPool {
  readonly #spares: Slab[] = []
  /** The fewest spares there were since the last round: so many were not needed. */
  #idle = 0
  #round: Timer | undefined
  #grown = false
  #closed = false

  constructor(
    private readonly platform: Platform,
    private readonly memory: Memory,
  ) {
    memory.spares.add(this)
  }

  /** What taking a slab for a message of `size` bytes would add to the memory in use. */
  costOf(size: number): number {
    const bytes = this.#sizeFor(size)
    return bytes === SLAB_BYTES && this.#spares.length > 0 ? 0 : bytes + indexOf(bytes) * INDEX_BYTES
  }

  /** A slab with room for a message of `size` bytes. One above half of a slab gets a slab of its own. */
  take(size: number): Slab {
    const bytes = this.#sizeFor(size)
    if (bytes === SLAB_BYTES) return this.takeWhole()
    // A slab of its own is followed by a small one, so that a lone large message does not cost two large slabs.
    this.#grown = bytes === SMALL_SLAB_BYTES
    return this.takeSized(bytes)
  }

  /** A slab of the full size, whatever it is for. */
  takeWhole(): Slab {
    const spare = this.#spares.pop()
    if (spare !== undefined) {
      this.#idle = Math.min(this.#idle, this.#spares.length)
      return spare
    }
    const slab = new Slab(this.platform.allocate(SLAB_BYTES))
    this.memory.used += slab.cost
    return slab
  }

  /** Whether there is memory at all for a slab of `bytes` with an index for `count` messages. */
  affords(bytes: number, count: number): boolean {
    return this.memory.hasRest(this.#mostFor(bytes, count))
  }

  /** Whether there is such memory that messages do not need. */
  spares(bytes: number, count: number): boolean {
    return this.memory.used + this.#mostFor(bytes, count) <= this.memory.messageLimit
  }

  #mostFor(bytes: number, count: number): number {
    const spare = bytes === SLAB_BYTES && this.#spares.length > 0 ? bytes + indexOf(bytes) * INDEX_BYTES : 0
    return bytes + 2 * Math.max(indexOf(bytes), count) * INDEX_BYTES - spare
  }

  /** A slab of exactly `bytes`. */
  takeSized(bytes: number): Slab {
    if (bytes === SLAB_BYTES) return this.takeWhole()
    const slab = new Slab(this.platform.allocate(bytes))
    this.memory.used += slab.cost
    return slab
  }

  #sizeFor(size: number): number {
    if (size > SLAB_BYTES >> 1) return size
    if (!this.#grown && size <= SMALL_SLAB_BYTES) return SMALL_SLAB_BYTES
    return SLAB_BYTES
  }

  /** Makes the index of `slab` larger; messages are smaller than was guessed. */
  growIndex(slab: Slab): void {
    const before = slab.cost
    const ends = new Uint32Array(slab.ends.length * 2)
    const topics = new Uint32Array(slab.topics.length * 2)
    ends.set(slab.ends)
    topics.set(slab.topics)
    slab.ends = ends
    slab.topics = topics
    this.memory.used += slab.cost - before
  }

  /** Takes back a slab that nobody reads any more, for one of the next: the system takes long to hand out memory. */
  give(slab: Slab): void {
    if (slab.shared || slab.bytes.length !== SLAB_BYTES || this.#closed) {
      this.memory.used -= slab.cost
      return
    }
    this.#spares.push(slab)
    if (this.#spares.length > 1) this.#round ??= this.platform.timer(SPARE_MS, () => this.#rest())
  }

  /** Lets go of what is kept for later, since the memory is needed for something else. */
  trim(): void {
    this.#discard(this.#spares.length)
  }

  close(): void {
    this.#closed = true
    this.#round?.cancel()
    this.trim()
    this.memory.spares.delete(this)
  }

  /** Lets go of what was not needed since the last round, but for the slab that a steady producer fills next. */
  #rest(): void {
    this.#round = undefined
    this.#discard(Math.min(this.#idle, this.#spares.length - 1))
    this.#idle = this.#spares.length
    if (this.#spares.length > 1) this.#round = this.platform.timer(SPARE_MS, () => this.#rest())
  }

  #discard(count: number): void {
    for (let i = 0; i < count; i++) this.memory.used -= (this.#spares.pop() as Slab).cost
    this.#idle = Math.min(this.#idle, this.#spares.length)
  }
}

/** Messages that the index of a slab has room for at first. Slabs above the usual size are for a single message. */
function indexOf(bytes: number): number {
  return bytes > SLAB_BYTES ? 1 : Math.max(64, bytes >> 6)
}
