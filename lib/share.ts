import { FanwireError } from './errors.js'
import type { Framing } from './framing/framing.js'
import type { ProducerLinkLedger } from './ledger.js'
import { Log } from './log.js'
import type { Memory } from './memory.js'
import type { MessageLimit } from './message-limit.js'
import { type Outlet, type OutletHost, SENT } from './outlet.js'
import type { CompleteLimit, Policy } from './overflow.js'
import type { Platform } from './platform.js'
import { ShareLink, type ShareLinkHost } from './share-link.js'
import { SharedRun } from './shared-run.js'
import { SLAB_BYTES, type Slab } from './slab.js'
import { StallWatch } from './stall-watch.js'
import { Topics } from './topics.js'
import type { LogPort, StreamStart } from './transport.js'
import { Turn } from './turn.js'
import { Turnstile, type TurnstileHost } from './turnstile.js'

/** Runs are put into pieces of memory of this size; a larger one has its own. */
const PAGE_BYTES = 64 * 1024

const NOTHING = new Uint8Array(0)

export interface ShareSettings {
  readonly stream: string
  readonly run: number
  /** What happens when too much waits for a link. */
  readonly policy: Policy
  /** What a link may have unacknowledged. */
  readonly prefetch: CompleteLimit
  readonly stallMs: number
}

/** What a share tells its producer. */
export interface ShareHost extends OutletHost {
  started(link: ShareLink): void
  stopped(link: ShareLink, reason: Error | undefined): void
  ended(ledger: ProducerLinkLedger, connections: 0 | 1): void
}

/**
 * Each message goes to one link: one cursor in one log, from which links with room take what comes next. What a link was
 * given is kept until its peer acknowledges it; of a link that ends before, it goes to others.
 */
export class Share implements Outlet, LogPort, TurnstileHost, ShareLinkHost {
  readonly policy: Policy
  readonly prefetch: CompleteLimit
  readonly stream: string
  readonly run: number
  readonly #log: Log
  readonly #topics: Topics
  readonly #turn: Turn
  readonly #turnstile: Turnstile
  /** One more is the limit of what waits. */
  readonly #mostMessages: number
  readonly #mostBytes: number
  readonly #stalls: StallWatch<ShareLink>
  readonly #links = new Set<ShareLink>()
  /** Those that may have room; who was given something last stands last. */
  readonly #ready = new Set<ShareLink>()
  /** The number of the first message that no link was given, and the bytes of all before it. */
  #cursor = 1
  #cursorBytes = 0
  /** What came back from links that have ended, by number: it goes first. */
  readonly #returns: SharedRun[] = []
  #returnedWaiting = 0
  #returnedBytes = 0
  #returned = 0
  #redelivered = 0
  #full = false
  /** Bytes for which there was no memory. */
  #lacking = 0
  /** Memory that runs hold which links were given, or gave back. */
  #runBytes = 0
  #page: Uint8Array = NOTHING
  #pageUsed = 0
  #scheduled = false
  #distributing = false
  #closed = false
  readonly #flush = (): void => {
    this.#scheduled = false
    this.#distribute()
    this.#turn.end()
  }

  constructor(
    private readonly platform: Platform,
    private readonly memory: Memory,
    private readonly limit: MessageLimit,
    readonly framing: Framing,
    settings: ShareSettings,
    private readonly host: ShareHost,
  ) {
    this.policy = settings.policy
    this.#mostMessages = settings.policy.limit.messages - 1
    this.#mostBytes = settings.policy.limit.bytes - 1
    this.prefetch = settings.prefetch
    this.stream = settings.stream
    this.run = settings.run
    this.#log = new Log(platform, memory, framing, 1)
    this.#topics = new Topics(platform, memory, framing)
    this.#turn = new Turn(platform, this.#log)
    this.#turnstile = new Turnstile(platform, memory, this)
    const { stallMs } = settings
    this.#stalls = new StallWatch(
      platform,
      stallMs,
      () => this.#links,
      (link) => {
        const what = link.busy ? 'took no byte' : 'acknowledged nothing'
        link.cut(new FanwireError('STALLED', `${link.remote} ${what} for ${stallMs} ms`))
      },
    )
  }

  // The outlet.

  get next(): number {
    return this.#log.next
  }

  get unsettled(): number {
    return this.#turnstile.size
  }

  get links(): readonly ShareLink[] {
    return [...this.#links]
  }

  send(topic: string, data: string | Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#turnstile.closed && this.publish(topic, data)) return this.sent()
    const { policy } = this
    if (policy.policy === 'buffer') throw this.#isFull()
    this.#sizeOf(topic, data)
    const timeoutMs = policy.policy === 'backpressure' && policy.then === 'reject' ? policy.timeoutMs : Infinity
    return this.#turnstile.wait(topic, data, timeoutMs, signal)
  }

  trySend(topic: string, data: string | Uint8Array): void {
    if (this.#turnstile.closed || !this.publish(topic, data)) throw this.#isFull()
    void this.sent()
  }

  /** Whoever is there takes any topic. */
  destinations(): number {
    return this.links.filter(({ state }) => state === 'open').length
  }

  async drain(signal: AbortSignal | undefined, patienceMs: number): Promise<void> {
    const { host } = this
    await host.until(() => this.#turnstile.size === 0, signal)
    this.#flush()
    const goal = this.next
    const from = this.platform.now()
    let stalled: ShareLink | undefined
    // Where something is still to be given, or not yet taken, the deadlines of the link itself hold.
    const owing = (link: ShareLink) => ({
      link,
      progressAt: Math.max(link.progressAt, from),
      pending: !link.busy && link.lowest < goal,
    })
    const watch = new StallWatch(
      this.platform,
      patienceMs,
      () => this.links.map(owing),
      ({ link }) => {
        stalled = link
        host.progressed()
      },
    )
    try {
      await host.until(() => {
        watch.begin()
        if (stalled !== undefined)
          throw new FanwireError('STALLED', `${stalled.remote} acknowledged nothing for ${patienceMs} ms`)
        return this.#lowest >= goal
      }, signal)
    } finally {
      watch.close()
    }
  }

  counts(): { accepted: number; unheard: number; waiting: number; returned: number; redelivered: number } {
    const { waiting } = this
    return {
      accepted: this.next - 1,
      unheard: 0,
      waiting,
      returned: this.#returned,
      redelivered: this.#redelivered,
    }
  }

  ledgers(): readonly [] {
    return []
  }

  close(): void {
    this.#turnstile.empty(() => new FanwireError('CLOSED', 'the producer is closed'))
    this.#closed = true
    for (const link of this.links) link.finish()
    this.#stalls.close()
    this.#log.pool.close()
  }

  // The log, as transports see it.

  open(remote: string, origin: 'accepted' | 'dialled'): ShareLink {
    const link = new ShareLink(this, remote, origin)
    this.#links.add(link)
    return link
  }

  /** Nothing of the past is there for anybody. */
  read(): undefined {}

  get oldest(): number {
    return this.#cursor
  }

  retain(): void {}

  // What the turnstile asks.

  get held(): boolean {
    return this.#full || (this.#lacking > 0 && !this.memory.hasRoom(this.#lacking))
  }

  /** Puts a message at the end of the log. False when there is no memory for it. */
  publish(text: string, data: string | Uint8Array): boolean {
    const dataSize = typeof data === 'string' ? this.platform.textSize(data) : data.length
    const topic = this.#topics.find(text) ?? this.#addTopic(text)
    this.framing.check?.(data)
    const size = this.limit.sizeOf(this.framing, topic, dataSize)
    if (!((this.#log.fits(size) && this.memory.hasRoom(0)) || this.#makeRoom(size))) return false
    this.#log.append(topic, data, dataSize, size)
    if (this.#isOver(this.#mostMessages, this.#mostBytes)) this.#checkLimit()
    return true
  }

  sent(): Promise<void> {
    this.#schedule()
    if (!this.#turn.due) return SENT
    const ends = this.#turn.look()
    this.#distribute()
    if (!ends && this.waiting === 0) return SENT
    this.#turn.end()
    return this.platform.breathe()
  }

  refused(cause: unknown): void {
    this.host.countRefusal(cause)
  }

  progressed(): void {
    this.host.progressed()
  }

  // What links tell.

  get waiting(): number {
    return this.#log.next - this.#cursor + this.#returnedWaiting
  }

  now(): number {
    return this.platform.now()
  }

  streamStart(): StreamStart {
    const { stream, run, prefetch } = this
    const { messages, bytes } = prefetch
    return { stream, run, next: this.#cursor, oldest: this.#cursor, allowance: bytes, prefetch: messages }
  }

  started(link: ShareLink): void {
    this.host.started(link)
    // Its carrier has something to say first.
    this.platform.defer(() => this.moved(link))
  }

  stopped(link: ShareLink, wasOpen: boolean, runs: readonly SharedRun[], reason: Error | undefined): void {
    this.#ready.delete(link)
    if (link.ended) this.#links.delete(link)
    for (const run of runs) this.#takeBack(run)
    if (runs.length > 0) this.#schedule()
    if (wasOpen) this.host.stopped(link, reason)
    this.#relieve()
    this.host.progressed()
  }

  ended(ledger: ProducerLinkLedger, connections: 0 | 1): void {
    this.host.ended(ledger, connections)
  }

  moved(link: ShareLink): void {
    if (link.room > 0) this.#ready.add(link)
    this.#distribute()
    this.host.progressed()
  }

  release({ cost }: SharedRun): void {
    this.memory.used -= cost
    this.#runBytes -= cost
  }

  watch(): void {
    this.#stalls.begin()
  }

  // Handing out.

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.platform.defer(this.#flush)
  }

  /** Gives the links that have room what waits. */
  #distribute(): void {
    if (this.#distributing || this.#closed) return
    this.#distributing = true
    let turns = 0
    let most = 0
    while (this.waiting > 0) {
      const link = this.#choose()
      if (link === undefined) break
      if (turns === 0) {
        // A few tasks for many that are idle go to many.
        turns = this.#ready.size
        most = Math.ceil(this.waiting / turns)
      }
      turns--
      this.#ready.delete(link)
      if (this.#give(link, most) && link.room > 0) this.#ready.add(link)
    }
    this.#distributing = false
    if (this.waiting > 0) this.#stalls.begin()
    this.#tidy()
    this.#relieve()
  }

  /** Who has the least to do. Of peers that never acknowledge nobody knows it, so that they are served in turn. */
  #choose(): ShareLink | undefined {
    let least = Infinity
    for (const link of this.#ready) {
      if (link.room <= 0) this.#ready.delete(link)
      else if (link.acknowledges) least = Math.min(least, link.open)
    }
    for (const link of this.#ready) if (!link.acknowledges || link.open === least) return link
    return undefined
  }

  /** Gives `link` at most `most` messages. False when what comes next is too large for it now. */
  #give(link: ShareLink, most: number): boolean {
    const { bytes, messages } = link.most
    const count = Math.min(most, link.room, messages)
    const size = Math.min(link.roomBytes, bytes)
    const isIdle = link.open === 0
    return this.#returns.length > 0
      ? this.#giveAgain(link, this.#returns[0] as SharedRun, count, size, isIdle)
      : this.#giveNext(link, count, size, isIdle)
  }

  #giveNext(link: ShareLink, most: number, room: number, isIdle: boolean): boolean {
    const first = this.#cursor
    const slab = this.#log.slabOf(first)
    const index = first - slab.first
    const start = slab.startOf(index)
    const within = Math.min(slab.count, slab.indexWithin(start + room)) - index
    const count = within > 0 ? Math.min(most, within) : isIdle ? 1 : 0
    if (count === 0) return false
    const end = slab.startOf(index + count)
    const ends = new Uint32Array(count)
    for (let i = 0; i < count; i++) ends[i] = slab.startOf(index + i + 1) - start
    this.#cursor += count
    this.#cursorBytes += end - start
    // What has a slab of its own takes it along.
    if (slab.bytes.length > SLAB_BYTES) slab.shared = true
    this.#hand(link, first, slab.bytes, start, end, ends, false)
    return true
  }

  #giveAgain(link: ShareLink, returned: SharedRun, most: number, room: number, isIdle: boolean): boolean {
    const count = Math.min(most, Math.max(returned.countWithin(room), isIdle ? 1 : 0))
    if (count === 0) return false
    const { first, start } = returned
    const end = returned.startOf(count)
    const ends = new Uint32Array(count)
    for (let i = 0; i < count; i++) ends[i] = returned.startOf(i + 1) - start
    returned.settle(count)
    this.#returnedWaiting -= count
    this.#returnedBytes -= end - start
    this.#redelivered += count
    if (returned.count === 0) {
      this.#returns.shift()
      this.release(returned)
    }
    this.#hand(link, first, returned.bytes, start, end, ends, true)
    return true
  }

  #hand(
    link: ShareLink,
    first: number,
    source: Uint8Array,
    start: number,
    end: number,
    ends: Uint32Array,
    redelivered: boolean,
  ): void {
    const { run } = this.framing
    const header = run !== undefined && link.needsHeader(first, redelivered) ? run : undefined
    const headerSize = header?.size ?? 0
    const size = end - start
    const large = size > SLAB_BYTES
    const written = this.#take(headerSize + (large ? 0 : size))
    header?.write(written, 0, first, redelivered)
    const bytes = large ? source.subarray(start, end) : written.subarray(headerSize)
    if (!large) bytes.set(source.subarray(start, end))
    const given = new SharedRun(first, bytes, ends, redelivered)
    this.memory.used += given.cost
    this.#runBytes += given.cost
    link.give(given, large ? this.#slices(written, bytes, link.most.bytes) : [written])
  }

  /** The writes of a message that is too large for one. */
  #slices(header: Uint8Array, bytes: Uint8Array, most: number): Uint8Array[] {
    const slices: Uint8Array[] = header.length > 0 ? [header] : []
    for (let at = 0; at < bytes.length; at += most) slices.push(bytes.subarray(at, Math.min(bytes.length, at + most)))
    return slices
  }

  /** Memory for a run, which is never used again: an application may hold views of it. */
  #take(size: number): Uint8Array {
    if (size > PAGE_BYTES / 4) return this.platform.allocate(size)
    if (this.#pageUsed + size > this.#page.length) {
      this.#page = this.platform.allocate(PAGE_BYTES)
      this.#pageUsed = 0
    }
    const at = this.#pageUsed
    this.#pageUsed = at + size
    return this.#page.subarray(at, at + size)
  }

  #takeBack(run: SharedRun): void {
    const returns = this.#returns
    let at = returns.length
    while (at > 0 && (returns[at - 1] as SharedRun).first > run.first) at--
    returns.splice(at, 0, run)
    this.#returned += run.count
    this.#returnedWaiting += run.count
    this.#returnedBytes += run.size
  }

  /** The lowest number that waits, or that a link has not done with. */
  get #lowest(): number {
    let lowest = this.waiting > this.#returnedWaiting ? this.#cursor : Infinity
    for (const run of this.#returns) lowest = Math.min(lowest, run.first)
    for (const link of this.#links) lowest = Math.min(lowest, link.lowest)
    return lowest
  }

  // Room.

  #isFull(): FanwireError {
    return new FanwireError('BUFFER_FULL', `${this.waiting} messages wait for a link already; nobody got the message`)
  }

  #isOver(messages: number, bytes: number): boolean {
    return this.waiting > messages || this.#log.bytes - this.#cursorBytes + this.#returnedBytes > bytes
  }

  /** The limit is reached, unless links take some of what waits. */
  #checkLimit(): void {
    if (this.#full) return
    this.#distribute()
    if (!this.#isOver(this.#mostMessages, this.#mostBytes)) return
    this.#full = true
    this.#turnstile.update()
  }

  #relieve(): void {
    const { messages, bytes } = this.policy.limit
    if (this.#full && (this.waiting === 0 || !this.#isOver(messages / 2, bytes / 2))) this.#full = false
    else if (this.#lacking === 0) return
    if (!this.held) {
      this.#lacking = 0
      this.#turnstile.update()
    }
  }

  #makeRoom(size: number): boolean {
    this.#distribute()
    const { pool } = this.#log
    const fits = this.#log.fits(size)
    // Where there is no room at all, spares go before it is asked what another slab costs.
    const hasSome = this.memory.hasRoom(0)
    const cost = fits ? 0 : pool.costOf(size)
    // What else there is, waiting calls and topics, is not the log's to give: one slab more lets the producer go on.
    const holdsMuch = this.waiting > 0 || this.#runBytes > 0
    if (holdsMuch && !(hasSome && this.memory.hasRoom(cost))) {
      this.#lacking = Math.max(1, cost)
      this.#turnstile.update()
      return false
    }
    if (!fits) this.#log.open(size)
    return true
  }

  #addTopic(text: string) {
    const { start } = this.#log
    if (this.#topics.crowded) this.#topics.sweep((topic) => topic.latest >= start)
    return this.#topics.add(text)
  }

  #sizeOf(text: string, data: string | Uint8Array): void {
    const topic = this.#topics.find(text) ?? this.#addTopic(text)
    this.framing.check?.(data)
    this.limit.sizeOf(this.framing, topic, typeof data === 'string' ? this.platform.textSize(data) : data.length)
  }

  /** Lets go of what every message of was given. */
  #tidy(): void {
    const log = this.#log
    if (this.#cursor === log.next) log.rewind()
    else while ((log.slabs[0] as Slab).next <= this.#cursor) log.shift()
  }
}
