import type { CarriedStream } from './carried-stream.js'
import type { Codec } from './codec.js'
import { ConsumerLink } from './consumer-link.js'
import { checkPrefix, MOST_TOPICS } from './consumer-options.js'
import { Delivery } from './delivery.js'
import { DropNotices } from './drop-notices.js'
import { Emitter } from './emitter.js'
import { FanwireError, withoutCode, wordsOf } from './errors.js'
import type { GapChange } from './gaps.js'
import type { InboxDropReason } from './inbox.js'
import type { Intake, SourceLedger } from './intake.js'
import type { StreamLedger } from './ledger.js'
import type { LinkState } from './link.js'
import { Loop } from './loop.js'
import type { Arrival, Message, MessageSource } from './message.js'
import { badOption, checkOptions, integer, signal } from './options.js'
import type { Policy } from './overflow.js'
import type { Platform } from './platform.js'
import type { Stream } from './stream.js'
import { Streams } from './streams.js'
import { Subscriptions } from './subscriptions.js'
import { Tally, type TallyCounts } from './tally.js'
import { topicRule } from './topic.js'
import { TopicNames } from './topic-names.js'
import type { ConsumerEnd, Fault, Pattern, SourcePeer, StartFrom, StreamStart } from './transport.js'
import { until } from './until.js'

/** A full inbox is not announced more often than this. */
const SLOW_INTERVAL_MS = 1_000

/** One source, as the application sees it. */
export interface Source {
  readonly remote: string
  readonly origin: 'accepted' | 'dialled'
  readonly state: LinkState
  /** Who is there; undefined until the handshake is done. */
  readonly peer: SourcePeer | undefined
  /** The stream that it carries, or carried last; undefined where the peer gives no numbers. */
  readonly stream: string | undefined
  ledger(): SourceLedger
  /** Closes the link for good; a dialled one is not dialled again. */
  close(reason?: Error): void
}

/** Numbers of a stream that did not arrive in their turn: announced when seen, and when their fate is known. */
export interface Gap extends GapChange {
  readonly stream: string
}

export interface InboxDrop {
  readonly reason: InboxDropReason
  readonly count: number
}

/** Something makes producers wait. */
export interface Slow {
  /** The inbox is at its limit; or the producer of `link` waits for messages to be acknowledged. */
  readonly reason: 'inbox' | 'acknowledge'
  readonly link: Source
  readonly message: string
}

/** A stream that was not known before. */
export interface NewStream {
  readonly stream: string
  /** Tells a producer that was restarted under its old name from the one before. */
  readonly run: number
  /** The first number. */
  readonly first: number
  readonly link: Source
}

export type ConsumerEvents = {
  /** A source is connected. */
  link: [link: Source]
  /** A source is no longer connected. */
  unlink: [link: Source, reason: Error | undefined]
  gap: [gap: Gap]
  /** Messages that had arrived were dropped by the policy: at most once a second. */
  drop: [drop: InboxDrop]
  slow: [slow: Slow]
  stream: [stream: NewStream]
  /** A producer has ended its stream before `next`, and the fate of every number is known. */
  end: [end: { readonly stream: string; readonly next: number }]
  /** A peer or the system did something wrong; it cost at most one link, or one message that cannot be decoded. */
  fault: [fault: Fault]
}

export interface ConsumerStats {
  readonly id: string
  /** What waits for the application. */
  readonly inbox: { readonly messages: number; readonly bytes: number }
  readonly streams: readonly (StreamIdentity & StreamLedger)[]
  /** What came from peers that give no numbers, so that nobody can say what was lost. */
  readonly unsequenced: readonly ({ readonly remote: string } & TallyCounts)[]
  readonly links: readonly (SourceDescription & SourceLedger)[]
  /** What the sockets have to tell beside the ledgers; each transport's page says it. */
  readonly ends: readonly object[]
}

export interface StreamIdentity {
  readonly stream: string
  readonly run: number
  /** Somebody carries it. */
  readonly live: boolean
}

export interface SourceDescription {
  readonly remote: string
  readonly kind: 'fanwire' | 'foreign' | undefined
  readonly state: LinkState
  readonly stream: string | undefined
}

/** Complete options of a consumer, behind the door. */
export interface ConsumerSettings {
  readonly id: string
  readonly topics: readonly (string | Uint8Array)[]
  readonly overflow: Policy
  readonly from: StartFrom
  readonly acknowledge: 'taken' | 'manual'
  readonly onLoss: 'skip' | 'fail'
  readonly lines: 'arbitrate' | 'separate'
  readonly holdMs: number
  /** @default 'publish' */
  readonly pattern?: Pattern
  readonly codec: Codec<never> | undefined
}

export interface LoopOptions {
  /** Ends the loop. */
  readonly signal?: AbortSignal | undefined
}

export interface SourcesOptions {
  /** Waits, too, until this topic is subscribed to. */
  readonly topic?: string | undefined
  /** How many sources to wait for, from 1. @default 1 */
  readonly count?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const loopOptions = { signal: signal() }
const sourcesOptions = { topic: topicRule, count: integer(1, Number.MAX_SAFE_INTEGER, 1), signal: signal() }

/** Receives messages from all that send them. Made by `createConsumer`. */
export class Consumer<T = Uint8Array>
  extends Emitter<ConsumerEvents>
  implements AsyncIterable<Message<T>>, AsyncDisposable
{
  readonly id: string
  /** @internal */
  readonly names: TopicNames
  /** @internal */
  readonly subscriptions: Subscriptions
  readonly #delivery: Delivery<T>
  readonly #streams: Streams
  readonly #ends: ConsumerEnd[] = []
  readonly #links = new Set<ConsumerLink>()
  /** What came without numbers through links that have ended, and of which nothing waits any more. */
  readonly #unsequenced = new Tally()
  /** The same where something still waits, so that it goes on counting. */
  readonly #lingering = new Set<Tally>()
  /** Links that were told to wait, the longest waiting first. */
  readonly #paused = new Set<ConsumerLink>()
  readonly #drops: DropNotices<undefined, InboxDropReason>
  readonly #checks = new Set<() => void>()
  /** When the inbox was last said to be full. */
  #slowAt = -Infinity
  #closed = false
  #closing: Promise<ConsumerStats> | undefined

  /** @internal */
  readonly platform: Platform

  /** @internal */
  constructor(
    platform: Platform,
    private readonly settings: ConsumerSettings,
  ) {
    super()
    this.platform = platform
    const { id, topics, overflow, codec, from, holdMs, lines } = settings
    this.id = id
    this.names = new TopicNames(platform)
    this.subscriptions = new Subscriptions(platform, this.names)
    for (const topic of topics) this.subscriptions.add(topic)
    this.#delivery = new Delivery(overflow, codec, platform, this)
    this.#streams = new Streams(
      platform,
      { from, holdMs, limit: overflow.limit, arbitrates: lines === 'arbitrate' },
      this,
    )
    this.#drops = new DropNotices(platform, (_, reason, count) => {
      this.emit('drop', { reason, count })
      platform.diagnose('drop', () => ({ consumer: this, reason, count }))
    })
  }

  /**
   * Announces a source: called by transports, through their context.
   *
   * @internal
   */
  open(remote: string, origin: 'accepted' | 'dialled'): ConsumerLink {
    const link = new ConsumerLink(this, remote, origin)
    // Who comes while the ends are being closed has come too late.
    if (this.#closed) link.end(undefined)
    else this.#links.add(link)
    return link
  }

  /** @internal */
  attach(end: ConsumerEnd): void {
    this.#ends.push(end)
  }

  /** The addresses in use, in the order in which they were given, real ports included. */
  get urls(): readonly string[] {
    return this.#ends.flatMap(({ urls }) => urls)
  }

  /** All sources: connected ones, and dialled ones whether connected or not. */
  get links(): readonly Source[] {
    return [...this.#links]
  }

  /**
   * Wants messages whose topic begins with `prefix`, too. Subscribed to twice, it must be unsubscribed from twice.
   *
   * @throws {FanwireError} `BAD_TOPIC`, `BAD_OPTION` beyond 10,000 prefixes or with pattern `'share'`, `CLOSED`
   */
  subscribe(prefix: string | Uint8Array): this {
    if (this.#closed) throw new FanwireError('CLOSED', 'the consumer is closed')
    this.#checkChoice()
    const added = this.subscriptions.add(checkPrefix(prefix, 'a prefix'))
    if (this.subscriptions.size > MOST_TOPICS) {
      this.subscriptions.remove(prefix)
      throw badOption(`a consumer has at most ${MOST_TOPICS} prefixes`)
    }
    if (added !== undefined) for (const link of this.#links) link.subscribe(added)
    this.#recheck()
    return this
  }

  /** Takes back one {@link subscribe}. What was never subscribed to is ignored. @throws {FanwireError} as that does */
  unsubscribe(prefix: string | Uint8Array): this {
    this.#checkChoice()
    const removed = this.subscriptions.remove(checkPrefix(prefix, 'a prefix'))
    if (removed !== undefined) for (const link of this.#links) link.unsubscribe(removed)
    return this
  }

  /** The messages one by one, until the consumer is closed. See {@link messages}. */
  [Symbol.asyncIterator](): Loop<Message<T>> {
    return this.messages()
  }

  /**
   * The messages one by one. There is one loop at a time: its first step throws `BUSY` while another runs. It may be
   * left at any message, and another may go on from there; it ends when the consumer is closed or `signal` is aborted,
   * never because a producer left.
   *
   * @throws {FanwireError} `BAD_OPTION`
   */
  messages(options: LoopOptions = {}): Loop<Message<T>> {
    const { signal } = checkOptions(loopOptions, options, undefined, 'messages()')
    return new Loop(this.#delivery.one, signal)
  }

  /**
   * Takes back the message that a loop has taken last: the next loop begins with it.
   *
   * @internal
   */
  putBack(message: Message<T>): void {
    this.#delivery.putBack(message)
  }

  /** All that has arrived, at least one message at a time: the fast way. Otherwise as {@link messages}. */
  batches(options: LoopOptions = {}): Loop<Message<T>[]> {
    const { signal } = checkOptions(loopOptions, options, undefined, 'batches()')
    return new Loop(this.#delivery.all, signal)
  }

  /**
   * Resolves once `count` sources are connected, and `topic` is subscribed to where one is given.
   *
   * @throws {FanwireError} `BAD_OPTION`, `BAD_TOPIC`, `CLOSED`, or the signal's reason
   */
  async linked(options: SourcesOptions = {}): Promise<void> {
    const { topic, count, signal } = checkOptions(sourcesOptions, options, undefined, 'linked()')
    const isOpen = ({ state }: ConsumerLink) => state === 'open'
    const holds = () =>
      (topic === undefined || this.subscriptions.has(topic)) && [...this.#links].filter(isOpen).length >= count
    await until(this.#checks, holds, () => this.#closed, 'consumer', signal)
  }

  /** Exact counts, at this moment. */
  stats(): ConsumerStats {
    const { size: messages, bytes } = this.#delivery
    const links = [...this.#links]
    const past = this.#past()
    const foreign = links.filter(({ unsequenced }) => unsequenced.received > 0)
    return {
      id: this.id,
      inbox: { messages, bytes },
      streams: Array.from(this.#streams, (stream) => ({
        stream: stream.name,
        run: stream.run,
        live: stream.live,
        ...stream.ledger(),
      })),
      unsequenced: [
        ...foreign.map(({ remote, unsequenced }) => ({ remote, ...unsequenced.counts() })),
        ...(past.received > 0 ? [{ remote: '', ...past.counts() }] : []),
      ],
      links: links.map((link) => ({
        remote: link.remote,
        kind: link.peer?.kind,
        state: link.state,
        stream: link.stream,
        ...link.ledger(),
      })),
      ends: this.#counts(),
    }
  }

  /**
   * Ends the loop, tells producers what is taken, closes all links and ends. Returns the final ledger, in which what was
   * not taken from the inbox still waits. A second call returns the same promise.
   */
  close(): Promise<ConsumerStats> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Lets the process end although the consumer is open. */
  unref(): this {
    for (const end of this.#ends) end.unref?.()
    return this
  }

  async #close(): Promise<ConsumerStats> {
    this.#closed = true
    for (const link of this.#links) link.acknowledge()
    const stats = this.stats()
    this.#delivery.close()
    this.#streams.close()
    for (const link of [...this.#links]) link.close()
    await Promise.all(this.#ends.map((end) => end.close()))
    this.#recheck()
    this.#drops.close()
    // Some counts of a socket are complete once it is closed.
    return { ...stats, ends: this.#counts() }
  }

  #counts(): readonly object[] {
    return this.#ends.flatMap((end) => (end.counts === undefined ? [] : [end.counts()]))
  }

  /** What a consumer passed over of what is shared would be lost to all others. */
  #checkChoice(): void {
    if (this.settings.pattern === 'share')
      throw badOption("topics cannot be chosen with pattern 'share': a consumer takes whatever it is given")
  }

  /** What came without numbers through all links that have ended. */
  #past(): Tally {
    const past = new Tally()
    past.add(this.#unsequenced)
    for (const tally of this.#lingering) past.add(tally)
    return past
  }

  #bury(unsequenced: Tally): void {
    this.#lingering.add(unsequenced)
    for (const tally of this.#lingering) {
      if (tally.inboxWaiting > 0) continue
      this.#unsequenced.add(tally)
      this.#lingering.delete(tally)
    }
  }

  /** Something has changed that somebody may wait for. */
  #recheck(): void {
    if (this.#checks.size > 0) for (const check of [...this.#checks]) check()
  }

  // What the links tell.

  /** @internal */
  get prefixes(): readonly Uint8Array[] {
    return this.subscriptions.prefixes
  }

  /** @internal */
  get from(): StartFrom {
    return this.settings.from
  }

  /** @internal */
  get manual(): boolean {
    return this.settings.acknowledge === 'manual'
  }

  /** @internal */
  get refusal(): Error | undefined {
    const { overflow } = this.settings
    const refuses = overflow.policy === 'buffer' && overflow.then === 'disconnect' && this.#delivery.full
    return refuses ? exhausted() : undefined
  }

  /** @internal */
  knownStream(name: string): CarriedStream | undefined {
    return this.#streams.known(name)
  }

  /** @internal */
  streamFor(link: ConsumerLink, start: StreamStart): CarriedStream {
    const { stream, isNew } = this.#streams.find(start, link.line)
    if (isNew) {
      const { name, run, first } = stream
      this.emit('stream', { stream: name, run, first, link })
      this.platform.diagnose('stream', () => ({ consumer: this, stream: name, run, first, link }))
    }
    return stream
  }

  /** @internal */
  opened(link: ConsumerLink): void {
    this.emit('link', link)
    this.platform.diagnose('link', () => ({ consumer: this, link }))
    this.#recheck()
  }

  /** @internal */
  closed(link: ConsumerLink, wasOpen: boolean, reason: Error | undefined): void {
    this.#paused.delete(link)
    if (link.ended && this.#links.delete(link)) this.#bury(link.unsequenced)
    if (!wasOpen) return
    this.emit('unlink', link, reason)
    this.platform.diagnose('unlink', () => ({ consumer: this, link, reason }))
  }

  /** @internal */
  paused(link: ConsumerLink): void {
    this.#paused.add(link)
    const now = this.platform.now()
    if (now - this.#slowAt < SLOW_INTERVAL_MS) return
    this.#slowAt = now
    // In a turn of its own: the carrier is in the middle of its bytes, and who is told may read what there is.
    const message = 'the inbox is at its limit, so that producers wait'
    this.platform.defer(() => this.#slow({ reason: 'inbox', link, message }))
  }

  /** @internal */
  reset({ remote }: ConsumerLink, { name }: CarriedStream): void {
    const message = `the stream ${name} goes back to old numbers; its producer seems to have begun anew under its name`
    this.fault({ code: 'SEQUENCE_RESET', message, remote, stream: name })
  }

  /** @internal */
  stuck(link: ConsumerLink): void {
    const message = `${link.remote} waits for message.ack(), since acknowledge is 'manual' and nothing was acknowledged`
    this.#slow({ reason: 'acknowledge', link, message })
  }

  #slow(slow: Slow): void {
    this.emit('slow', slow)
    this.platform.diagnose('slow', () => ({ consumer: this, ...slow }))
  }

  /** @internal */
  fault(told: Fault): void {
    // Whoever passes on the message of an error has the code in it.
    const fault = { ...told, message: withoutCode(told.code, told.message) }
    this.emit('fault', fault)
    this.platform.diagnose('fault', () => ({ consumer: this, ...fault }))
  }

  // What the streams tell.

  /** @internal */
  deliver(arrival: Arrival<never>): boolean {
    return this.#delivery.deliver(arrival)
  }

  /** @internal */
  get full(): boolean {
    return this.#delivery.full
  }

  /** @internal */
  gap({ name }: Stream, change: GapChange): void {
    if (this.listenerCount('gap') > 0) this.emit('gap', { stream: name, ...change })
    this.platform.diagnose('gap', () => ({ consumer: this, stream: name, ...change }))
  }

  /** @internal */
  lost({ name }: Stream, { from, to, state }: GapChange): void {
    if (this.settings.onLoss !== 'fail') return
    this.#delivery.fail(new FanwireError('LOST', `numbers ${from} to ${to - 1} of the stream ${name} are ${state}`))
  }

  /** @internal */
  finished({ name, next }: CarriedStream): void {
    this.emit('end', { stream: name, next })
    this.platform.diagnose('end', () => ({ consumer: this, stream: name, next }))
  }

  // What the delivery tells.

  /** @internal */
  dropped(reason: InboxDropReason): void {
    this.#drops.add(undefined, reason, 1)
  }

  /** @internal */
  exhausted({ source }: Arrival<never>): void {
    // In a turn of its own: the carrier is in the middle of its bytes.
    this.platform.defer(() => {
      for (const link of this.#links) if (link.feeds(source)) link.cut(exhausted())
    })
  }

  /** @internal */
  diverged(source: Intake, number: number): void {
    const link = [...this.#links].find((each) => each.feeds(source))
    const message = `${link?.remote ?? 'a line'} brings the number ${number} with other bytes than another line; the first copy is kept`
    this.platform.defer(() => {
      this.fault({ code: 'DIVERGENCE', message, ...(link && { remote: link.remote }), ...streamOf(source) })
    })
  }

  /** @internal */
  undecodable({ topic, source }: Arrival<never>, cause: unknown): void {
    const message = `a message of ${topic} cannot be decoded: ${wordsOf(cause)}`
    // A loop is in the middle of taking.
    this.platform.defer(() => this.fault({ code: 'UNDECODABLE', message, ...streamOf(source), cause }))
  }

  /** @internal */
  roomy(): void {
    // In a turn of its own: a loop is in the middle of taking, and what comes now may make listeners take as well.
    this.platform.defer(() => this.#resume())
  }

  /** Each goes on with what it kept, and may fill the inbox again: those that wait longest go first. */
  #resume(): void {
    for (const link of [...this.#paused]) {
      if (this.#delivery.full) return
      this.#paused.delete(link)
      link.resume()
    }
  }
}

function streamOf({ stream }: MessageSource): { readonly stream?: string } {
  return stream === undefined ? {} : { stream }
}

function exhausted(): FanwireError {
  return new FanwireError('BUFFER_FULL', 'the inbox is at the limit of its buffer')
}
