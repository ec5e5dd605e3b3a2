import type { SkipReason } from './framing/framing.js'
import { type GapChange, Gaps } from './gaps.js'
import type { StreamLedger } from './ledger.js'
import type { Arrival } from './message.js'
import type { CompleteLimit } from './overflow.js'
import type { Platform, Timer } from './platform.js'
import { Tally } from './tally.js'

/** One connection that carries a stream. */
export interface Line {
  /** The number that it brings next. */
  readonly position: number
}

/** What a stream needs from its consumer. */
export interface StreamHost {
  /** Takes a message in its turn. False when there is no room for more. */
  deliver(arrival: Arrival<never>): boolean
  /** The consumer does not read for now, so that nobody can blame a line for being late. */
  readonly full: boolean
  gap(stream: Stream, change: GapChange): void
}

export interface StreamSettings {
  /** How long to wait for a number that another line may bring. */
  readonly holdMs: number
  /** What may wait behind a gap. */
  readonly limit: CompleteLimit
}

/**
 * One producer's numbered messages, put together from the lines that carry them: the first copy of a number wins, and
 * what another line may still bring holds back what follows. A number is given up when every line has passed it, when
 * it was waited for long enough, or when too much waits behind it.
 */
export class Stream {
  readonly tally = new Tally()
  readonly #gaps: Gaps
  readonly #lines = new Set<Line>()
  /** What waits behind a gap, by number. */
  #held: Arrival<never>[] = []
  #heldBytes = 0
  /** What was lost or dropped, and no message has told of it yet. */
  readonly #losses: Loss[] = []
  #timer: Timer | undefined
  #closed = false

  constructor(
    readonly name: string,
    readonly run: number,
    first: number,
    private readonly platform: Platform,
    private readonly settings: StreamSettings,
    private readonly host: StreamHost,
  ) {
    this.#gaps = new Gaps(first)
  }

  /** Somebody carries it. */
  get live(): boolean {
    return this.#lines.size > 0
  }

  /** The number from which on a line should bring messages. */
  get wanted(): number {
    return this.#gaps.lowest
  }

  get first(): number {
    return this.#gaps.first
  }

  /** A line begins to bring what lies from its position on. */
  join(line: Line): void {
    this.#lines.add(line)
    this.#gaps.reach(line.position, false, this.platform.now())
    this.#settle()
  }

  leave(line: Line): void {
    if (!this.#lines.delete(line)) return
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
    const arrived = gaps.arrive(number, this.platform.now())
    if (arrived === 'late' || arrived === 'duplicate') return false
    this.tally.received++
    return true
  }

  /** Passes an accepted message on when its turn has come. False when there is no room for more. */
  deliver(arrival: Arrival<never>): boolean {
    if (!this.#gaps.open) return this.#pass(arrival)
    if (arrival.number > this.#gaps.lowest) this.#hold(arrival)
    else this.#pass(arrival)
    return this.#settle()
  }

  /** An accepted message was not wanted after all, but its line has moved. */
  moved(): void {
    if (this.#gaps.open) this.#settle()
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
      ...(this.live ? {} : { tail: 'unknown' }),
    }
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  /** Gives up what nobody will bring, passes on what waited for that, and tells of it. False: there is no more room. */
  #settle(): boolean {
    const gaps = this.#gaps
    if (gaps.open && this.live) gaps.settle(this.#passed())
    const changes = gaps.takeChanges()
    for (const { to, missing, state } of changes) {
      if (state === 'lost' || state === 'dropped') this.#losses.push({ to, missing })
    }
    const room = this.#release()
    if (gaps.open) this.#wait(gaps.oldestSince as number)
    for (const change of changes) this.host.gap(this, change)
    return room
  }

  /** The lowest number that a line may still bring. */
  #passed(): number {
    let passed = Infinity
    for (const { position } of this.#lines) if (position < passed) passed = position
    return passed
  }

  #pass(arrival: Arrival<never>): boolean {
    const losses = this.#losses
    while (losses.length > 0 && (losses[0] as Loss).to <= arrival.number) {
      arrival.missed += (losses.shift() as Loss).missing
    }
    return this.host.deliver(arrival)
  }

  #hold(arrival: Arrival<never>): void {
    const held = this.#held
    let at = held.length
    while (at > 0 && (held[at - 1] as Arrival).number > arrival.number) at--
    held.splice(at, 0, arrival)
    if (arrival.chunk.held++ === 0) this.#heldBytes += arrival.chunk.bytes.length
    this.tally.inboxWaiting++
    const { messages, bytes } = this.settings.limit
    if (held.length > messages || (this.#heldBytes > bytes && held.length > 1)) {
      this.#gaps.settle((held[0] as Arrival).number)
    }
  }

  /** Passes on what no longer waits for anything. False when there is no room for more. */
  #release(): boolean {
    const held = this.#held
    const { lowest } = this.#gaps
    let room = true
    let count = 0
    for (; count < held.length; count++) {
      const arrival = held[count] as Arrival<never>
      if (arrival.number >= lowest) break
      if (--arrival.chunk.held === 0) this.#heldBytes -= arrival.chunk.bytes.length
      this.tally.inboxWaiting--
      room = this.#pass(arrival)
    }
    held.splice(0, count)
    return room
  }

  #wait(since: number): void {
    if (this.#timer !== undefined || this.#closed) return
    this.#timer = this.platform.timer(Math.max(0, since + this.settings.holdMs - this.platform.now()), () => {
      this.#timer = undefined
      if (!this.#gaps.open) return
      const now = this.platform.now()
      // What is missing may lie unread in this very process: then it is given the whole time once more.
      if (this.host.full) this.#wait(now)
      else this.#expire(now)
    })
  }

  #expire(now: number): void {
    this.#gaps.expire(now - this.settings.holdMs)
    this.#settle()
  }
}

interface Loss {
  /** The number after it. */
  readonly to: number
  readonly missing: number
}
