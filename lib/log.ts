import type { Framing } from './framing/framing.js'
import type { Memory } from './memory.js'
import type { Platform } from './platform.js'
import { type Slab, SlabPool } from './slab.js'
import type { Spill } from './spill.js'
import type { Topic } from './topics.js'

/**
 * A producer's last messages, encoded once, in order: the window is `slabs`, the newest of which is written. The log
 * knows nothing of links; who may let a slab go is decided by the fanout.
 */
export class Log {
  /** The number that the next message gets. */
  next: number
  /** Bytes of all messages so far. */
  bytes = 0
  /** Slabs that have left the window and are still pinned by a carrier, in bytes. */
  lingering = 0
  readonly slabs: Slab[] = []
  readonly pool: SlabPool
  /** What came before the window and waits on disk, where a link asks for that. */
  spill: Spill | undefined
  #tail: Slab | undefined

  constructor(
    private readonly platform: Platform,
    memory: Memory,
    readonly framing: Framing,
    next: number,
  ) {
    this.next = next
    this.pool = new SlabPool(platform, memory)
  }

  /** The number of the oldest message in the window; `next` when the window is empty. */
  get start(): number {
    const oldest = this.slabs[0]
    return oldest === undefined ? this.next : oldest.first
  }

  /** The number of the oldest message in the window or on disk. */
  get oldest(): number {
    return this.spill?.start ?? this.start
  }

  /** Whether a message of `size` bytes goes into the newest slab. */
  fits(size: number): boolean {
    const tail = this.#tail
    return tail !== undefined && tail.used + size <= tail.bytes.length
  }

  /** Opens a slab with room for `size` bytes. */
  open(size: number): void {
    if (this.#tail !== undefined) this.#tail.closedAt = this.platform.now()
    const slab = this.pool.take(size)
    slab.reset(this.next, this.bytes)
    this.slabs.push(slab)
    this.#tail = slab
  }

  /** Encodes a message at the end. The caller has made sure that it fits. Returns its number. */
  append(topic: Topic, data: string | Uint8Array, dataSize: number, size: number): number {
    const slab = this.#tail as Slab
    const count = slab.count
    if (count === slab.ends.length) this.pool.growIndex(slab)
    const dataAt = this.framing.write(slab.bytes, slab.used, topic.head, dataSize, this.next)
    if (typeof data === 'string') this.platform.writeText(slab.bytes, dataAt, data)
    else slab.bytes.set(data, dataAt)
    slab.used += size
    slab.ends[count] = slab.used
    slab.topics[count] = topic.id
    slab.count = count + 1
    this.bytes += size
    topic.latest = this.next
    return this.next++
  }

  /** The slab that holds `number`, which must be in the window, or on disk and just in memory. */
  slabOf(number: number): Slab {
    return this.residentSlabOf(number) as Slab
  }

  /** The slab that holds `number`, which must be in the window or on disk; undefined where it has to be read first. */
  residentSlabOf(number: number): Slab | undefined {
    if (number < this.start) return this.spill?.slabOf(number)
    const { slabs } = this
    let low = 0
    let high = slabs.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((slabs[middle] as Slab).first <= number) low = middle
      else high = middle - 1
    }
    return slabs[low]
  }

  /** Bytes of all messages before `number`. */
  bytesBefore(number: number): number {
    if (number >= this.next) return this.bytes
    // Of what is neither here nor there only last values are left, which are no part of the log.
    if (number < this.start) return this.spill?.bytesBefore(number) ?? this.slabs[0]?.origin ?? this.bytes
    const slab = this.slabOf(number)
    return slab.origin + slab.startOf(number - slab.first)
  }

  /** Lets the oldest slab leave the window, for good or for the disk. */
  shift(spill?: Spill): void {
    const slab = this.slabs.shift() as Slab
    if (slab === this.#tail) this.#tail = undefined
    if (spill === undefined) this.retire(slab)
    else spill.add(slab)
  }

  /** Takes back a slab that will not be read again, as soon as no carrier holds it. */
  retire(slab: Slab): void {
    slab.retired = true
    if (slab.pins === 0) this.pool.give(slab)
    else this.lingering += slab.cost
  }

  /** Empties a window that nobody needs, so that the next message is written where the cache is still warm. */
  rewind(): void {
    while (this.slabs.length > 1) this.shift()
    const tail = this.#tail
    if (tail === undefined || tail.count === 0) return
    if (tail.pins > 0 || tail.shared) this.shift()
    else tail.reset(this.next, this.bytes)
  }

  pin(slab: Slab): void {
    slab.pins++
  }

  unpin(slab: Slab): void {
    if (--slab.pins > 0 || !slab.retired) return
    this.lingering -= slab.cost
    this.pool.give(slab)
  }
}
