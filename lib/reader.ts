import { copyBytes, copyWords } from './bytes.js'
import { type Cursor, endOf, type Partial, type Segment } from './cursor.js'
import type { SkipFraming } from './framing/framing.js'
import type { LastValue, LastValues } from './last-values.js'
import type { Log } from './log.js'
import type { Slab } from './slab.js'
import type { Topics } from './topics.js'
import { FilteredView } from './view.js'

/** A stretch of matches of at least this many bytes leaves as a slice of its slab; shorter ones are gathered by copying. */
const SLICE_BYTES = 2048
/** From here on a call into the runtime copies faster. */
const WORDS_BYTES = 256
/** Gathering goes to a fresh buffer when less than this is left in the one at hand. */
const LEAST_ROOM = 4096

/** What a link may be given in one write. */
export interface Room {
  /** Bytes and messages of one write of the carrier. */
  readonly bytes: number
  readonly messages: number
  /** Bytes that may still go unacknowledged. */
  readonly allowance: number
  /** Nothing is open, so that a message above the allowance may go alone. */
  readonly idle: boolean
  /** The peer counts numbers and understands SKIP. */
  readonly counted: boolean
}

/**
 * Cuts the next run out of the log for a cursor, and moves the cursor past it. There is one reader a log; the run it
 * has cut stands in its fields until the next call.
 */
export class Reader {
  /** The run. */
  bytes: Uint8Array
  /** The number of the first message in it. */
  first = 0
  /** Messages that begin in it, and messages that end in it. */
  begun = 0
  count = 0
  /** The slab that the run stands in, pinned for the caller; undefined where the run has memory of its own. */
  slab: Slab | undefined
  /** The message that is next has to be read from the disk first. */
  absent = false
  #scratch: Slab | undefined

  constructor(
    private readonly log: Log,
    private readonly topics: Topics,
    private readonly lastValues: LastValues,
  ) {
    this.bytes = new Uint8Array(0)
  }

  /** Cuts a run of at most `room`. False when nothing waits, or nothing fits. */
  cut(cursor: Cursor, room: Room): boolean {
    this.absent = false
    if (cursor.partial !== undefined) return this.#slice(cursor, cursor.partial, room)
    for (let segment = cursor.advance(); segment !== undefined; segment = cursor.advance()) {
      if (!segment.conflates) {
        const number = segment.view.numberAt(cursor.index)
        if (number >= this.log.oldest) {
          this.absent = this.log.residentSlabOf(number) === undefined
          return !this.absent && this.#stretch(cursor, segment, room)
        }
        // The window passed it while the cursor was still busy with older values.
        const gone = cursor.countBelow(this.log.oldest)
        cursor.drop(gone)
        cursor.evicted += gone
        continue
      }
      if (cursor.index < this.#windowIndex(segment)) {
        if (this.#gatherLastValues(cursor, segment, room)) return true
        if (cursor.index < this.#windowIndex(segment)) return false
      }
      if (this.#passSuperseded(cursor, segment)) return this.#stretch(cursor, segment, room)
    }
    return false
  }

  /** Cuts the SKIPs that bring the peer's count to the cursor's number. False when it is there already. */
  cutSkips(cursor: Cursor): boolean {
    const { skip } = this.log.framing
    if (skip === undefined || cursor.owedFiltered + cursor.owedDropped === 0) return false
    const scratch = this.#scratchFor(2 * skip.size)
    const at = scratch.used
    writeSkips(cursor, scratch, skip)
    this.#found(scratch, at, scratch.used, cursor.number, 0)
    return true
  }

  /** Neighbouring matches as one slice of their slab, or several short stretches copied into one buffer. */
  #stretch(cursor: Cursor, segment: Segment, room: Room): boolean {
    const { view } = segment
    const number = view.numberAt(cursor.index)
    const slab = this.log.slabOf(number)
    const index = number - slab.first
    const waiting = endOf(segment) - cursor.index
    let count = Math.min(room.messages, neighbours(segment, cursor.index, waiting, number, slab))
    const start = slab.startOf(index)
    let size = slab.startOf(index + count) - start
    if (size < SLICE_BYTES && count < waiting && count < room.messages) {
      // A stretch that ends with its slab is short by chance, not by its filter.
      if (!view.whole || segment.conflates) return this.#gather(cursor, segment, slab, room)
    }

    if (this.#settleOwed(cursor, number, room)) return true
    const limit = Math.min(room.bytes, room.allowance)
    if (size > limit) {
      count = slab.indexWithin(start + limit) - index
      if (count <= 0)
        return this.#begin(cursor, { bytes: slab.bytes, slab, at: start, end: slab.startOf(index + 1), number }, room)
      size = slab.startOf(index + count) - start
    }
    cursor.index += count
    cursor.number += count
    this.#found(slab, start, start + size, number, count)
    return true
  }

  /** Copies what waits in short stretches into one run, with its SKIPs in place. */
  #gather(cursor: Cursor, segment: Segment, firstSlab: Slab, room: Room): boolean {
    const { view } = segment
    const shares = view instanceof FilteredView && !segment.conflates && !owes(cursor)
    if (shares && this.#reuse(cursor, segment, view, room)) return true
    const scratch = this.#scratchFor(LEAST_ROOM)
    const at = scratch.used
    const { index, number: place } = cursor
    const limit = Math.min(scratch.bytes.length, at + Math.min(room.bytes, room.allowance))
    let slab = firstSlab
    let first = 0
    let count = 0
    while (count < room.messages) {
      if (segment.conflates ? !this.#passSuperseded(cursor, segment) : cursor.index >= endOf(segment)) break
      const number = view.numberAt(cursor.index)
      if (number >= slab.next) {
        const next = this.log.residentSlabOf(number)
        if (next === undefined) break
        slab = next
      }
      const from = slab.startOf(number - slab.first)
      const to = slab.ends[number - slab.first] as number
      if (count > 0 && to - from >= SLICE_BYTES) break
      if (!this.#append(cursor, slab, from, to, number, scratch, limit, room.counted)) break
      if (count++ === 0) first = number
      cursor.index++
    }
    if (count === 0) return cursor.index < endOf(segment) && this.#alone(cursor, segment, room)
    if (shares) {
      const end = { index: cursor.index, number: cursor.number }
      view.gathered = { scratch, at, to: scratch.used, first, count, index, number: place, counted: room.counted, end }
    }
    this.#found(scratch, at, scratch.used, first, count)
    return true
  }

  /** Another link of this view has been at this place before: the run that was gathered for it serves again. */
  #reuse(cursor: Cursor, segment: Segment, view: FilteredView, room: Room): boolean {
    const known = view.gathered
    if (known === undefined || known.scratch !== this.#scratch) return false
    if (known.index !== cursor.index || known.number !== cursor.number || known.counted !== room.counted) return false
    if (known.end.index > segment.end || known.count > room.messages) return false
    if (known.to - known.at > Math.min(room.bytes, room.allowance)) return false
    cursor.index = known.end.index
    cursor.number = known.end.number
    this.#found(known.scratch, known.at, known.to, known.first, known.count)
    return true
  }

  /** What has left the window is read from the last values; all else that the cursor missed there is superseded. */
  #gatherLastValues(cursor: Cursor, segment: Segment, room: Room): boolean {
    const { view } = segment
    const window = this.log.start
    const windowIndex = this.#windowIndex(segment)
    const values = this.lastValues.between(cursor.number, Math.min(window, segment.endNumber), view)
    const superseded = windowIndex - cursor.index - values.length
    cursor.index += superseded
    cursor.unplaced += superseded
    cursor.superseded += superseded

    const scratch = this.#scratchFor(LEAST_ROOM)
    const at = scratch.used
    const limit = Math.min(scratch.bytes.length, at + Math.min(room.bytes, room.allowance))
    let count = 0
    for (const { shelf, from, to, number } of values) {
      const short = to - from < SLICE_BYTES
      if (!short || !this.#append(cursor, shelf, from, to, number, scratch, limit, room.counted)) {
        if (count > 0 || (short && !room.idle)) break
        if (this.#settleOwed(cursor, number, room)) return true
        return this.#begin(cursor, { bytes: shelf.bytes, slab: undefined, at: from, end: to, number }, room)
      }
      cursor.index++
      if (++count === room.messages) break
    }
    if (count === 0) return false
    this.#found(scratch, at, scratch.used, (values[0] as LastValue).number, count)
    return true
  }

  /** The first index of `segment` that is still in the window, or its end. */
  #windowIndex(segment: Segment): number {
    return Math.min(endOf(segment), Math.max(segment.first, segment.view.indexOf(this.log.start)))
  }

  /** Passes over messages whose topic has a newer one. False when that leaves nothing in this segment. */
  #passSuperseded(cursor: Cursor, segment: Segment): boolean {
    const end = endOf(segment)
    let slab: Slab | undefined
    for (; cursor.index < end; cursor.index++) {
      const number = segment.view.numberAt(cursor.index)
      if (slab === undefined || number >= slab.next) slab = this.log.slabOf(number)
      if (this.topics.at(slab.topics[number - slab.first] as number).latest === number) return true
      cursor.unplaced++
      cursor.superseded++
    }
    return false
  }

  /** Adds one message to the gathered run, after the SKIPs that it needs. False when it does not fit. */
  #append(
    cursor: Cursor,
    { bytes, words }: { readonly bytes: Uint8Array; readonly words: DataView },
    from: number,
    to: number,
    number: number,
    scratch: Slab,
    limit: number,
    counted: boolean,
  ): boolean {
    const skip = counted ? this.log.framing.skip : undefined
    if (scratch.used + to - from + 2 * (skip?.size ?? 0) > limit) return false
    cursor.passTo(number)
    if (skip === undefined) cursor.forget()
    else writeSkips(cursor, scratch, skip)
    if (to - from <= WORDS_BYTES) copyWords(words, from, to, scratch.words, scratch.used)
    else copyBytes(bytes, from, to, scratch.bytes, scratch.used)
    scratch.used += to - from
    cursor.number = number + 1
    return true
  }

  /** The next message although it does not fit, if nothing else is open: nothing but itself could make room for it. */
  #alone(cursor: Cursor, { view }: Segment, room: Room): boolean {
    if (!room.idle) return false
    const number = view.numberAt(cursor.index)
    const slab = this.log.slabOf(number)
    if (this.#settleOwed(cursor, number, room)) return true
    const index = number - slab.first
    return this.#begin(
      cursor,
      { bytes: slab.bytes, slab, at: slab.startOf(index), end: slab.startOf(index + 1), number },
      room,
    )
  }

  /** Comes to `number`. True when the run is the SKIPs that the peer must have before it. */
  #settleOwed(cursor: Cursor, number: number, room: Room): boolean {
    cursor.passTo(number)
    if (room.counted) return this.cutSkips(cursor)
    cursor.forget()
    return false
  }

  /** Begins a message that is larger than one write. */
  #begin(cursor: Cursor, partial: Partial, room: Room): boolean {
    if (partial.end - partial.at > room.allowance && !room.idle) return false
    cursor.index++
    cursor.number = partial.number + 1
    if (partial.slab !== undefined) this.log.pin(partial.slab)
    cursor.partial = partial
    this.#slice(cursor, partial, room)
    this.begun = 1
    return true
  }

  #slice(cursor: Cursor, partial: Partial, room: Room): boolean {
    const { at, end, slab } = partial
    const to = Math.min(end, at + room.bytes)
    this.bytes = partial.bytes.subarray(at, to)
    this.slab = slab
    this.first = partial.number
    this.begun = 0
    this.count = to === end ? 1 : 0
    partial.at = to
    if (slab !== undefined) this.log.pin(slab)
    if (to === end) this.abandon(cursor)
    return true
  }

  /** Lets go of a message that is half written, or has just been written to its end. */
  abandon(cursor: Cursor): void {
    const slab = cursor.partial?.slab
    cursor.partial = undefined
    if (slab !== undefined) this.log.unpin(slab)
  }

  #found(slab: Slab, from: number, to: number, first: number, count: number): void {
    this.log.pin(slab)
    this.bytes = slab.bytes.subarray(from, to)
    this.slab = slab
    this.first = first
    this.begun = count
    this.count = count
  }

  /** A buffer with room for `size` bytes, written from front to back like any slab. */
  #scratchFor(size: number): Slab {
    const scratch = this.#scratch
    if (scratch !== undefined && scratch.bytes.length - scratch.used >= size) return scratch
    if (scratch !== undefined) this.release()
    this.#scratch = this.log.pool.takeWhole()
    this.#scratch.reset(0, 0)
    return this.#scratch
  }

  /** Lets go of the memory that is kept for gathering. */
  release(): void {
    if (this.#scratch !== undefined) this.log.retire(this.#scratch)
    this.#scratch = undefined
  }
}

/** How many matches from `index` on stand next to each other in `slab`. */
function neighbours(segment: Segment, index: number, waiting: number, number: number, slab: Slab): number {
  const { view } = segment
  if (segment.conflates) return 1
  const most = Math.min(waiting, slab.next - number)
  if (view.whole) return most
  // Positions rise by at least one, so that the last of a stretch tells of all before it.
  if (view.numberAt(index + most - 1) === number + most - 1) return most
  let count = 1
  while (count < most && view.numberAt(index + count) === number + count) count++
  return count
}

function owes(cursor: Cursor): boolean {
  return cursor.unplaced + cursor.owedFiltered + cursor.owedDropped > 0
}

function writeSkips(cursor: Cursor, scratch: Slab, skip: SkipFraming): void {
  if (cursor.owedFiltered > 0) {
    skip.write(scratch.bytes, scratch.used, cursor.owedFiltered, 'filtered')
    scratch.used += skip.size
  }
  if (cursor.owedDropped > 0) {
    skip.write(scratch.bytes, scratch.used, cursor.owedDropped, 'dropped')
    scratch.used += skip.size
  }
  cursor.forget()
}
