import { byteString } from './bytes.js'
import type { Platform } from './platform.js'
import { MAX_TOPIC_BYTES } from './topic.js'
import type { TopicNames } from './topic-names.js'

/** The prefixes that a consumer wants, each as often as it was asked for. */
export class Subscriptions {
  /** Everything is wanted. */
  all = false
  /** By prefix, one character a byte: how often it was asked for, and its bytes. */
  readonly #counts = new Map<string, { count: number; readonly bytes: Uint8Array }>()
  /** How many prefixes there are of each length. */
  readonly #lengths = new Map<number, number>()
  /** Changes with every change of the prefixes, so that what is remembered of a topic is known to be old. Even. */
  #epoch = 2

  constructor(
    private readonly platform: Platform,
    private readonly names: TopicNames,
  ) {}

  get size(): number {
    return this.#counts.size
  }

  get prefixes(): Uint8Array[] {
    return Array.from(this.#counts.values(), ({ bytes }) => bytes)
  }

  has(topic: string | Uint8Array): boolean {
    const bytes = this.bytesOf(topic)
    return this.#match(bytes, 0, bytes.length)
  }

  /** The prefix as bytes, when it is wanted for the first time. */
  add(prefix: string | Uint8Array): Uint8Array | undefined {
    const bytes = this.bytesOf(prefix)
    const key = byteString(bytes, 0, bytes.length)
    const known = this.#counts.get(key)
    if (known !== undefined) {
      known.count++
      return undefined
    }
    this.#counts.set(key, { count: 1, bytes })
    this.#changed(key.length, 1)
    return bytes
  }

  /** The prefix as bytes, when it was wanted and is no more. */
  remove(prefix: string | Uint8Array): Uint8Array | undefined {
    const bytes = this.bytesOf(prefix)
    const key = byteString(bytes, 0, bytes.length)
    const known = this.#counts.get(key)
    if (known === undefined || --known.count > 0) return undefined
    this.#counts.delete(key)
    this.#changed(key.length, -1)
    return bytes
  }

  /** Whether the topic in `source[from, to)` is wanted. Topics come again and again, so that most are known. */
  wants(source: Uint8Array, from: number, to: number): boolean {
    if (this.all) return true
    const id = this.names.find(source, from, to)
    if (id < 0) return this.#match(source, from, to)
    const mark = this.names.marks[id] as number
    if (mark >= this.#epoch) return mark > this.#epoch
    const wanted = this.#match(source, from, to)
    this.names.marks[id] = wanted ? this.#epoch + 1 : this.#epoch
    return wanted
  }

  /** Bytes of its own for what the caller may use again. */
  bytesOf(prefix: string | Uint8Array): Uint8Array {
    if (typeof prefix !== 'string') return new Uint8Array(prefix)
    const bytes = this.platform.allocate(this.platform.textSize(prefix))
    this.platform.writeText(bytes, 0, prefix)
    return bytes
  }

  /** There are `more` prefixes of this length. */
  #changed(length: number, more: 1 | -1): void {
    const count = (this.#lengths.get(length) ?? 0) + more
    if (count === 0) this.#lengths.delete(length)
    else this.#lengths.set(length, count)
    this.all = this.#counts.has('')
    this.#epoch += 2
  }

  #match(source: Uint8Array, from: number, to: number): boolean {
    if (this.all) return true
    const topic = byteString(source, from, Math.min(to, from + MAX_TOPIC_BYTES))
    for (const length of this.#lengths.keys()) {
      if (length <= topic.length && this.#counts.has(topic.slice(0, length))) return true
    }
    return false
  }
}
