import type { Memory } from './memory.js'
import { SLAB_BYTES, type Slab } from './slab.js'
import type { Topic } from './topics.js'
import type { View } from './view.js'

/** What a value takes beside its bytes; measured on V8 by keeping a million of them. */
const VALUE_OVERHEAD_BYTES = 192

/** Memory for the values of one slab that has left the window, or of several that had few left. */
interface Shelf {
  readonly bytes: Uint8Array
  readonly words: DataView
  /** Bytes of values that are still kept. */
  live: number
}

/** The newest message of a topic, framed, kept after its slab has left the window. */
export interface LastValue {
  readonly number: number
  readonly topic: Topic
  shelf: Shelf
  /** Where it lies on the shelf. */
  from: number
  to: number
}

/**
 * The newest message of every topic whose place in the window is gone, in number order: what a conflating link that fell
 * far behind reads, and what a late joiner gets.
 */
export class LastValues {
  // Slabs leave in order, so that the order of insertion is the order of numbers.
  readonly #values = new Map<number, LastValue>()
  readonly #shelves = new Set<Shelf>()
  /** Bytes of all values, and of all shelves. */
  #live = 0
  #held = 0

  constructor(private readonly memory: Memory) {}

  get size(): number {
    return this.#values.size
  }

  /** The number of the oldest value, `Infinity` when there is none. */
  get oldest(): number {
    for (const number of this.#values.keys()) return number
    return Infinity
  }

  /** The values from number `from` up to but not including `to` that `view` wants. */
  between(from: number, to: number, view: View): LastValue[] {
    const found: LastValue[] = []
    for (const value of this.#values.values()) {
      if (value.number >= to) break
      if (value.number >= from && view.wants(value.topic.bytes)) found.push(value)
    }
    return found
  }

  /** Keeps every message of `slab` from `least` on that is still the newest of its topic. */
  keep(slab: Slab, topicAt: (id: number) => Topic, least: number): void {
    const kept: number[] = []
    let size = 0
    for (let i = Math.max(0, least - slab.first); i < slab.count; i++) {
      if (topicAt(slab.topics[i] as number).latest !== slab.first + i) continue
      kept.push(i)
      size += (slab.ends[i] as number) - slab.startOf(i)
    }
    if (size === 0) return
    const shelf = this.#build(size)
    for (const i of kept) {
      const number = slab.first + i
      const topic = topicAt(slab.topics[i] as number)
      const value = { number, topic, shelf, from: 0, to: 0 }
      place(value, shelf, slab.bytes.subarray(slab.startOf(i), slab.ends[i]))
      this.#values.set(number, value)
      topic.kept = true
    }
    this.memory.used += kept.length * VALUE_OVERHEAD_BYTES
    this.#live += size
  }

  /** A newer message of `topic` is about to take a number. */
  supersede(topic: Topic): void {
    topic.kept = false
    this.#delete(topic.latest)
    if (this.#held > 2 * this.#live + SLAB_BYTES) this.#compact()
  }

  /** Forgets what lies before `number`: all who would read it have passed. */
  deleteBelow(number: number): void {
    for (const value of this.#values.values()) {
      if (value.number >= number) return
      value.topic.kept = false
      this.#delete(value.number)
    }
  }

  /** Forgets the oldest `count` values, for lack of memory. False when there is none. */
  evict(count: number): boolean {
    let left = count
    for (const value of this.#values.values()) {
      if (left-- === 0) break
      value.topic.kept = false
      this.#delete(value.number)
    }
    return left < count
  }

  #delete(number: number): void {
    const value = this.#values.get(number)
    if (value === undefined) return
    this.#values.delete(number)
    const { shelf, from, to } = value
    this.memory.used -= VALUE_OVERHEAD_BYTES
    this.#live -= to - from
    shelf.live -= to - from
    if (shelf.live === 0) this.#remove(shelf)
  }

  #build(size: number): Shelf {
    const bytes = new Uint8Array(size)
    const shelf = { bytes, words: new DataView(bytes.buffer), live: 0 }
    this.#shelves.add(shelf)
    this.#held += size
    this.memory.used += size
    return shelf
  }

  #remove(shelf: Shelf): void {
    this.#shelves.delete(shelf)
    this.#held -= shelf.bytes.length
    this.memory.used -= shelf.bytes.length
  }

  /** Moves the values of shelves that are half empty, or worse, together. */
  #compact(): void {
    const sparse = new Set<Shelf>()
    let size = 0
    for (const shelf of this.#shelves) {
      if (shelf.live * 2 > shelf.bytes.length) continue
      sparse.add(shelf)
      size += shelf.live
    }
    let room = 0
    let target: Shelf | undefined
    for (const value of this.#values.values()) {
      const { shelf, from, to } = value
      if (!sparse.has(shelf)) continue
      if (target === undefined || to - from > room) {
        room = Math.max(to - from, Math.min(size, SLAB_BYTES))
        target = this.#build(room)
      }
      place(value, target, shelf.bytes.subarray(from, to))
      room -= to - from
      size -= to - from
    }
    for (const shelf of sparse) this.#remove(shelf)
  }
}

/** Puts a value behind those that are on the shelf already. */
function place(value: LastValue, shelf: Shelf, bytes: Uint8Array): void {
  value.shelf = shelf
  value.from = shelf.live
  value.to = shelf.live + bytes.length
  shelf.bytes.set(bytes, value.from)
  shelf.live = value.to
}
