import type { Acknowledgement } from './acknowledgement.js'
import type { CarriedStream } from './carried-stream.js'
import { Chunk, NO_CHUNK } from './chunk.js'
import { FanwireError } from './errors.js'
import type { SkipReason } from './framing/framing.js'
import { Gaps } from './gaps.js'
import { Arrival, type MessageSource, UNNUMBERED } from './message.js'
import type { Platform } from './platform.js'
import type { Line } from './stream.js'
import type { Subscriptions } from './subscriptions.js'
import type { Tally } from './tally.js'
import type { TopicNames } from './topic-names.js'

/** What a SKIP takes on the wire, in bytes: it counts against the producer's allowance as messages do. */
const SKIP_BYTES = 16
/** What stands between topic and data, or in front of both, in a message of two short frames. */
const FRAME_BYTES = 2

/** Gaps of one line that may still be filled by what comes late. */
const MOST_HOLES = 1_024

/** What the connections of one consumer share. */
export interface IntakeHost {
  readonly platform: Platform
  readonly names: TopicNames
  readonly subscriptions: Subscriptions
  /** Takes a message in its turn. False when there is no room for more. */
  deliver(arrival: Arrival<never>): boolean
  /** For the first time, a connection has brought a number with other bytes than another line of the stream. */
  diverged(intake: Intake, number: number): void
}

/** What became of what one connection brought; `received` is what the producer's link calls `handed`. */
export interface SourceLedger {
  readonly received: number
  /** Passed over by the producer because nobody here subscribed to their topic, as it says itself. */
  readonly filtered: number
  /** Dropped by the producer's policy, as it says itself. */
  readonly declared: number
  /** Those of `received` that the producer was told are taken; undefined where it does not want to know. */
  readonly acknowledged: number | undefined
  /** Where several lines may carry a stream: what became of each number on this one. */
  readonly line?: LineLedger
}

/** One line of several, by its own numbers; what it lost, another one may have brought. */
export interface LineLedger {
  /** Numbers that it did not bring, as far as is known. */
  readonly missed: number
  /** Numbers that it brought more than once. */
  readonly duplicates: number
  /** Messages that it brought before every other line. */
  readonly wins: number
  /** Numbers that it brought with other bytes than the line before it, whose copy was kept. */
  readonly divergent: number
}

/** How a numbered connection begins. */
export interface Numbering {
  readonly stream: CarriedStream
  /** The number that comes first. */
  readonly next: number
  readonly acknowledgement?: Acknowledgement | undefined
  /** Numbers travel with the messages, so that this line may lose some and another may not. */
  readonly native?: boolean
  readonly request?: Line['request']
  /** See {@link MessageSource.settlesWhenTaken}. */
  readonly settlesWhenTaken?: boolean
  /** The line that has asked for what comes. */
  readonly asker?: Intake
}

/** What one connection brings: counts it, numbers it, and passes on what is wanted. */
export class Intake implements MessageSource, Line {
  readonly platform: Platform
  readonly names: TopicNames
  readonly native: boolean
  readonly request: Line['request']
  readonly redelivered = false
  readonly settlesWhenTaken: boolean
  /** Where what comes next is from: here, or from another link before. */
  #source: MessageSource = this
  /** The number that comes next; `UNNUMBERED` from a peer that gives none. */
  position: number
  /** The number after the highest that has come. */
  #highest: number
  /** What this line brought and what not, where it may lose some. */
  readonly #gaps: Gaps | undefined
  #wins = 0
  #divergent = 0
  #received = 0
  #filtered = 0
  #declared = 0
  #chunk: Chunk = NO_CHUNK
  readonly #line: CarriedStream | undefined
  readonly #asker: Intake | undefined
  readonly #acknowledgement: Acknowledgement | undefined

  constructor(
    private readonly host: IntakeHost,
    readonly tally: Tally,
    numbering: Numbering | undefined,
  ) {
    this.platform = host.platform
    this.names = host.names
    this.position = numbering?.next ?? UNNUMBERED
    this.#highest = this.position
    this.native = numbering?.native ?? false
    this.#gaps = this.native && numbering !== undefined ? new Gaps(numbering.next) : undefined
    this.request = numbering?.request
    this.settlesWhenTaken = numbering?.settlesWhenTaken ?? false
    this.#line = numbering?.stream
    this.#asker = numbering?.asker
    this.#acknowledgement = numbering?.acknowledgement
  }

  get stream(): string | undefined {
    return this.#line?.name
  }

  get passed(): number {
    return Math.max(this.#highest, this.position)
  }

  /** See `ConsumerPort.numbered`, for an answer: it says nothing of how far the stream has come. */
  answers(next: number): void {
    this.position = next
  }

  /** See `ConsumerPort.numbered`, for a line. False when this is no longer the stream that it was. */
  numbered(next: number, to: number): boolean {
    if (this.#line !== undefined && to > this.#line.end) return false
    this.#highest = this.passed
    this.position = next
    if (this.#gaps !== undefined) this.#reach(this.#gaps, next)
    return this.#line?.reach(next) ?? true
  }

  /** See `ConsumerPort.message`. */
  message(
    bytes: Uint8Array,
    topicStart: number,
    topicEnd: number,
    dataStart: number,
    dataEnd: number,
    frames: readonly Uint8Array[] | undefined,
  ): boolean {
    const place = this.#received++
    this.#acknowledgement?.received(frames === undefined ? dataEnd - topicStart + FRAME_BYTES : sizeOf(frames))
    const line = this.#line
    const number = this.position
    if (line === undefined) {
      this.tally.received++
    } else {
      this.position = number + 1
      this.#gaps?.arrive(number, 0)
      const { copies } = line
      if (!line.accept(number, this.#source.redelivered)) {
        if (copies?.agrees(number, bytes, topicStart, topicEnd, dataStart, dataEnd) === false) this.#diverge(number)
        this.settle(place)
        return true
      }
      copies?.keep(number, bytes, topicStart, topicEnd, dataStart, dataEnd)
    }
    this.#wins++
    if (!this.host.subscriptions.wants(bytes, topicStart, topicEnd)) {
      this.tally.unwanted++
      this.settle(place)
      return line === undefined || line.moved()
    }
    if (bytes !== this.#chunk.bytes) this.#chunk = new Chunk(bytes)
    const arrival = new Arrival<never>(
      this.#source,
      this.#chunk,
      topicStart,
      topicEnd,
      dataStart,
      dataEnd,
      number,
      0,
      place,
      frames,
    )
    return line === undefined ? this.host.deliver(arrival) : line.deliver(arrival)
  }

  /** See `ConsumerPort.given`. */
  given(first: number, redelivered: boolean): void {
    this.position = first
    this.#source = redelivered ? new Redelivery(this) : this
  }

  /** See `ConsumerPort.skipped`. */
  skipped(count: number, reason: SkipReason): void {
    const from = this.position
    if (!Number.isSafeInteger(from + count)) throw new FanwireError('BAD_PEER', `peer skipped beyond the number 2^53`)
    this.position = from + count
    if (reason === 'filtered') this.#filtered += count
    else this.#declared += count
    this.#acknowledgement?.passed(SKIP_BYTES)
    this.#line?.skip(from, from + count, reason)
  }

  /** See `ConsumerPort.checkpoint`. */
  checkpoint(next: number): void {
    if (next === this.position) return
    throw new FanwireError('BAD_PEER', `peer says that number ${next} is next, counted here is ${this.position}`)
  }

  settle(place: number): void {
    this.#acknowledgement?.settle(place)
  }

  ledger(): SourceLedger {
    const gaps = this.#gaps
    const line = gaps && {
      missed: gaps.missing + gaps.lost,
      duplicates: gaps.duplicates,
      wins: this.#wins,
      divergent: this.#divergent,
    }
    return {
      ...(line && { line }),
      received: this.#received,
      filtered: this.#filtered,
      declared: this.#declared,
      acknowledged: this.#acknowledgement?.told,
    }
  }

  /** Nobody waits for what this line alone has missed, so that only the count of it is kept. */
  #reach(gaps: Gaps, next: number): void {
    gaps.reach(next, false, 0)
    gaps.takeChanges()
    const oldest = gaps.holes[gaps.holes.length - MOST_HOLES]
    if (oldest !== undefined) gaps.settle(oldest.from)
  }

  #diverge(number: number): void {
    if (this.#asker !== undefined) this.#asker.#diverge(number)
    else if (this.#divergent++ === 0) this.host.diverged(this, number)
  }

  /** Tells the producer what is done. */
  acknowledge(): void {
    this.#acknowledgement?.flush()
  }

  /** The connection has ended. */
  close(): void {
    this.#acknowledgement?.close()
    this.#line?.leave(this)
  }
}

/** The same connection, as the source of messages that another link had been given before. */
class Redelivery implements MessageSource {
  readonly platform: Platform
  readonly names: TopicNames
  readonly stream: string | undefined
  readonly tally: Tally
  readonly redelivered = true
  readonly settlesWhenTaken: boolean

  constructor(private readonly intake: Intake) {
    this.platform = intake.platform
    this.names = intake.names
    this.stream = intake.stream
    this.tally = intake.tally
    this.settlesWhenTaken = intake.settlesWhenTaken
  }

  settle(place: number): void {
    this.intake.settle(place)
  }
}

function sizeOf(frames: readonly Uint8Array[]): number {
  return frames.reduce((size, frame) => size + frame.length + FRAME_BYTES, 0)
}
