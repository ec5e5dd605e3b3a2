import type { SkipReason } from './framing/framing.js'
import type { MissingRange } from './recovery.js'

/** Numbers of a stream that did not arrive in their turn, and what has become of them. */
export interface GapChange {
  /** Inclusive. */
  readonly from: number
  /** Exclusive. */
  readonly to: number
  /** How many messages this is about: fewer than the range holds where a part of it had another fate. */
  readonly missing: number
  /**
   * `open`: seen, and may still be filled. `recovered`: filled. `lost`: given up. `dropped`: left out by the producer's
   * policy, as it says itself.
   */
  readonly state: 'open' | 'recovered' | 'lost' | 'dropped'
}

/** A gap as it was seen, of which several holes may be left. */
interface Origin {
  readonly from: number
  readonly to: number
  left: number
  recovered: number
}

/** Neighbouring numbers that are missing. */
interface Hole {
  from: number
  to: number
  readonly origin: Origin
  /** The producer has said that it dropped them. */
  declared: boolean
  readonly since: number
  /** Its change to `open` has been told. */
  told: boolean
}

export type Arrived = 'next' | 'ahead' | 'filled' | 'late' | 'duplicate'

/** Ranges that were given up are remembered, so that what still comes is told from a duplicate. */
const MOST_REMEMBERED = 64

/**
 * Which numbers of one stream have arrived, and which have not: a state machine over numbers and times that are told.
 * `next - first = arrived + filtered + declared + missing + lost`, and whoever owns it counts what arrived.
 */
export class Gaps {
  /** One past the highest number that is known of. */
  next: number
  filtered = 0
  declared = 0
  missing = 0
  lost = 0
  duplicates = 0
  late = 0
  /** Sorted, and apart from each other. */
  readonly #holes: Hole[] = []
  readonly #given: { readonly from: number; to: number }[] = []
  #changes: GapChange[] = []
  #untold = false

  constructor(public first: number) {
    this.next = first
  }

  /** Something is missing that may still come. */
  get open(): boolean {
    return this.#holes.length > 0
  }

  /** The lowest number that is missing, or `next`. */
  get lowest(): number {
    return this.#holes[0]?.from ?? this.next
  }

  /** What is missing and may still come, sorted by number, and by age. */
  get holes(): readonly MissingRange[] {
    return this.#holes
  }

  /** What has changed since this was last asked. A gap that was settled meanwhile has never been open. */
  takeChanges(): readonly GapChange[] {
    if (this.#untold) {
      this.#untold = false
      for (const hole of this.#holes) {
        if (hole.told) continue
        hole.told = true
        this.#changes.push({ from: hole.from, to: hole.to, missing: hole.to - hole.from, state: 'open' })
      }
    }
    const changes = this.#changes
    if (changes.length > 0) this.#changes = []
    return changes
  }

  /** A message has arrived. */
  arrive(number: number, now: number): Arrived {
    if (number >= this.next) {
      const answer = number === this.next ? 'next' : 'ahead'
      this.reach(number, false, now)
      this.next = number + 1
      return answer
    }
    const at = this.#search(number)
    const hole = this.#holes[at]
    if (hole !== undefined && number >= hole.from) {
      this.#recover(hole.origin, 1)
      this.#remove(at, number, number + 1)
      return 'filled'
    }
    if (number < this.first || this.#given.some(({ from, to }) => number >= from && number < to)) {
      this.late++
      return 'late'
    }
    this.duplicates++
    return 'duplicate'
  }

  /** The stream goes on at `number`: what lies between has not arrived. */
  reach(number: number, declared: boolean, now: number): void {
    const { next } = this
    if (number <= next) return
    const missing = number - next
    const origin = { from: next, to: number, left: missing, recovered: 0 }
    this.#holes.push({ from: next, to: number, origin, declared, since: now, told: false })
    this.#untold = true
    this.missing += missing
    this.next = number
  }

  /** One line of the stream will not bring these numbers, for a reason that holds for the stream as a whole. */
  skip(from: number, to: number, reason: SkipReason, now: number): void {
    this.reach(from, false, now)
    const known = Math.min(to, this.next)
    for (let at = 0; at < this.#holes.length; at++) {
      const hole = this.#holes[at] as Hole
      const start = Math.max(from, hole.from)
      const end = Math.min(known, hole.to)
      if (start >= end) continue
      if (reason === 'filtered') {
        this.filtered += end - start
        this.#recover(hole.origin, end - start)
        at += this.#remove(at, start, end)
      } else if (!hole.declared) {
        at += this.#declare(at, start, end)
      }
    }
    if (to <= this.next) return
    if (reason === 'filtered') {
      this.filtered += to - this.next
      this.next = to
    } else {
      this.reach(to, true, now)
    }
  }

  /** Gives up what is missing below `number` and has been since `time` or longer: nobody will bring it any more. */
  settle(number: number, time = Infinity): void {
    for (let hole = this.#holes[0]; hole !== undefined && hole.from < number; hole = this.#holes[0]) {
      if (hole.since > time) return
      this.#giveUp(0, hole.from, Math.min(hole.to, number))
    }
  }

  /** Gives up what is missing in a range. */
  abandon(from: number, to: number): void {
    for (let at = this.#search(from); at < this.#holes.length; ) {
      const hole = this.#holes[at] as Hole
      if (hole.from >= to) return
      const start = Math.max(from, hole.from)
      at += 1 + this.#giveUp(at, start, Math.min(to, hole.to))
    }
  }

  /** The past up to `number` is to be fetched: missing, but no gap that anybody need hear of. */
  fetch(number: number, now: number): void {
    if (number <= this.next) return
    this.reach(number, false, now)
    const hole = this.#holes.at(-1) as Hole
    hole.told = true
    hole.origin.left = Infinity
  }

  /** The stream turns out to begin at `number`: nothing before it was ever to be had. */
  begin(number: number): void {
    const hole = this.#holes[0]
    if (hole === undefined || hole.from !== this.first || number <= this.first) return
    this.first = Math.min(hole.to, number)
    this.#remove(0, hole.from, this.first)
  }

  /** The first hole that ends above `number`. */
  #search(number: number): number {
    let low = 0
    let high = this.#holes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#holes[middle] as Hole).to <= number) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Gives up numbers of a hole. Returns by how many the holes have become more. */
  #giveUp(at: number, from: number, to: number): number {
    const { declared, origin } = this.#holes[at] as Hole
    const count = to - from
    this.#changes.push({ from, to, missing: count, state: declared ? 'dropped' : 'lost' })
    this[declared ? 'declared' : 'lost'] += count
    const more = this.#remove(at, from, to)
    origin.left -= count
    this.#close(origin)
    const last = this.#given.at(-1)
    if (last?.to === from) last.to = to
    else this.#given.push({ from, to })
    if (this.#given.length > MOST_REMEMBERED) this.#given.shift()
    return more
  }

  #recover(origin: Origin, count: number): void {
    origin.recovered += count
    origin.left -= count
    this.#close(origin)
  }

  #close({ from, to, left, recovered }: Origin): void {
    if (left === 0 && recovered > 0) this.#changes.push({ from, to, missing: recovered, state: 'recovered' })
  }

  /** Takes numbers out of a hole. Returns by how many the holes have become more. */
  #remove(at: number, from: number, to: number): number {
    const hole = this.#holes[at] as Hole
    this.missing -= to - from
    if (from > hole.from) {
      const before = hole.to
      hole.to = from
      if (to === before) return 0
      this.#holes.splice(at + 1, 0, { ...hole, from: to, to: before })
      return 1
    }
    if (to < hole.to) {
      hole.from = to
      return 0
    }
    // Gaps close from the front nearly always.
    if (at === 0) this.#holes.shift()
    else this.#holes.splice(at, 1)
    return -1
  }

  /** Marks numbers of a hole as dropped by the producer. Returns by how many the holes have become more. */
  #declare(at: number, from: number, to: number): number {
    const hole = this.#holes[at] as Hole
    const parts = [
      { ...hole, to: from },
      { ...hole, from, to, declared: true },
      { ...hole, from: to },
    ].filter((part) => part.from < part.to)
    this.#holes.splice(at, 1, ...parts)
    return parts.length - 1
  }
}
