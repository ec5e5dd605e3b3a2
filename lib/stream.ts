import { Copies } from './copies.js'
import type { SkipReason } from './framing/framing.js'
import { type GapChange, Gaps } from './gaps.js'
import type { StreamLedger } from './ledger.js'
import type { Arrival } from './message.js'
import type { CompleteLimit } from './overflow.js'
import type { Platform, Timer } from './platform.js'
import { type MissingRange, Recovery, type RecoveryTerms } from './recovery.js'
import { Tally } from './tally.js'

/** A line that brings only old numbers for so long carries a producer that began anew under the same name. */
const RESET_MS = 3_000

/** Gaps that may still be filled: behind one of messages that nobody here wants nothing waits, whose limit it met. */
const MOST_HOLES = 16_384

/** One connection that carries a stream. */
export interface Line {
  /** Everything below it has come through this line, or will not, but for what datagrams overtook. */
  readonly passed: number
  /** Numbers travel with its messages, so that it may bring copies of what another line brings. */
  readonly native: boolean
  /** Asks for numbers once more; absent where nobody answers. */
  readonly request?: ((from: number, count: number) => void) | undefined
}

/** What a stream needs from its consumer. */
export interface StreamHost {
  /** Takes a message in its turn. False when there is no room for more. */
  deliver(arrival: Arrival<never>): boolean
  /** The consumer does not read for now, so that nobody can blame a line for being late. */
  readonly full: boolean
  gap(stream: Stream, change: GapChange): void
  /** What was lost or dropped lies here: after what was delivered so far, and before all that will be. */
  lost(stream: Stream, change: GapChange): void
  /** The producer has ended it, and the fate of every number is known. */
  finished(stream: Stream): void
}

export interface StreamSettings {
  /** How long to wait for a number that another line may bring. */
  readonly holdMs: number
  /** What may wait behind a gap. */
  readonly limit: CompleteLimit
}

/** Where a stream begins here, and how what is missing may still come. */
export interface Beginning {
  /** The first number that is wanted. */
  readonly first: number
  /** The producer may not have all of what lies before the first line's position: that is no loss. */
  readonly past?: boolean
  /** On links that are not ordered and reliable. */
  readonly recovery?: RecoveryTerms | undefined
}

/**
 * One producer's numbered messages, put together from the lines that carry them: the first copy of a number wins, and
 * what another line may still bring holds back what follows. A number is given up when every line has passed it, when
 * it was waited for long enough, or when too much waits behind it.
 */
export class Stream {
  readonly tally = new Tally()
  /** What was taken last, once there are several lines that bring everything. */
  copies: Copies | undefined
  readonly #gaps: Gaps
  readonly #lines = new Set<Line>()
  readonly #reorderMs: number
  #recovery: Recovery | undefined
  /** How long to wait for room before there is anything to ask for. */
  readonly #restMs: number
  #end = Infinity
  /** Nothing new has come since, though lines do bring something. */
  #behindSince: number | undefined
  #seenNext = 0
  #requests = 0
  #isFinished = false
  /** What lies before the first line's position is being fetched. */
  #fetches: boolean
  /** What waits behind a gap, by number. */
  readonly #held: Arrival<never>[] = []
  #heldBytes = 0
  /** A gap has changed, and what follows from that was not done yet. */
  #stirred = false
  /** What was lost or dropped and lies beyond what was passed on, by number. */
  readonly #losses: GapChange[] = []
  /** What was lost or dropped just before the next message. */
  #missed = 0
  #timer: Timer | undefined
  /** When the timer fires, and when what is missing was last looked at for what to ask for. */
  #dueAt = Infinity
  #lookedAt = -Infinity
  #closed = false

  constructor(
    readonly name: string,
    readonly run: number,
    { first, past = false, recovery }: Beginning,
    private readonly platform: Platform,
    private readonly settings: StreamSettings,
    private readonly host: StreamHost,
  ) {
    this.#gaps = new Gaps(first)
    this.#fetches = past
    this.#reorderMs = Math.min(recovery?.reorderMs ?? 0, settings.holdMs)
    const requests = settings.holdMs === 0 ? undefined : recovery?.requests
    this.#restMs = Math.min(requests?.retryMs ?? 0, settings.holdMs)
    if (requests === undefined) return
    const random = () => new DataView(platform.random(new Uint8Array(4)).buffer).getUint32(0) / 2 ** 32
    this.#recovery = new Recovery({ reorderMs: this.#reorderMs, requests }, settings.holdMs, random)
  }

  /** It was forgotten, or its consumer is closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** Somebody carries it. */
  get live(): boolean {
    return this.#lines.size > 0
  }

  /** The producer has ended it, and the fate of every number is known. */
  get finished(): boolean {
    return this.#end === this.#gaps.next && !this.#gaps.open
  }

  /** The number from which on a line should bring messages. */
  get wanted(): number {
    return this.#gaps.lowest
  }

  get first(): number {
    return this.#gaps.first
  }

  /** One past the highest number that is known of. */
  get next(): number {
    return this.#gaps.next
  }

  /** The number at which the producer says that it ends; `Infinity` until it does. */
  get end(): number {
    return this.#end
  }

  /** A line begins to bring what lies from its position on. */
  join(line: Line): void {
    this.#lines.add(line)
    if (line.native && this.#lines.size > 1) this.copies ??= new Copies(this.platform)
    const now = this.platform.now()
    if (this.#fetches) this.#gaps.fetch(line.passed, now)
    else this.#gaps.reach(line.passed, false, now)
    this.#settle()
  }

  /**
   * A line says that it goes on with `number`, where numbers travel with their messages.
   *
   * @returns false when all lines have long been bringing nothing but old numbers: this is another stream
   */
  reach(number: number): boolean {
    const gaps = this.#gaps
    const isNew = number >= gaps.next || gaps.next > this.#seenNext
    this.#seenNext = gaps.next
    if (!isNew) return this.#mayBeBehind()
    this.#behindSince = undefined
    if (number > gaps.next) {
      gaps.reach(number, false, this.platform.now())
      this.#settle()
    }
    return true
  }

  /** An answer to a request has brought the numbers from `from` up to but not including `to`, or found no room. */
  answered(from: number, to: number): void {
    const recovery = this.#recovery
    if (recovery === undefined) return
    const now = this.platform.now()
    if (from === to) {
      recovery.rest(now)
      return
    }
    if (this.#fetches) {
      // The first that the producer still has.
      this.#fetches = false
      this.#gaps.begin(from)
      this.#settle()
    }
    if (!recovery.answered(from, to, now) || !this.#gaps.open) return
    if (this.host.full) this.#rest(recovery, now)
    else this.#recover(now)
  }

  /** The producer says that `number` will never be. */
  finish(number: number): void {
    // Another life of the producer may end elsewhere, and be heard of here.
    if (number > this.#end) return
    this.reach(number)
    if (number < this.#gaps.next) return
    this.#end = number
    this.#settle()
  }

  /** Its producer has begun anew under its name: who is asked now answers for the new life. */
  supersede(): void {
    const [oldest] = this.#gaps.holes
    // What was fetched of the past cannot be had any more, which is no loss.
    if (this.#fetches && oldest !== undefined) this.#gaps.begin(oldest.to)
    this.#fetches = false
    this.#recovery = undefined
    this.#timer?.cancel()
    this.#timer = undefined
    if (!this.live) this.#gaps.settle(Infinity)
    this.#settle()
  }

  leave(line: Line): void {
    if (!this.#lines.delete(line) || this.#closed) return
    // Streams that nobody carries are remembered for long.
    if (!this.live) this.copies = undefined
    // Whoever comes back may bring what is missing; until then only time gives it up.
    if (this.live) this.#settle()
  }

  /** Whether the message is the first with its number. Afterwards comes {@link deliver}, unless it is not wanted. */
  accept(number: number): boolean {
    const gaps = this.#gaps
    if (number === gaps.next && !gaps.open) {
      gaps.next = number + 1
      this.tally.received++
      return true
    }
    // Only a gap has an age, and the clock is too slow to be asked for every second copy.
    const arrived = gaps.arrive(number, number > gaps.next ? this.platform.now() : 0)
    if (arrived === 'late' || arrived === 'duplicate') return false
    this.tally.received++
    this.#stirred ||= arrived !== 'next'
    return true
  }

  /** Passes an accepted message on when its turn has come. False when there is no room for more. */
  deliver(arrival: Arrival<never>): boolean {
    if (!this.#stirred && !this.#gaps.open) return this.#pass(arrival)
    this.#hold(arrival)
    this.#settle()
    const { messages, bytes } = this.settings.limit
    const held = this.#held
    while (held.length > messages || (this.#heldBytes > bytes && held.length > 1)) {
      this.#gaps.settle((held[0] as Arrival).number)
      this.#settle()
    }
    // A line that runs ahead stops with the others, which would else be too late for reasons of our own.
    return !this.host.full
  }

  /** An accepted message was not wanted after all, but what follows it may have waited. False as for {@link deliver}. */
  moved(): boolean {
    if (!this.#stirred && !this.#gaps.open) return true
    this.#settle()
    return !this.host.full
  }

  skip(from: number, to: number, reason: SkipReason): void {
    this.#gaps.skip(from, to, reason, this.platform.now())
    this.#settle()
  }

  ledger(): StreamLedger {
    const { first, next, filtered, declared, missing, lost, duplicates, late } = this.#gaps
    return {
      first,
      next,
      filtered,
      declared,
      missing,
      lost,
      ...this.tally.counts(),
      duplicates,
      late,
      ...(this.live || this.#end === next ? {} : { tail: 'unknown' }),
    }
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  /** A line brings old numbers, and no other brings new ones. False when that has gone on for too long. */
  #mayBeBehind(): boolean {
    const now = this.platform.now()
    this.#behindSince ??= now
    return now - this.#behindSince <= RESET_MS
  }

  /** Gives up what nobody will bring, passes on what waited for that, and tells of it. */
  #settle(): void {
    const gaps = this.#gaps
    if (gaps.open && this.live && this.#reorderMs === 0 && this.#recovery === undefined) gaps.settle(this.#passed())
    const surplus = gaps.holes[gaps.holes.length - MOST_HOLES]
    if (surplus !== undefined) gaps.settle(surplus.from)
    const changes = gaps.takeChanges()
    for (const change of changes) if (change.state === 'lost' || change.state === 'dropped') this.#lose(change)
    this.#release()
    this.#stirred = false
    const [oldest] = gaps.holes
    if (oldest !== undefined) this.#arm(oldest)
    for (const change of changes) this.host.gap(this, change)
    if (this.finished) this.#finished()
  }

  /** The lowest number that a line may still bring. */
  #passed(): number {
    let passed = Infinity
    for (const line of this.#lines) if (line.passed < passed) passed = line.passed
    return passed
  }

  #pass(arrival: Arrival<never>): boolean {
    if (this.#losses.length > 0) this.#tell(arrival.number)
    arrival.missed = this.#missed
    this.#missed = 0
    return this.host.deliver(arrival)
  }

  #hold(arrival: Arrival<never>): void {
    const held = this.#held
    let at = held.length
    while (at > 0 && (held[at - 1] as Arrival).number > arrival.number) at--
    held.splice(at, 0, arrival)
    if (arrival.chunk.held++ === 0) this.#heldBytes += arrival.chunk.bytes.length
    this.tally.inboxWaiting++
  }

  /** Gaps are not given up in the order of their numbers where they were asked for. */
  #lose(change: GapChange): void {
    const losses = this.#losses
    let at = losses.length
    while (at > 0 && (losses[at - 1] as GapChange).from > change.from) at--
    losses.splice(at, 0, change)
  }

  /** Tells of losses below `number`, since nothing below it will be passed on any more. */
  #tell(number: number): void {
    const losses = this.#losses
    for (let loss = losses[0]; loss !== undefined && loss.to <= number; loss = losses[0]) {
      losses.shift()
      this.#missed += loss.missing
      this.host.lost(this, loss)
    }
  }

  /** Passes on what no longer waits for anything. */
  #release(): void {
    const held = this.#held
    const { lowest } = this.#gaps
    let count = 0
    while (count < held.length && (held[count] as Arrival).number < lowest) count++
    const ready = count > 0 ? held.splice(0, count) : []
    for (const arrival of ready) {
      if (--arrival.chunk.held === 0) this.#heldBytes -= arrival.chunk.bytes.length
      this.tally.inboxWaiting--
      this.#pass(arrival)
    }
    this.#tell(lowest)
  }

  /** Sees to it that the oldest hole is looked at in time, and one that was not ripe when last looked, too. */
  #arm(oldest: MissingRange): void {
    const { holdMs } = this.settings
    const patience = this.#recovery === undefined && this.#reorderMs === 0 ? holdMs : this.#reorderMs
    if (this.#timer === undefined) {
      const ripe = oldest.since + patience
      // What was ripe when last looked at waits for a line that is late.
      const at = ripe > this.#lookedAt ? ripe : Math.min(this.#lookedAt + Math.max(1, patience), oldest.since + holdMs)
      this.#wait(at - this.platform.now())
      return
    }
    const at = (this.#gaps.holes.at(-1) ?? oldest).since + patience
    if (at > this.#lookedAt && at < this.#dueAt) this.#wait(at - this.platform.now())
  }

  #wait(delayMs: number): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#closed || delayMs === Infinity) return
    this.#dueAt = this.platform.now() + delayMs
    this.#timer = this.platform.timer(Math.max(1, delayMs), () => {
      this.#timer = undefined
      if (!this.#gaps.open) return
      this.#look(this.platform.now())
    })
  }

  /** Time has passed with something missing. */
  #look(now: number): void {
    const gaps = this.#gaps
    const recovery = this.#recovery
    if (recovery !== undefined) {
      if (this.host.full) this.#rest(recovery, now)
      else this.#recover(now)
      return
    }
    if (this.host.full) {
      // What is missing may lie unread in this very process: then it is given the whole time once more.
      this.#wait(this.settings.holdMs)
      return
    }
    this.#lookedAt = now
    if (this.live) gaps.settle(this.#passed(), now - this.#reorderMs)
    gaps.settle(Infinity, now - this.settings.holdMs)
    this.#settle()
  }

  /** What would be answered now found no room: asks when there is some, with all the time that there was at first. */
  #rest(recovery: Recovery, now: number): void {
    this.#lookedAt = now
    recovery.rest(now)
    this.#wait(this.#restMs)
  }

  /** Asks for what is missing, and gives up what was asked for in vain. */
  #recover(now: number): void {
    this.#lookedAt = now
    // Where the past begins is told by the answer to the lowest request, so that this one goes alone.
    const pipelined = this.#fetches ? 1 : undefined
    const { requests, lost, next } = (this.#recovery as Recovery).plan(this.#gaps.holes, now, pipelined)
    for (const { from, to } of lost) this.#gaps.abandon(from, to)
    for (const { from, to } of requests) this.#request(from, to - from)
    this.#wait(next - now)
    if (lost.length > 0) this.#settle()
  }

  /** Every request goes to another line: whoever did not answer may be gone. */
  #request(from: number, count: number): void {
    const lines = [...this.#lines].filter(({ request }) => request !== undefined)
    lines[this.#requests++ % lines.length]?.request?.(from, count)
  }

  #finished(): void {
    if (this.#isFinished) return
    this.#isFinished = true
    this.host.finished(this)
  }
}
