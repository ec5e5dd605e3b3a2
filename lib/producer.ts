import { byteString, textBytes } from './bytes.js'
import type { Codec } from './codec.js'
import { DropNotices } from './drop-notices.js'
import { Emitter } from './emitter.js'
import { EndedConnections } from './ended-connections.js'
import { FanwireError, withoutCode } from './errors.js'
import type { Fanout, FanoutHost, FanoutSettings } from './fanout.js'
import type { Framing } from './framing/framing.js'
import type { DropReason, EndedLedger, ProducerLinkLedger } from './ledger.js'
import { Logs } from './logs.js'
import { Memory } from './memory.js'
import { MessageLimit } from './message-limit.js'
import { badOption, checkOptions, integer, isObject, type OptionRule, refuse, signal } from './options.js'
import type { Outlet } from './outlet.js'
import type { Policy } from './overflow.js'
import type { Platform } from './platform.js'
import type {
  CloseOptions,
  Drop,
  FlushOptions,
  Link,
  LinkedOptions,
  ProducerEvents,
  ProducerStats,
  Refusal,
  SendOptions,
} from './producer-face.js'
import type { ProducerLink } from './producer-link.js'
import { Share, type ShareHost, type ShareSettings } from './share.js'
import { Store } from './store.js'
import { topicRule } from './topic.js'
import type { Fault, ProducerEnd, Traits } from './transport.js'
import { until } from './until.js'

/** Complete options of a producer, behind the door. */
export interface ProducerSettings extends Omit<FanoutSettings, 'run'> {
  readonly overflow: (link: Link) => Policy
  readonly memoryBytes: number
  readonly maxMessageBytes: number
  readonly codec: Codec<never> | undefined
}

/** The longest delay that every timer takes, some 25 days. */
const LONGEST_MS = 2 ** 31 - 1

const sendOptions = { signal: signal() }
const flushOptions = { signal: signal() }
const closeOptions = { drainMs: patience(5_000) }
const linkedOptions = { topic: topicRule, count: integer(1, Number.MAX_SAFE_INTEGER, 1), signal: signal() }

/** Sends messages to all who want them. Made by `createProducer`. */
export class Producer<T = string | Uint8Array>
  extends Emitter<ProducerEvents>
  implements AsyncDisposable, FanoutHost, ShareHost
{
  readonly stream: string
  readonly #memory: Memory
  readonly #run: number
  readonly #limit: MessageLimit
  /** The logs, unless links share the messages or an end keeps them itself. */
  #outlet: Outlet
  readonly #logs: Logs
  readonly #ends: ProducerEnd[] = []
  readonly #urls: string[] = []
  readonly #drops: DropNotices<ProducerLink | undefined, DropReason | 'refused'>
  readonly #ended = new EndedConnections()
  #lastRefusal: unknown
  /** Every link says which topics it wants. */
  #seesTopics = true
  /** Calls of `send` and `trySend`, those that wait included. */
  #calls = 0
  #refused = 0
  #state: 'open' | 'draining' | 'closed' = 'open'
  #closing: Promise<ProducerStats> | undefined
  readonly #ending = new AbortController()
  readonly #checks = new Set<() => void>()

  /** @internal */
  constructor(
    private readonly platform: Platform,
    private readonly settings: ProducerSettings,
  ) {
    super()
    this.stream = settings.stream
    this.#memory = new Memory(settings.memoryBytes)
    const bits = new DataView(platform.random(new Uint8Array(8)).buffer)
    this.#run = bits.getUint16(0) * 2 ** 32 + bits.getUint32(4)
    this.#limit = new MessageLimit(settings.maxMessageBytes, this.#memory)
    this.#logs = new Logs(platform, this.#memory, this.#limit, { ...settings, run: this.#run }, this)
    this.#outlet = this.#logs
    this.#drops = new DropNotices(platform, (link, reason, count) => this.#announce(link, reason, count))
  }

  /**
   * The log for a framing: called while ends are being opened, before the first message.
   *
   * @internal
   */
  log(framing: Framing): Fanout {
    return this.#logs.log(framing)
  }

  /**
   * The log of which each message goes to one link; otherwise as {@link log}.
   *
   * @throws {FanwireError} `BAD_OPTION` when ends want it in different framings
   * @internal
   */
  share(framing: Framing, settings: Pick<ShareSettings, 'policy' | 'prefetch'>): Share {
    const { platform, stream } = this
    const { stallMs } = this.settings
    const known = this.#outlet instanceof Share ? this.#outlet : undefined
    if (known !== undefined && known.framing.name !== framing.name)
      throw badOption("pattern 'share' needs addresses that speak one protocol in one form; open a producer for each")
    const all = { ...settings, stream, run: this.#run, stallMs }
    const share = known ?? new Share(platform, this.#memory, this.#limit, framing, all, this)
    this.#outlet = share
    return share
  }

  /**
   * @param places of its addresses among all that the producer was given; behind those that are attached, unless given
   * @internal
   */
  attach(end: ProducerEnd, traits: Traits, places: readonly number[] = []): void {
    this.#ends.push(end)
    for (const [i, url] of end.urls.entries()) this.#urls[places[i] ?? this.#urls.length] = url
    this.#seesTopics &&= traits.filtersAtProducer
    if (end.kind === 'store') this.#outlet = new Store(this.platform, end, this.settings.maxMessageBytes, this)
    // A message would have gone to some when the store refuses it.
    if (this.#outlet instanceof Store && this.#ends.length > 1)
      throw badOption(`${this.#urls.flat().join(' and ')} cannot be ends of one producer; open two`)
  }

  /** The addresses in use, in the order in which they were given, real ports included. */
  get urls(): readonly string[] {
    return [...this.#urls]
  }

  /** All links: connected ones, and dialled ones whether connected or not. */
  get links(): readonly Link[] {
    return this.#outlet.links
  }

  /**
   * Sends one message to every link that wants it. Resolves once it is in the log, at once unless a link's policy makes
   * the caller wait; rejects when nobody got it, and then it took no number. A rejection that nobody looks at does not
   * end the process: it is counted as `refused` and announced by a `drop` event.
   *
   * @throws {FanwireError} (as rejection) `BAD_TOPIC`, `BAD_VALUE`, `BAD_OPTION`, `TOO_LONG`, `BUFFER_FULL`, `TIMEOUT`,
   *   `CLOSED`, or the signal's reason
   */
  send(topic: string, value: T, options?: SendOptions): Promise<void> {
    this.#calls++
    try {
      if (options !== undefined || this.#state !== 'open') return this.#sendWith(topic, value, options)
      return this.#outlet.send(topic, this.#encode(value), undefined)
    } catch (error) {
      return this.#refuse(error)
    }
  }

  #sendWith(topic: string, value: T, options: SendOptions | undefined): Promise<void> {
    const signal = options === undefined ? undefined : signalOf(options)
    this.#checkOpen(signal)
    return this.#outlet.send(topic, this.#encode(value), signal)
  }

  /**
   * As {@link send}, of data that is encoded already.
   *
   * @internal
   */
  sendEncoded(topic: string, data: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    this.#calls++
    try {
      this.#checkOpen(signal)
      return this.#outlet.send(topic, data, signal)
    } catch (error) {
      return this.#refuse(error)
    }
  }

  /**
   * Aborted with `CLOSED` as soon as it takes nothing more.
   *
   * @internal
   */
  get ending(): AbortSignal {
    return this.#ending.signal
  }

  /**
   * Sends without ever waiting. `'full'`: nobody got it, since a link holds the producer back.
   *
   * @throws {FanwireError} `BAD_TOPIC`, `BAD_VALUE`, `TOO_LONG`
   */
  trySend(topic: string, value: T): 'sent' | 'full' | 'closed' {
    this.#calls++
    if (this.#state !== 'open') {
      this.countRefusal(closed())
      return 'closed'
    }
    try {
      this.#outlet.trySend(topic, this.#encode(value))
    } catch (error) {
      this.countRefusal(error)
      if (error instanceof FanwireError && error.code === 'BUFFER_FULL') return 'full'
      throw error
    }
    return 'sent'
  }

  /** Every link says which topics it wants, so that {@link linked} can wait for one. */
  get seesTopics(): boolean {
    return this.#seesTopics
  }

  /**
   * Whether a connected link wants `topic`.
   *
   * @throws {FanwireError} `BAD_OPTION`, `BAD_TOPIC`
   */
  hasSubscribers(topic: string): boolean {
    topicRule.check(topic, 'topic')
    return this.#outlet.destinations(this.#bytesOf(topic)) > 0
  }

  /**
   * Resolves once `count` links are connected, and have subscribed to `topic` where one is given: the end of the
   * slow-joiner problem.
   *
   * @throws {FanwireError} `BAD_OPTION`, `BAD_TOPIC`, `CLOSED`, or the signal's reason
   */
  async linked(options: LinkedOptions = {}): Promise<void> {
    const { topic, count, signal } = checkOptions(linkedOptions, options, undefined, 'linked()')
    if (topic !== undefined && !this.#seesTopics) {
      throw badOption(`topic cannot be waited for: what a consumer of ${this.urls.join(' ')} wants is not seen here`)
    }
    const bytes = topic === undefined ? undefined : this.#bytesOf(topic)
    await this.until(() => this.#outlet.destinations(bytes) >= count, signal)
  }

  /**
   * Resolves once everything sent so far is handed to the links, and acknowledged where peers do so, or dropped. A
   * dialled link that is not connected is waited for; a peer that has everything and acknowledges nothing, for `stallMs`
   * at most. That costs it nothing: its application may be slow, and another call waits anew.
   *
   * @throws {FanwireError} (as rejection) `BAD_OPTION`, `STALLED`, `CLOSED` when the producer is closed already, or the
   *   signal's reason
   */
  async flush(options: FlushOptions = {}): Promise<void> {
    const { signal } = checkOptions(flushOptions, options, undefined, 'flush()')
    if (this.#state === 'closed') throw closed()
    return this.#outlet.drain(signal, this.settings.stallMs)
  }

  /** Exact counts, at this moment. */
  stats(): ProducerStats {
    return this.#statsOf(this.#outlet.links, this.#ended.ledgers())
  }

  #statsOf(links: readonly Link[], ended: readonly EndedLedger[]): ProducerStats {
    const outlet = this.#outlet
    const { accepted, unheard, ...shared } = outlet.counts()
    return {
      stream: this.stream,
      next: outlet.next,
      // Calls that wait are not settled yet.
      offered: this.#calls - outlet.unsettled,
      accepted,
      refused: this.#refused,
      unheard,
      ...shared,
      memory: { used: this.#memory.used, limit: this.#memory.limit },
      links: [
        ...links.map((link) => ({
          remote: link.remote,
          kind: link.peer?.kind,
          state: link.state,
          ...link.ledger(),
        })),
        ...outlet.ledgers(),
      ],
      ended,
      ends: this.#ends.flatMap((end) => (end.kind === 'log' && end.counts !== undefined ? [end.counts()] : [])),
    }
  }

  /**
   * Takes nothing more, hands out what waits for at most `drainMs`, closes all links and ends. Returns the final ledger.
   * A second call returns the same promise.
   *
   * @throws {FanwireError} (as rejection) `BAD_OPTION`
   */
  close(options: CloseOptions = {}): Promise<ProducerStats> {
    try {
      const { drainMs } = checkOptions(closeOptions, options, undefined, 'close()')
      this.#closing ??= this.#close(drainMs)
      return this.#closing
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Lets the process end although the producer is open. */
  unref(): this {
    for (const end of this.#ends) end.unref?.()
    return this
  }

  async #close(drainMs: number): Promise<ProducerStats> {
    this.#state = 'draining'
    this.#ending.abort(closed())
    if (drainMs > 0) {
      const patience = new AbortController()
      const timer = this.platform.timer(Math.min(drainMs, LONGEST_MS), () => patience.abort())
      timer.ref()
      await this.#outlet.drain(patience.signal, Infinity).catch(() => undefined)
      timer.cancel()
    }
    this.#state = 'closed'
    const { links } = this.#outlet
    const ended = this.#ended.ledgers()
    this.#outlet.close()
    await Promise.all(this.#ends.map((end) => end.close()))
    for (const check of [...this.#checks]) check()
    this.#drops.close()
    return this.#statsOf(links, ended)
  }

  // Sending.

  #encode(value: T): string | Uint8Array {
    const { codec } = this.settings
    const data: unknown = codec === undefined ? value : codec.encode(value as never)
    if (typeof data === 'string' || data instanceof Uint8Array) return data
    throw new FanwireError(
      'BAD_VALUE',
      `data must be a string or a Uint8Array, got ${data === null ? 'null' : typeof data}; for other values pass a codec`,
    )
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    if (this.#state !== 'open') throw closed()
    signal?.throwIfAborted()
  }

  #refuse(error: unknown): Promise<never> {
    this.countRefusal(error)
    const promise = Promise.reject(error)
    promise.catch(() => undefined)
    return promise
  }

  #announce(link: ProducerLink | undefined, reason: DropReason | 'refused', count: number): void {
    const drop: Drop | Refusal =
      link === undefined || reason === 'refused'
        ? { link: undefined, reason: 'refused', count, cause: this.#lastRefusal }
        : { link, reason, count }
    this.emit('drop', drop)
    this.platform.diagnose('drop', () => ({ producer: this, ...drop }))
  }

  #bytesOf(topic: string): string {
    const bytes = textBytes(this.platform, topic)
    return byteString(bytes, 0, bytes.length)
  }

  // What the outlet tells.

  /** @internal */
  countRefusal(cause: unknown): void {
    this.#refused++
    this.#lastRefusal = cause
    this.#drops.add(undefined, 'refused', 1)
  }

  /** @internal */
  until(holds: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    return until(this.#checks, holds, () => this.#state === 'closed', 'producer', signal)
  }

  /** @internal */
  policyFor(link: ProducerLink): Policy {
    return this.settings.overflow(link)
  }

  /** @internal */
  dropped(link: ProducerLink, reason: DropReason, count: number): void {
    this.#drops.add(link, reason, count)
  }

  /** @internal */
  started(link: Link): void {
    this.emit('link', link)
    this.platform.diagnose('link', () => ({ producer: this, link }))
    this.progressed()
  }

  /** @internal */
  stopped(link: Link, reason: Error | undefined): void {
    this.emit('unlink', link, reason)
    this.platform.diagnose('unlink', () => ({ producer: this, link, reason }))
  }

  /** @internal */
  ended(ledger: ProducerLinkLedger, connections: 0 | 1): void {
    this.#ended.add(ledger, connections)
  }

  /** @internal */
  filtersChanged(): void {
    this.progressed()
  }

  /** @internal */
  slow(link: ProducerLink): void {
    this.emit('slow', link)
    this.platform.diagnose('slow', () => ({ producer: this, link }))
  }

  /** @internal */
  fault(told: Fault): void {
    // Whoever passes on the message of an error has the code in it.
    const fault = { ...told, message: withoutCode(told.code, told.message) }
    this.emit('fault', fault)
    this.platform.diagnose('fault', () => ({ producer: this, ...fault }))
  }

  /** @internal */
  progressed(): void {
    if (this.#checks.size > 0) for (const check of [...this.#checks]) check()
  }
}

function closed(): FanwireError {
  return new FanwireError('CLOSED', 'the producer is closed')
}

/** {@link checkOptions} at a fraction of its cost, since it may be asked for every message. */
function signalOf(options: SendOptions): AbortSignal | undefined {
  if (!isObject(options)) return refuse('the options of send()', 'an object', options)
  const { signal } = options
  for (const name in options)
    if (name !== 'signal') return checkOptions(sendOptions, options, undefined, 'send()').signal
  return signal === undefined ? undefined : sendOptions.signal.check(signal, 'signal')
}

function patience(fallback: number): OptionRule<number> {
  const check = (value: unknown, name: string) =>
    typeof value === 'number' && value >= 0 ? value : refuse(name, 'a number of milliseconds, 0 or more', value)
  return { fallback, check }
}
