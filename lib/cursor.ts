import type { CompleteLimit } from './overflow.js'
import type { Slab } from './slab.js'
import { indexWithin, type View } from './view.js'

/**
 * A stretch of a link's way through the log under one filter. A link has one that is open, and before it those that it
 * has not finished: what was sent under an old filter is still read under it.
 */
export interface Segment {
  readonly view: View
  /** The index in `view` at which the link entered it. */
  readonly first: number
  /** The index at which it leaves; `Infinity` while the segment is open. */
  end: number
  /** The number below which it lies; `Infinity` while the segment is open. */
  endNumber: number
  /** Messages dropped between the segment before and this one: the link had closed its ears. */
  readonly droppedBefore: number
  /** Only the newest message of each topic is read. */
  readonly conflates: boolean
}

/** What is left of a message that is written slice by slice. */
export interface Partial {
  readonly bytes: Uint8Array
  readonly slab: Slab | undefined
  readonly number: number
  readonly end: number
  at: number
}

/** A link's place in the log. Everything here is counted in indexes of views, so that all sums are subtractions. */
export class Cursor {
  /** The segments still to read; the last one is open unless the cursor is deaf. */
  readonly segments: Segment[] = []
  /** Where it reads, in the first segment's view. */
  index = 0
  /** Every number below is settled for this link: handed, passed over or dropped. */
  number: number
  /** Messages dropped or superseded at this place whose numbers lie somewhere between `number` and the next message. */
  unplaced = 0
  /** Numbers passed since the last message that was handed, by reason: what a SKIP has to say. */
  owedFiltered = 0
  owedDropped = 0
  /** Messages passed over because their topic has a newer one. */
  superseded = 0
  /** Messages that the window had left before the cursor came to them. */
  evicted = 0
  /** Numbers of the first segment, its last ones, of which nobody knows yet whether they pass its filter. */
  unsearched = 0
  /** A large message of which only a part is written. */
  partial: Partial | undefined
  /** Matches of segments that were left, and of times of deafness. */
  #matchedBefore = 0
  /** While the link takes nothing new (keep: oldest): the view that is counted, and from where. */
  #deaf: { view: View; from: number; dropped: number } | undefined

  /** The segment in front of which it went back. */
  #returnsTo: Segment | undefined

  /** The number from which this connection's ledger counts. */
  origin: number

  constructor(origin: number) {
    this.origin = origin
    this.number = origin
  }

  /** Only the newest of each topic is read of what comes now. */
  get conflates(): boolean {
    return this.segments.at(-1)?.conflates === true
  }

  get deaf(): boolean {
    return this.#deaf !== undefined
  }

  /** The view at whose end the link reads or counts. */
  get view(): View | undefined {
    return this.#deaf?.view ?? this.segments.at(-1)?.view
  }

  /** Messages that passed the filter so far. */
  get matched(): number {
    let matched = this.#matchedBefore + this.deafDropped
    for (const segment of this.segments) matched += endOf(segment) - segment.first
    return matched
  }

  /** Messages that a deaf link has missed so far, not yet counted anywhere else. */
  get deafDropped(): number {
    const deaf = this.#deaf
    return deaf === undefined ? 0 : deaf.dropped + deaf.view.end - deaf.from
  }

  /** Messages that wait; what was not searched yet is taken to. */
  get waiting(): number {
    const { segments } = this
    if (segments.length === 0) return 0
    let waiting = this.unsearched + endOf(segments[0] as Segment) - this.index
    for (let i = 1; i < segments.length; i++) {
      const segment = segments[i] as Segment
      waiting += endOf(segment) - segment.first
    }
    return waiting
  }

  get waitingBytes(): number {
    let bytes = 0
    let from = this.index
    for (const [i, segment] of this.segments.entries()) {
      if (i > 0) from = segment.first
      if (endOf(segment) > from) bytes += segment.view.bytesBefore(endOf(segment)) - segment.view.bytesBefore(from)
    }
    return bytes
  }

  /** The number of the first message that waits, `Infinity` when none does. */
  get nextWaiting(): number {
    let from = this.index
    for (const [i, segment] of this.segments.entries()) {
      if (i > 0) from = segment.first
      if (endOf(segment) > from) return segment.view.numberAt(from)
      if (i === 0 && this.unsearched > 0) return segment.endNumber - this.unsearched
    }
    return Infinity
  }

  /** Goes on with `view` from `number` on, which is the view's end, or from `first` where its history is wanted. */
  enter(view: View, conflates: boolean, number: number, first = view.end): void {
    const deaf = this.#deaf
    if (deaf !== undefined) {
      this.#deaf = { view, from: view.end, dropped: this.deafDropped }
      view.hold()
      deaf.view.letGo()
      return
    }
    const open = this.segments.at(-1)
    let droppedBefore = 0
    if (open !== undefined && open.end === Infinity) {
      open.end = open.view.end
      open.endNumber = number
      if (open.end === open.first && this.segments.length > 1) {
        // Nothing came while it was open: filters that change to and fro must not pile up.
        ;({ droppedBefore } = open)
        this.segments.pop()
        open.view.letGo()
      }
    }
    this.#push(view, first, droppedBefore, conflates)
  }

  /** Takes nothing new until {@link listen}; what passes the filter meanwhile is dropped. */
  stopListening(): void {
    const open = this.segments.at(-1)
    if (open === undefined || this.#deaf !== undefined) return
    open.end = open.view.end
    this.#deaf = { view: open.view, from: open.view.end, dropped: 0 }
    open.view.hold()
  }

  /** Listens again. Returns how many messages were dropped meanwhile. */
  listen(): number {
    const deaf = this.#deaf
    if (deaf === undefined) return 0
    const dropped = this.deafDropped
    this.#deaf = undefined
    this.#matchedBefore += dropped
    this.#push(deaf.view, deaf.view.end, dropped, false)
    deaf.view.letGo()
    return dropped
  }

  #push(view: View, first: number, droppedBefore: number, conflates: boolean): void {
    view.hold()
    this.segments.push({ view, first, end: Infinity, endNumber: Infinity, droppedBefore, conflates })
    if (this.segments.length === 1) {
      this.index = first
      this.unplaced += droppedBefore
    }
    this.advance()
  }

  /** Leaves the segments that are read to their end. Returns the one to read, or undefined when nothing waits. */
  advance(): Segment | undefined {
    const { segments } = this
    for (;;) {
      const segment = segments[0]
      if (segment === undefined) return undefined
      if (this.index < endOf(segment)) return segment
      if (this.unsearched > 0) return undefined
      const next = segments[1]
      if (next === undefined) return undefined
      this.#matchedBefore += segment.end - segment.first
      segments.shift()
      segment.view.letGo()
      this.index = next.first
      this.unplaced += next.droppedBefore
    }
  }

  /** Comes to `number`: what lies before it was dropped as far as is known, and filtered for the rest. */
  passTo(number: number): void {
    const passed = number - this.number
    const dropped = Math.min(this.unplaced, passed)
    this.unplaced -= dropped
    this.owedDropped += dropped
    this.owedFiltered += passed - dropped
    this.number = number
  }

  /** The peer does not count, so that nobody need be told what was passed over. */
  forget(): void {
    this.owedFiltered = 0
    this.owedDropped = 0
  }

  /** How many of the oldest that wait must go so that the newest fit `limit`. The newest of all always stays. */
  excess(limit: CompleteLimit): number {
    const { waiting } = this
    if (waiting <= 1) return 0
    const byCount = waiting - limit.messages
    const over = this.waitingBytes - limit.bytes
    if (over <= 0) return Math.max(0, byCount)
    return Math.min(waiting - 1, Math.max(byCount, this.#countOf(over)))
  }

  /** How many of the oldest that wait make up at least `bytes`. */
  #countOf(bytes: number): number {
    let count = 0
    let left = bytes
    let from = this.index
    for (const [i, segment] of this.segments.entries()) {
      if (i > 0) from = segment.first
      const { view } = segment
      const end = endOf(segment)
      if (end <= from) continue
      const size = view.bytesBefore(end) - view.bytesBefore(from)
      if (size >= left) {
        const keep = view.bytes - view.bytesBefore(from) - left
        return count + Math.min(end, indexWithin(view, from, keep)) - from
      }
      count += end - from
      left -= size
    }
    return count
  }

  /** Drops the oldest `count` messages that wait. */
  drop(count: number): void {
    let left = count
    for (let segment = this.advance(); left > 0 && segment !== undefined; segment = this.advance()) {
      const passed = Math.min(left, endOf(segment) - this.index)
      this.index += passed
      this.unplaced += passed
      left -= passed
    }
    // Whoever gives up what waits gives up the search.
    const given = Math.min(left, this.unsearched)
    this.unsearched -= given
    this.unplaced += given
    this.#matchedBefore += given
    this.advance()
  }

  /** More of the first segment has been searched. */
  searched(unsearched: number): void {
    const segment = this.segments[0] as Segment
    segment.end = segment.view.end
    this.unsearched = unsearched
    this.advance()
  }

  /** How many of those that wait have a number below `number`. */
  countBelow(number: number): number {
    let count = 0
    let from = this.index
    for (const [i, segment] of this.segments.entries()) {
      if (i > 0) from = segment.first
      const end = endOf(segment)
      if (end <= from) continue
      const to = Math.min(end, Math.max(from, segment.view.indexOf(number)))
      count += to - from
      if (to < end) break
    }
    return count
  }

  /**
   * Begins a new ledger here: what waits is counted anew, what is settled no more. Returns how many messages lie among
   * those that wait and were dropped, so that the new ledger begins with them.
   *
   * @param end the number that the next message will have
   */
  rebase(end: number): number {
    this.advance()
    if (!this.deaf || this.waiting > 0) this.number = Math.min(end, this.nextWaiting)
    this.origin = this.number
    this.unplaced = 0
    this.superseded = 0
    this.evicted = 0
    this.owedFiltered = 0
    this.owedDropped = 0
    const [segment, ...later] = this.segments
    const dropped = later.reduce((sum, { droppedBefore }) => sum + droppedBefore, 0)
    this.#matchedBefore = dropped + (segment === undefined ? 0 : segment.first - this.index)
    return dropped
  }

  /** It went back, and has not come again to where it was. */
  get returns(): boolean {
    const segment = this.#returnsTo
    return segment !== undefined && this.segments[0] !== segment && this.segments.includes(segment)
  }

  /**
   * Goes back to `number`, after {@link rebase}: what another connection was handed is read once more, in `view` from
   * index `first` to `end`. Behind it waits what waited before.
   */
  rewind(number: number, view: View, first: number, end: number, conflates: boolean, unsearched = 0): void {
    const next = this.segments[0] as Segment
    this.#matchedBefore += this.index - next.first
    this.segments[0] = { ...next, first: this.index, droppedBefore: this.unplaced }
    view.hold()
    this.#returnsTo = this.segments[0]
    this.segments.unshift({ view, first, end, endNumber: this.number, droppedBefore: 0, conflates })
    this.unplaced = 0
    this.unsearched = unsearched
    this.index = first
    this.number = number
    this.origin = number
  }

  /** Lets go of all views; the counts stay as they are. */
  release(): void {
    for (const { view } of this.segments) view.letGo()
    this.#deaf?.view.letGo()
  }

  /** The segments still to read, each with the first index that is still to read. */
  *held(): Iterable<[segment: Segment, from: number]> {
    for (const [i, segment] of this.segments.entries()) yield [segment, i === 0 ? this.index : segment.first]
  }
}

/** Where a segment ends so far. */
export function endOf(segment: Segment): number {
  return Math.min(segment.end, segment.view.end)
}
