import { cloneBytes } from './bytes.js'
import type { Memory } from './memory.js'
import type { Slab } from './slab.js'
import type { Topic } from './topics.js'
import type { View } from './view.js'

const VALUE_OVERHEAD_BYTES = 160

/** The newest message of a topic, framed, kept after its slab has left the window. */
export interface LastValue {
  readonly number: number
  readonly topic: Topic
  readonly bytes: Uint8Array
}

/**
 * The newest message of every topic whose place in the window is gone, in number order: what a conflating link that fell
 * far behind reads, and what a late joiner gets.
 */
export class LastValues {
  // Slabs leave in order, so that the order of insertion is the order of numbers.
  readonly #values = new Map<number, LastValue>()

  constructor(private readonly memory: Memory) {}

  get size(): number {
    return this.#values.size
  }

  /** The number of the oldest value, `Infinity` when there is none. */
  get oldest(): number {
    for (const number of this.#values.keys()) return number
    return Infinity
  }

  has(topic: Topic): boolean {
    return this.#values.has(topic.latest)
  }

  values(): Iterable<LastValue> {
    return this.#values.values()
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
    for (let i = Math.max(0, least - slab.first); i < slab.count; i++) {
      const number = slab.first + i
      const topic = topicAt(slab.topics[i] as number)
      if (topic.latest !== number) continue
      const bytes = cloneBytes(slab.bytes, slab.startOf(i), slab.startOf(i + 1))
      this.#values.set(number, { number, topic, bytes })
      topic.kept = true
      this.memory.used += bytes.length + VALUE_OVERHEAD_BYTES
    }
  }

  /** A newer message of `topic` is about to take a number. */
  supersede(topic: Topic): void {
    topic.kept = false
    this.#delete(topic.latest)
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
    this.memory.used -= value.bytes.length + VALUE_OVERHEAD_BYTES
  }
}
