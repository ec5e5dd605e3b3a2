import { copyBytes } from './bytes.js'
import type { Platform } from './platform.js'

/** Topics that are remembered at a time, and the bytes of all of them; beyond either, all are forgotten. */
const MOST_TOPICS = 65_536
const MOST_BYTES = 4 * 1024 * 1024
/** Longer ones are against the rules, so that they are rare, and are not worth the room. */
const LONGEST = 1024
const FIRST_SLOTS = 256

/** FNV-1a. Its values are known to whoever wants to make topics collide: see {@link MOST_PROBES}. */
const HASH_START = 0x811c9dc5
const HASH_STEP = 0x01000193
/** A peer that makes all its topics collide gets a new string for each message, as it would without this table. */
const MOST_PROBES = 32

/**
 * Strings for topics that arrive as bytes, so that the same topic is the same string and is not made anew for every
 * message. Columns of numbers, because an object for each topic costs three times as much to find.
 *
 * An id holds until the next {@link find}.
 */
export class TopicNames {
  #texts: string[] = []
  #starts: number[] = []
  #hashes: number[] = []
  /** What the owner wants to remember of each topic. */
  readonly marks: number[] = []
  #bytes: Uint8Array
  #end = 0
  /** Ids plus one by hash; 0 is free. Twice as many as topics at least, so that there is always a free one. */
  #slots = new Int32Array(FIRST_SLOTS)

  constructor(
    private readonly platform: Platform,
    private readonly most: { readonly topics: number; readonly bytes: number } = {
      topics: MOST_TOPICS,
      bytes: MOST_BYTES,
    },
  ) {
    this.#bytes = platform.allocate(4096)
  }

  /** The number of topics that are remembered. */
  get size(): number {
    return this.#texts.length
  }

  /** The id of the topic in `source[from, to)`, known or made known; -1 for one that cannot be remembered. */
  find(source: Uint8Array, from: number, to: number): number {
    let hash = HASH_START
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (source[i] as number), HASH_STEP)
    // The low bits of FNV depend on the low bits of the bytes alone.
    hash ^= hash >>> 15
    const slots = this.#slots
    const mask = slots.length - 1
    const size = to - from
    for (let probe = 0, at = hash & mask; probe < MOST_PROBES; probe++, at = (at + 1) & mask) {
      const id = (slots[at] as number) - 1
      if (id < 0) return this.#add(source, from, to, hash, at)
      if (this.#hashes[id] !== hash) continue
      const start = this.#starts[id] as number
      if ((this.#starts[id + 1] as number) - start !== size) continue
      const bytes = this.#bytes
      let i = 0
      while (i < size && bytes[start + i] === source[from + i]) i++
      if (i === size) return id
    }
    return -1
  }

  text(id: number): string {
    return this.#texts[id] as string
  }

  /** The topic in `source[from, to)` as a string. */
  read(source: Uint8Array, from: number, to: number): string {
    const id = this.find(source, from, to)
    return id < 0 ? this.platform.readText(source, from, to) : (this.#texts[id] as string)
  }

  #add(source: Uint8Array, from: number, to: number, hash: number, at: number): number {
    const size = to - from
    if (size > LONGEST || size > this.most.bytes) return -1
    if (this.#texts.length >= this.most.topics || this.#end + size > this.most.bytes) {
      this.#forget()
      return this.find(source, from, to)
    }
    if (this.#end + size > this.#bytes.length) this.#growBytes(size)
    copyBytes(source, from, to, this.#bytes, this.#end)
    const id = this.#texts.length
    this.#texts.push(this.platform.readText(source, from, to))
    this.#hashes.push(hash)
    this.marks.push(0)
    this.#starts[id] = this.#end
    this.#end += size
    this.#starts[id + 1] = this.#end
    this.#slots[at] = id + 1
    if ((id + 1) * 2 > this.#slots.length) this.#growSlots()
    return id
  }

  #growBytes(size: number): void {
    const larger = this.platform.allocate(2 * Math.max(this.#bytes.length, size))
    copyBytes(this.#bytes, 0, this.#end, larger, 0)
    this.#bytes = larger
  }

  #growSlots(): void {
    const slots = new Int32Array(this.#slots.length * 4)
    const mask = slots.length - 1
    for (let id = 0; id < this.#hashes.length; id++) {
      let at = (this.#hashes[id] as number) & mask
      while (slots[at] !== 0) at = (at + 1) & mask
      slots[at] = id + 1
    }
    this.#slots = slots
  }

  #forget(): void {
    this.#texts = []
    this.#starts = []
    this.#hashes = []
    this.marks.length = 0
    this.#end = 0
    this.#slots.fill(0)
  }
}
