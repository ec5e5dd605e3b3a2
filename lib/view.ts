import type { Log } from './log.js'
import type { Memory } from './memory.js'
import { matches } from './prefixes.js'
import type { ProducerLink } from './producer-link.js'
import type { Slab } from './slab.js'

/** Bytes that one position takes: its number and the bytes of all matches before it. */
export const POSITION_BYTES = 16
const FIRST_CAPACITY = 64
/** What a prefix takes in a view, whose text it shares with others; measured on V8. */
const PREFIX_BYTES = 64

/**
 * The ordered positions in the log of the messages that match one set of subscriptions. What waits for a link, what a
 * jump drops and what a filter passed over are differences of two indexes: exact at any moment, without reading the log.
 */
export interface View {
  /** The links that read it at its end. */
  readonly links: Set<ProducerLink>
  /** One past the index of the newest match. */
  readonly end: number
  /** Bytes of all matches so far. */
  readonly bytes: number
  /** The view of everything has no positions of its own: the index is the number. */
  readonly whole: boolean
  /** When `end` or `bytes` reaches one of these, a link of this view may have reached its limit. */
  alarmEnd: number
  alarmBytes: number
  numberAt(index: number): number
  /** Bytes of all matches before `index`. */
  bytesBefore(index: number): number
  /** The first index whose number is at least `number`. */
  indexOf(number: number): number
  /** Whether a topic, one character a byte, passes the filter. */
  wants(topic: string): boolean
  /** Whether it is the view of these prefixes. */
  isOf(prefixes: ReadonlySet<string>): boolean
  /** A cursor has a segment of this view; the last to let go gives its memory back. */
  hold(): void
  letGo(): void
}

/** The first index from `low` to `view.end` after which at most `limit` bytes wait. */
export function indexWithin(view: View, low: number, limit: number): number {
  let high = view.end
  const least = view.bytes - limit
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (view.bytesBefore(middle) >= least) high = middle
    else low = middle + 1
  }
  return low
}

/** A run that was gathered for one link, for the next one that stands at the same place. */
export interface Gathered {
  readonly scratch: Slab
  readonly at: number
  readonly to: number
  readonly first: number
  readonly count: number
  /** The place: where a cursor must stand, and where it stands afterwards. */
  readonly index: number
  readonly number: number
  readonly counted: boolean
  readonly end: { readonly index: number; readonly number: number }
}

/** Every message, in subtractions on the log alone. */
export class WholeView implements View {
  readonly links = new Set<ProducerLink>()
  readonly whole = true
  alarmEnd = Infinity
  alarmBytes = Infinity

  constructor(private readonly log: Log) {}

  get end(): number {
    return this.log.next
  }

  get bytes(): number {
    return this.log.bytes
  }

  numberAt(index: number): number {
    return index
  }

  bytesBefore(index: number): number {
    return this.log.bytesBefore(index)
  }

  indexOf(number: number): number {
    return number
  }

  wants(): boolean {
    return true
  }

  isOf(prefixes: ReadonlySet<string>): boolean {
    return prefixes.has('')
  }

  hold(): void {}

  letGo(): void {}
}

/** The matches of a real filter: a ring of positions, kept from the slowest cursor on. */
export class FilteredView implements View {
  readonly links = new Set<ProducerLink>()
  readonly whole = false
  alarmEnd = Infinity
  alarmBytes = Infinity
  end = 0
  bytes = 0
  /** It has matches that its links have not been offered. */
  dirty = false
  gathered: Gathered | undefined
  #base = 0
  #numbers = new Float64Array(FIRST_CAPACITY)
  #before = new Float64Array(FIRST_CAPACITY)
  #holders = 0
  readonly #prefixes: Set<string>

  constructor(
    private readonly memory: Memory,
    prefixes: ReadonlySet<string>,
  ) {
    this.#prefixes = new Set(prefixes)
    memory.used += FIRST_CAPACITY * POSITION_BYTES
    memory.subscribe(prefixes.size * PREFIX_BYTES)
  }

  /** The prefixes, one character a byte. */
  get prefixes(): ReadonlySet<string> {
    return this.#prefixes
  }

  include(prefix: string): void {
    this.#prefixes.add(prefix)
    this.memory.subscribe(PREFIX_BYTES)
  }

  exclude(prefix: string): void {
    this.#prefixes.delete(prefix)
    this.memory.subscribe(-PREFIX_BYTES)
  }

  /** The index of the oldest position that is still kept. */
  get base(): number {
    return this.#base
  }

  /** Whether a topic, one character a byte, passes the filter. */
  wants(topic: string): boolean {
    return matches(this.#prefixes, topic)
  }

  isOf(prefixes: ReadonlySet<string>): boolean {
    if (prefixes.size !== this.prefixes.size) return false
    for (const prefix of prefixes) if (!this.prefixes.has(prefix)) return false
    return true
  }

  push(number: number, size: number): void {
    let mask = this.#numbers.length - 1
    if (this.end - this.#base > mask) {
      this.#grow()
      mask = this.#numbers.length - 1
    }
    const slot = this.end++ & mask
    this.#numbers[slot] = number
    this.#before[slot] = this.bytes
    this.bytes += size
  }

  numberAt(index: number): number {
    return this.#numbers[index & (this.#numbers.length - 1)] as number
  }

  bytesBefore(index: number): number {
    return index >= this.end ? this.bytes : (this.#before[index & (this.#numbers.length - 1)] as number)
  }

  indexOf(number: number): number {
    let low = this.#base
    let high = this.end
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.numberAt(middle) >= number) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Forgets the positions before `index`. */
  trim(index: number): void {
    if (index > this.#base) this.#base = index
    const kept = this.end - this.#base
    if (this.#numbers.length > 4 * FIRST_CAPACITY && kept < this.#numbers.length >> 3)
      this.#resize(this.#numbers.length >> 2)
  }

  hold(): void {
    this.#holders++
  }

  letGo(): void {
    if (--this.#holders > 0) return
    this.memory.used -= this.#numbers.length * POSITION_BYTES
    this.memory.subscribe(-this.#prefixes.size * PREFIX_BYTES)
    this.#numbers = new Float64Array(0)
    this.#before = new Float64Array(0)
    this.gathered = undefined
  }

  #grow(): void {
    this.#resize(this.#numbers.length * 2)
  }

  #resize(capacity: number): void {
    const numbers = new Float64Array(capacity)
    const before = new Float64Array(capacity)
    for (let index = this.#base; index < this.end; index++) {
      const from = index & (this.#numbers.length - 1)
      numbers[index & (capacity - 1)] = this.#numbers[from] as number
      before[index & (capacity - 1)] = this.#before[from] as number
    }
    this.memory.used += (capacity - this.#numbers.length) * POSITION_BYTES
    this.#numbers = numbers
    this.#before = before
  }
}
