import { byteString, cloneBytes } from './bytes.js'
import type { Codec } from './codec.js'
import { DropNotices } from './drop-notices.js'
import { Emitter } from './emitter.js'
import { EndedConnections } from './ended-connections.js'
import { FanwireError, withoutCode } from './errors.js'
import { Fanout, type FanoutSettings } from './fanout.js'
import { FlushWaiter } from './flush-waiter.js'
import type { Framing } from './framing/framing.js'
import type { DropReason, EndedLedger, ProducerLedger, ProducerLinkLedger } from './ledger.js'
import type { LinkDescription, LinkState } from './link.js'
import { Memory } from './memory.js'
import { badOption, checkOptions, integer, isObject, type OptionRule, refuse, signal } from './options.js'
import type { OverflowText, Policy } from './overflow.js'
import type { Platform } from './platform.js'
import type { ProducerLink } from './producer-link.js'
import { Store } from './store.js'
import { checkTopic, topicRule } from './topic.js'
import type { Topic } from './topics.js'
import type { Fault, ProducerEnd, Traits } from './transport.js'
import { until } from './until.js'
import { type Waiting, WaitingRoom } from './waiting-room.js'

/** One destination, as the application sees it. */
export interface Link {
  readonly remote: string
  readonly origin: 'accepted' | 'dialled'
  readonly state: LinkState
  /** Who is there; undefined until the handshake is done. */
  readonly peer: { readonly kind: 'fanwire' | 'foreign'; readonly id?: string; readonly user?: string } | undefined
  /**
   * The overflow policy that the consumer asked for, in the compact form and complete: who asks for `'drop'` has
   * `'drop:newest'` here. Undefined where it is none.
   */
  readonly want: OverflowText | undefined
  readonly policy: Policy
  /** What became of every message of the present connection, or of the last one once the link is closed. */
  ledger(): ProducerLinkLedger
  /** Closes the link for good; a dialled one is not dialled again. */
  close(reason?: Error): void
}

/** Messages that a link did not get because of its policy. */
export interface Drop {
  readonly link: Link
  readonly reason: DropReason
  readonly count: number
}

/** A send that nobody got. */
export interface Refusal {
  readonly link: undefined
  readonly reason: 'refused'
  readonly count: number
  /** Why the last of them was refused. */
  readonly cause: unknown
}

export type ProducerEvents = {
  /** A destination is connected and takes messages. */
  link: [link: Link]
  /** A destination is no longer connected. */
  unlink: [link: Link, reason: Error | undefined]
  /** Messages were dropped or refused: at most once a second for each link. */
  drop: [drop: Drop | Refusal]
  /** A link has reached its limit and holds `send()` back. */
  slow: [link: Link]
  /** A peer or the system did something wrong; it cost at most one link. */
  fault: [fault: Fault]
}

export interface ProducerStats extends ProducerLedger {
  readonly stream: string
  /** The number of the next message. */
  readonly next: number
  readonly memory: { readonly used: number; readonly limit: number }
  readonly links: readonly (LinkDescription & ProducerLinkLedger)[]
  /**
   * What became of the connections that have ended and stand in `links` no more: at most one sum of those whose peers
   * acknowledge, and one of the others.
   */
  readonly ended: readonly EndedLedger[]
  /** What the sockets have to tell beside the ledgers; each transport's page says it. */
  readonly ends: readonly object[]
}

/** Complete options of a producer, behind the door. */
export interface ProducerSettings extends Omit<FanoutSettings, 'run'> {
  readonly overflow: (link: Link) => Policy
  readonly memoryBytes: number
  readonly maxMessageBytes: number
  readonly codec: Codec<never> | undefined
}

export interface SendOptions {
  /** Ends the wait of this call; the message was then sent to nobody. */
  readonly signal?: AbortSignal | undefined
}

export interface CloseOptions {
  /** Milliseconds to hand out what waits, before it is given up: 0 to `Infinity`, which is 25 days. @default 5_000 */
  readonly drainMs?: number | undefined
}

export interface FlushOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined
}

export interface LinkedOptions {
  /** Counts only links that have subscribed to this topic, or to a prefix of it. */
  readonly topic?: string | undefined
  /** How many links to wait for, from 1. @default 1 */
  readonly count?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const SENT = Promise.resolve()
/** The longest delay that every timer takes, some 25 days. */
const LONGEST_MS = 2 ** 31 - 1

const sendOptions = { signal: signal() }
const flushOptions = { signal: signal() }
const closeOptions = { drainMs: patience(5_000) }
const linkedOptions = { topic: topicRule, count: integer(1, Number.MAX_SAFE_INTEGER, 1), signal: signal() }

/** Sends messages to all who want them. Made by `createProducer`. */
export class Producer<T = string | Uint8Array> extends Emitter<ProducerEvents> implements AsyncDisposable {
  readonly stream: string
  readonly #memory: Memory
  readonly #room: WaitingRoom
  readonly #fanouts: Fanout[] = []
  readonly #ends: ProducerEnd[] = []
  readonly #urls: string[] = []
  /** Takes the place of the logs. */
  #store: Store | undefined
  readonly #drops: DropNotices<ProducerLink | undefined, DropReason | 'refused'>
  readonly #ended = new EndedConnections()
  readonly #run: number
  /** Bytes of topic and data of the largest message that the logs take, and what says so. */
  readonly #most: number
  readonly #mostWords: string
  #lastRefusal: unknown
  /** Every link says which topics it wants. */
  #seesTopics = true
  #next = 1
  /** Calls of `send` and `trySend`, those that wait included. */
  #calls = 0
  #refused = 0
  #unheard = 0
  #state: 'open' | 'draining' | 'closed' = 'open'
  /** Set when `send()` must look twice: something waits, is full or is closed. */
  #gated = false
  #scheduled = false
  #pumping = false
  #closing: Promise<ProducerStats> | undefined
  readonly #ending = new AbortController()
  readonly #checks = new Set<() => void>()
  readonly #flush = (): void => {
    this.#scheduled = false
    for (const fanout of this.#fanouts) {
      fanout.flush()
      fanout.rest()
    }
  }

  /** @internal */
  constructor(
    private readonly platform: Platform,
    private readonly settings: ProducerSettings,
  ) {
    super()
    this.stream = settings.stream
    this.#memory = new Memory(settings.memoryBytes)
    this.#room = new WaitingRoom(this.#memory)
    const { largestMessage, limit } = this.#memory
    this.#most = Math.min(settings.maxMessageBytes, largestMessage)
    this.#mostWords =
      this.#most === settings.maxMessageBytes
        ? `maxMessageBytes, ${this.#most}`
        : `what memory.bytes, ${limit}, has room for, ${this.#most}; raise memory.bytes`
    const bits = new DataView(platform.random(new Uint8Array(8)).buffer)
    this.#run = bits.getUint16(0) * 2 ** 32 + bits.getUint32(4)
    this.#drops = new DropNotices(platform, (link, reason, count) => this.#announce(link, reason, count))
  }

  /**
   * The log for a framing: called while ends are being opened, before the first message.
   *
   * @internal
   */
  log(framing: Framing): Fanout {
    let fanout = this.#fanouts.find(({ log }) => log.framing.name === framing.name)
    if (fanout === undefined) {
      fanout = new Fanout(this.platform, this.#memory, framing, { ...this.settings, run: this.#run }, this, this.#next)
      this.#fanouts.push(fanout)
    }
    return fanout
  }

  /**
   * @param places of its addresses among all that the producer was given; behind those that are attached, unless given
   * @internal
   */
  attach(end: ProducerEnd, traits: Traits, places: readonly number[] = []): void {
    this.#ends.push(end)
    for (const [i, url] of end.urls.entries()) this.#urls[places[i] ?? this.#urls.length] = url
    this.#seesTopics &&= traits.filtersAtProducer
    if (end.kind === 'store') {
      const gaveUp = (cause: unknown) => {
        this.#countRefusal(cause)
        this.progressed()
      }
      this.#store = new Store(end, () => this.progressed(), gaveUp)
    }
    if (this.#store === undefined) return
    // A message would have gone to some when the store refuses it.
    if (this.#ends.length > 1)
      throw badOption(`${this.#urls.flat().join(' and ')} cannot be ends of one producer; open two`)
    this.#updateGate()
  }

  /** The addresses in use, in the order in which they were given, real ports included. */
  get urls(): readonly string[] {
    return [...this.#urls]
  }

  /** All links: connected ones, and dialled ones whether connected or not. */
  get links(): readonly Link[] {
    return this.#allLinks()
  }

  #allLinks(): ProducerLink[] {
    return this.#fanouts.flatMap(({ links }) => [...links])
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
      if (this.#gated || options !== undefined) {
        const signal = options === undefined ? undefined : signalOf(options)
        this.#checkOpen(signal)
        return this.#sendSlowly(topic, this.#encode(value), signal)
      }
      const data = this.#encode(value)
      if (!this.#publish(topic, data)) return this.#wait(topic, data, undefined)
    } catch (error) {
      return this.#refuse(error)
    }
    return this.#sent()
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
      return this.#sendSlowly(topic, data, signal)
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
      this.#countRefusal(closed())
      return 'closed'
    }
    try {
      if (this.#store !== undefined) {
        void this.#keep(this.#store, topic, this.#encode(value))
        return 'sent'
      }
      if (this.#gated || !this.#publish(topic, this.#encode(value))) {
        this.#countRefusal(new FanwireError('BUFFER_FULL', 'a link holds the producer back'))
        return 'full'
      }
    } catch (error) {
      this.#countRefusal(error)
      if (this.#store !== undefined && error instanceof FanwireError && error.code === 'BUFFER_FULL') return 'full'
      throw error
    }
    void this.#sent()
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
    const bytes = this.#bytesOf(topic)
    return this.#openDestinations > 0 || this.#allLinks().some((link) => link.wants(bytes))
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
    const counts = (link: ProducerLink) => (bytes === undefined ? link.state === 'open' : link.wants(bytes))
    await this.#until(() => this.#allLinks().filter(counts).length + this.#openDestinations >= count, signal)
  }

  /** Those of a store, which may want anything. */
  get #openDestinations(): number {
    return this.#store?.end.ledgers().filter(({ state }) => state === 'open').length ?? 0
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
    return this.#drain(signal, this.settings.stallMs)
  }

  async #drain(signal: AbortSignal | undefined, patienceMs: number): Promise<void> {
    const store = this.#store
    if (store !== undefined) {
      await this.#until(() => store.pending === 0, signal)
      await store.end.flush(signal)
      return
    }
    await this.#until(() => this.#room.size === 0, signal)
    this.#flush()
    const waiter = new FlushWaiter(this.#allLinks(), this.platform, patienceMs, () => this.progressed())
    try {
      await this.#until(() => waiter.done, signal)
    } finally {
      waiter.close()
    }
  }

  /** Exact counts, at this moment. */
  stats(): ProducerStats {
    return this.#statsOf(this.#allLinks(), this.#ended.ledgers())
  }

  #statsOf(links: readonly ProducerLink[], ended: readonly EndedLedger[]): ProducerStats {
    const { pending, refused } = this.#store ?? { pending: 0, refused: 0 }
    return {
      stream: this.stream,
      next: this.#next,
      // Calls that wait are not settled yet.
      offered: this.#calls - this.#room.size - pending,
      accepted: this.#next - 1 - pending - refused,
      refused: this.#refused,
      unheard: this.#unheard,
      memory: { used: this.#memory.used, limit: this.#memory.limit },
      links: [
        ...links.map((link) => ({
          remote: link.remote,
          kind: link.peer?.kind,
          state: link.state,
          ...link.ledger(),
        })),
        ...(this.#store?.end.ledgers() ?? []),
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
    this.#gated = true
    this.#ending.abort(closed())
    if (drainMs > 0) {
      const patience = new AbortController()
      const timer = this.platform.timer(Math.min(drainMs, LONGEST_MS), () => patience.abort())
      timer.ref()
      await this.#drain(patience.signal, Infinity).catch(() => undefined)
      timer.cancel()
    }
    this.#state = 'closed'
    this.#room.empty(closed)
    const links = this.#allLinks()
    const ended = this.#ended.ledgers()
    for (const fanout of this.#fanouts) fanout.close()
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

  /** Puts a message into every log. False when a link that may not be dropped from holds the memory. */
  #publish(text: string, data: string | Uint8Array): boolean {
    const dataSize = typeof data === 'string' ? this.platform.textSize(data) : data.length
    const fanouts = this.#fanouts
    let number = this.#next
    for (let i = 0; i < fanouts.length; i++) {
      const fanout = fanouts[i] as Fanout
      const topic = fanout.topic(text)
      fanout.log.framing.check?.(data)
      if (!fanout.reserve(this.#sizeOf(fanout, topic, dataSize))) return false
      if (number === this.#next) continue
      // Making room told somebody who has sent something himself, into what had been reserved.
      number = this.#next
      i = -1
    }
    let heard = false
    for (let i = 0; i < fanouts.length; i++) {
      const fanout = fanouts[i] as Fanout
      const topic = fanout.topic(text)
      fanout.publish(topic, data, dataSize, fanout.log.framing.size(topic.head, dataSize))
      heard ||= fanout.links.size > 0
    }
    if (!heard) this.#unheard++
    this.#next++
    for (let i = 0; i < fanouts.length; i++) (fanouts[i] as Fanout).ring()
    return true
  }

  /** Bytes of a message in the log of `fanout`, unless it is too long for it. */
  #sizeOf({ log }: Fanout, topic: Topic, dataSize: number): number {
    const { framing } = log
    const bytes = topic.bytes.length + dataSize
    const size = framing.size(topic.head, dataSize)
    if (bytes > this.#most) this.#tooLong(bytes, this.#mostWords)
    const { maxBytes = Infinity } = framing
    if (size > maxBytes) this.#tooLong(bytes, `what one datagram has room for, ${maxBytes - (size - bytes)}`)
    return size
  }

  #tooLong(bytes: number, most: string): never {
    throw new FanwireError('TOO_LONG', `a message of ${bytes} bytes of topic and data is above ${most}`)
  }

  /** Sees to it that what was published leaves. The promise resolves late when the sockets need a turn of their own. */
  #sent(): Promise<void> {
    if (!this.#scheduled) {
      this.#scheduled = true
      this.platform.defer(this.#flush)
    }
    const fanouts = this.#fanouts
    for (let i = 0; i < fanouts.length; i++) {
      const fanout = fanouts[i] as Fanout
      if (!fanout.due || !fanout.look()) continue
      fanout.rest()
      return this.platform.breathe()
    }
    return SENT
  }

  /** Gives a message to the store. What that refuses later, even if nobody waits for it, is counted and announced. */
  #keep(store: Store, topic: string, data: string | Uint8Array): Promise<void> {
    checkTopic(topic)
    const bytes = typeof data === 'string' ? this.#bytes(data) : cloneBytes(data)
    const size = this.platform.textSize(topic) + bytes.length
    const most = this.settings.maxMessageBytes
    if (size > most) this.#tooLong(size, `maxMessageBytes, ${most}`)
    const taking = store.append(topic, bytes, this.#next)
    this.#next++
    if (taking === undefined) return SENT
    taking.catch(() => undefined)
    return taking
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    if (this.#state !== 'open') throw closed()
    signal?.throwIfAborted()
  }

  #sendSlowly(topic: string, data: string | Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    if (this.#store !== undefined) return this.#keep(this.#store, topic, data)
    if (!this.#gated && this.#publish(topic, data)) return this.#sent()
    return this.#wait(topic, data, signal)
  }

  /** Waits until the links that hold the producer back have room. */
  #wait(topic: string, data: string | Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const gates = this.#fanouts.flatMap((fanout) => [...fanout.gates])
    const refusing = gates.find(({ policy }) => policy.policy === 'buffer')
    if (refusing !== undefined) {
      throw new FanwireError(
        'BUFFER_FULL',
        `the backlog for ${refusing.remote} is at its limit; nobody got the message`,
      )
    }
    for (const fanout of this.#fanouts) {
      fanout.log.framing.check?.(data)
      this.#sizeOf(fanout, fanout.topic(topic), typeof data === 'string' ? this.platform.textSize(data) : data.length)
    }
    const timeouts = gates.map(({ policy }) =>
      policy.policy === 'backpressure' && policy.then === 'reject' ? policy.timeoutMs : Infinity,
    )
    const timeoutMs = Math.min(...timeouts)
    const waiting: Waiting = {
      topic,
      data: typeof data === 'string' ? this.#bytes(data) : cloneBytes(data),
      sent: () => undefined,
      resolve: () => undefined,
      reject: () => undefined,
    }
    this.#room.enter(waiting)
    const giveUp = (reason: unknown) => {
      if (!this.#room.leave(waiting)) return
      waiting.reject(reason)
      this.#updateGate()
    }
    const abort = () => giveUp(signal?.reason)
    const expire = () =>
      giveUp(new FanwireError('TIMEOUT', `send() waited ${timeoutMs} ms for a slow link; nobody got the message`))
    const timer = timeoutMs < Infinity ? this.platform.timer(timeoutMs, expire) : undefined
    timer?.ref()
    signal?.addEventListener('abort', abort)
    waiting.sent = () => {
      timer?.cancel()
      signal?.removeEventListener('abort', abort)
    }
    const promise = new Promise<void>((resolve, reject) => {
      waiting.resolve = resolve
      waiting.reject = (reason) => {
        waiting.sent()
        this.#countRefusal(reason)
        reject(reason)
      }
    })
    promise.catch(() => undefined)
    this.#updateGate()
    return promise
  }

  /** Lets those in that wait, in their order, as long as no link holds them back. */
  #pump(): void {
    this.#pumping = false
    for (let waiting = this.#room.first; waiting !== undefined && !this.#held; waiting = this.#room.first) {
      this.#room.leave(waiting)
      if (!this.#publish(waiting.topic, waiting.data)) {
        this.#room.putBack(waiting)
        break
      }
      waiting.sent()
      void this.#sent().then(waiting.resolve)
    }
    this.#updateGate()
    this.progressed()
  }

  /** A link is at its limit. */
  get #held(): boolean {
    return this.#fanouts.some(({ gates }) => gates.size > 0)
  }

  #updateGate(): void {
    this.#gated = this.#state !== 'open' || this.#store !== undefined || this.#room.size > 0 || this.#held
    if (this.#room.size === 0 || this.#held || this.#pumping) return
    this.#pumping = true
    this.platform.defer(() => this.#pump())
  }

  #refuse(error: unknown): Promise<never> {
    this.#countRefusal(error)
    const promise = Promise.reject(error)
    promise.catch(() => undefined)
    return promise
  }

  #countRefusal(cause: unknown): void {
    this.#refused++
    this.#lastRefusal = cause
    this.#drops.add(undefined, 'refused', 1)
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
    const bytes = this.#bytes(topic)
    return byteString(bytes, 0, bytes.length)
  }

  #bytes(text: string): Uint8Array {
    const bytes = this.platform.allocate(this.platform.textSize(text))
    this.platform.writeText(bytes, 0, text)
    return bytes
  }

  /** Resolves once `holds` does; it is asked again whenever a link has changed. */
  #until(holds: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    return until(this.#checks, holds, () => this.#state === 'closed', 'producer', signal)
  }

  // What the fanouts tell.

  /** @internal */
  policyFor(link: ProducerLink): Policy {
    return this.settings.overflow(link)
  }

  /** @internal */
  dropped(link: ProducerLink, reason: DropReason, count: number): void {
    this.#drops.add(link, reason, count)
  }

  /** @internal */
  started(link: ProducerLink): void {
    this.emit('link', link)
    this.platform.diagnose('link', () => ({ producer: this, link }))
    this.progressed()
  }

  /** @internal */
  stopped(link: ProducerLink, reason: Error | undefined): void {
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
  gateChanged(): void {
    this.#updateGate()
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
