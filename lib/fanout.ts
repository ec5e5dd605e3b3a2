import { Cursor } from './cursor.js'
import { FanwireError, withoutCode } from './errors.js'
import type { Framing } from './framing/framing.js'
import { History } from './history.js'
import { Interests } from './interests.js'
import { LastValues } from './last-values.js'
import type { DropReason, ProducerLinkLedger } from './ledger.js'
import { Log } from './log.js'
import type { Memory } from './memory.js'
import type { Policy } from './overflow.js'
import { Patience } from './patience.js'
import type { Platform } from './platform.js'
import { ProducerLink } from './producer-link.js'
import { Reader } from './reader.js'
import type { Retention } from './retention.js'
import type { Search } from './search.js'
import { Searches } from './searches.js'
import type { Slab } from './slab.js'
import { Spill } from './spill.js'
import { type Topic, Topics } from './topics.js'
import type { Fault, LogPort, Peer, StartFrom, StreamStart } from './transport.js'
import { Turn } from './turn.js'
import { FilteredView, type View, WholeView } from './view.js'
import { Window } from './window.js'

/** Looks without a flush where no link wants everything. */
const MOST_LOOKS = 8

/** What a fanout tells its producer. */
export interface FanoutHost {
  /** Which policy a link gets, once its peer is known. */
  policyFor(link: ProducerLink): Policy
  dropped(link: ProducerLink, reason: DropReason, count: number): void
  started(link: ProducerLink): void
  stopped(link: ProducerLink, reason: Error | undefined): void
  filtersChanged(): void
  slow(link: ProducerLink): void
  /** What became of a connection's messages; `connections` is 0 for a dialled link that had none meanwhile. */
  ended(ledger: ProducerLinkLedger, connections: 0 | 1): void
  /** A link has got further. */
  progressed(): void
  /** Something went wrong. */
  fault(fault: Fault): void
}

export interface FanoutSettings {
  readonly stream: string
  readonly run: number
  /** What a link starts with until its peer is known. */
  readonly policy: Policy
  readonly retention: Retention
  readonly stallMs: number
  /** Bytes that a link may leave unacknowledged; undefined: as its policy wants it. */
  readonly unacknowledgedBytes: number | undefined
}

/** A log, its views and its links: everything that the ends of one framing share. */
export class Fanout implements LogPort {
  readonly log: Log
  readonly topics: Topics
  readonly reader: Reader
  readonly links = new Set<ProducerLink>()
  /** When the last flush began. */
  flushedAt = 0
  /** Links that hold `send()` back at the moment. */
  readonly gates = new Set<ProducerLink>()
  readonly #interests: Interests
  readonly #whole: WholeView
  readonly #lastValues: LastValues
  /** Links for which something waits after they were offered it. */
  readonly #behind = new Set<ProducerLink>()
  /** Links whose filter has changed since the last message. */
  readonly #unsettled = new Set<ProducerLink>()
  /** Links that have left a view in which lies what they were not offered. */
  #moved: ProducerLink[] = []
  /** Views with matches that their links have not been offered. */
  #dirty: FilteredView[] = []
  /** The number up to which all links were offered everything, or are just being offered it. */
  #flushed: number
  #offered: number
  #flushing = false
  /** The views that the newest message went to, where one of them, or the whole, has rung its alarm. */
  #alarmed: readonly FilteredView[] | undefined
  /** Looks since the last flush. */
  #looks = 0
  readonly #turn: Turn
  readonly #history: History
  readonly #searches: Searches
  readonly #patience: Patience
  readonly #window: Window

  constructor(
    private readonly platform: Platform,
    readonly memory: Memory,
    framing: Framing,
    readonly settings: FanoutSettings,
    readonly host: FanoutHost,
    next: number,
    /** Links that hold `send()` back have come, or the last one has gone. */
    private readonly gateChanged: () => void,
  ) {
    this.log = new Log(platform, memory, framing, next)
    this.#flushed = next
    this.#offered = next
    this.topics = new Topics(platform, memory, framing)
    this.#interests = new Interests(memory)
    this.#whole = new WholeView(this.log)
    this.#lastValues = new LastValues(memory)
    this.reader = new Reader(this.log, this.topics, this.#lastValues)
    this.#turn = new Turn(platform, this.log)
    this.#history = new History(this.log, this.topics, this.#lastValues, memory, settings)
    this.#searches = new Searches(platform, (link) => {
      this.arm(link)
      this.drain(link)
    })
    this.#patience = new Patience(platform, this.links, this.gates, () => this.#window.cutStanding(), settings.stallMs)
    const { log, topics, reader, links } = this
    this.#window = new Window(
      { platform, memory, log, topics, reader, lastValues: this.#lastValues, retention: settings.retention },
      { all: links, behind: this.#behind, searches: this.#searches, patience: this.#patience },
      this,
    )
  }

  now(): number {
    return this.platform.now()
  }

  /** The number up to which all links were offered everything: a link may call back while others still wait for that. */
  get offered(): number {
    return this.#offered
  }

  /** So much was published since the last look that the next one is due. */
  get due(): boolean {
    return this.#turn.due
  }

  /** Looks in the middle of a turn whether links should be offered what was published. True when the turn must end. */
  look(): boolean {
    const ends = this.#turn.look()
    // Links that want a part of it only had better get that in larger pieces.
    const waits = this.#whole.links.size === 0 && this.#dirty.length > 0
    if (!ends && waits && ++this.#looks < MOST_LOOKS) return false
    this.flush()
    return ends || this.#behind.size > 0
  }

  /** Everybody else has a turn now. */
  rest(): void {
    this.#turn.end()
  }

  /** There is memory for what found none, or else for one more slab. */
  get hasRoom(): boolean {
    return this.#window.hasRoom
  }

  // Sending.

  /** The topic's entry, made when it is new. @throws {FanwireError} `BAD_TOPIC` */
  topic(text: string): Topic {
    return this.topics.find(text) ?? this.#addTopic(text)
  }

  #addTopic(text: string): Topic {
    if (this.topics.crowded) this.#window.sweepTopics()
    return this.topics.add(text)
  }

  /** Makes room for a message of `size` bytes. False when a link that may not be dropped from holds the memory. */
  reserve(size: number): boolean {
    return (this.log.fits(size) && this.memory.hasRoom(0)) || this.#window.makeRoom(size)
  }

  /** Puts a message for which there is room at the end of the log, and into the views that want it. */
  publish(topic: Topic, data: string | Uint8Array, dataSize: number, size: number): void {
    if (this.#unsettled.size > 0) this.settle()
    if (topic.kept) this.#lastValues.supersede(topic)
    const number = this.log.append(topic, data, dataSize, size)
    const whole = this.#whole
    let alarm = number + 1 >= whole.alarmEnd || this.log.bytes >= whole.alarmBytes
    const views = topic.epoch === this.#interests.epoch ? topic.views : this.#interests.of(topic)
    for (let i = 0; i < views.length; i++) {
      const view = views[i] as FilteredView
      view.push(number, size)
      if (!view.dirty) {
        view.dirty = true
        this.#dirty.push(view)
        this.#window.grown.add(view)
      }
      alarm ||= view.end >= view.alarmEnd || view.bytes >= view.alarmBytes
    }
    if (alarm) this.#alarmed = views
  }

  /** Looks after links that have come to their limits: listeners hear of it, and may send, once every log has the message. */
  ring(): void {
    const views = this.#alarmed
    if (views === undefined) return
    this.#alarmed = undefined
    this.#ring(views)
  }

  /** Offers the links what was published since the last time. */
  flush(): void {
    const { log } = this
    if (log.next === this.#flushed) return
    this.#looks = 0
    this.flushedAt = this.platform.now()
    this.#flushed = log.next
    const isOutermost = !this.#flushing
    this.#flushing = true
    for (const link of this.#whole.links) this.#offer(link)
    const moved = this.#moved
    this.#moved = []
    for (const link of moved) this.#offer(link)
    const dirty = this.#dirty
    this.#dirty = []
    for (const view of dirty) {
      view.dirty = false
      for (const link of view.links) this.#offer(link)
    }
    if (!isOutermost) return
    this.#flushing = false
    this.#offered = this.#flushed
    this.#window.tidy()
    this.host.progressed()
  }

  /** Gives `link` what waits for it, after its carrier or its peer has made room. */
  drain(link: ProducerLink): void {
    this.#offer(link)
    if (this.#behind.size === 0) this.#window.tidy()
    else if (this.gates.size > 0 && this.log.spill !== undefined) this.#relieveSpilling()
    this.host.progressed()
  }

  #offer(link: ProducerLink): void {
    link.drain()
    if (link.cursor !== undefined && link.state !== 'closed' && link.cursor.waiting > 0) this.#behind.add(link)
    else this.#behind.delete(link)
  }

  // Links.

  open(remote: string, origin: 'accepted' | 'dialled'): ProducerLink {
    const link = new ProducerLink(this, remote, origin, this.settings.policy)
    this.links.add(link)
    return link
  }

  get stream(): string {
    return this.settings.stream
  }

  get run(): number {
    return this.settings.run
  }

  get next(): number {
    return this.log.next
  }

  get oldest(): number {
    return this.log.start
  }

  read(
    from: number,
    most: { readonly bytes: number; readonly messages: number },
  ): { readonly run: Uint8Array; readonly count: number } | undefined {
    const { log } = this
    if (from < log.start || from >= log.next) return undefined
    const slab = log.slabOf(from)
    const index = from - slab.first
    const start = slab.startOf(index)
    const count = Math.min(most.messages, slab.indexWithin(start + most.bytes) - index)
    if (count <= 0) return undefined
    return { run: slab.bytes.subarray(start, slab.startOf(index + count)), count }
  }

  retain(bytes: number): void {
    this.settings.retention.retain(bytes)
  }

  onProbation(peer: Peer): boolean {
    return this.#patience.onProbation(peer)
  }

  /** Puts a link at the place that its peer asks for. Returns the number that it is sent first. */
  place(link: ProducerLink, from: StartFrom): number {
    const { cursor } = link
    if (cursor === undefined) return this.#begin(link, from)
    const next = this.#wantedAgain(cursor, from)
    // A foreign peer has yet to say what it wants.
    const keepsFilter = link.peer?.kind !== 'fanwire' || cursor.view?.isOf(link.prefixes) === true
    // Topics are not on disk, so that what waits there is not searched, and comes as it was wanted before.
    const isOnDisk = cursor.nextWaiting < this.log.start && this.log.spill?.start !== undefined
    if (next !== undefined && (keepsFilter || isOnDisk) && cursor.unsearched === 0) {
      const first = this.#goOn(link, cursor, next)
      if (!keepsFilter) this.filterChanged(link)
      return first
    }
    this.#searches.delete(link)
    this.#leave(link)
    cursor.release()
    link.beginLedger()
    const { stream, run } = this.settings
    return this.#begin(link, next === undefined ? from : { stream, run, next })
  }

  /** The number at which a link goes on that has been here before; undefined where its peer wants something else. */
  #wantedAgain(cursor: Cursor, from: StartFrom): number | undefined {
    const { stream, run } = this.settings
    if (from === 'now') return cursor.number
    if (typeof from === 'string' || from.stream !== stream || from.run !== run) return undefined
    return Math.min(from.next, cursor.number)
  }

  /** A dialled link goes on with what has waited for it, behind what was handed before and did not arrive. */
  #goOn(link: ProducerLink, cursor: Cursor, next: number): number {
    if (cursor.conflates !== link.conflates) this.#readAnew(link, cursor)
    const { stream, run } = this.settings
    const start = this.#history.startOf({ stream, run, next }, link.conflates, this.platform.now())
    if (start < cursor.number) this.#rewind(link, cursor, start)
    return cursor.number
  }

  #rewind(link: ProducerLink, cursor: Cursor, start: number): void {
    const { number } = cursor
    if (cursor.view?.whole) {
      cursor.rewind(start, this.#whole, start, number, link.conflates)
    } else {
      const search = this.#history.search(link.prefixes, start, number)
      const { view } = search
      const first = this.#search(search, start)
      cursor.rewind(first, view, view.base, view.end, link.conflates, search.left)
      if (search.left > 0) this.#searches.goOn(link, search)
    }
    link.wentBack()
    if (cursor.waiting > 0) this.#behind.add(link)
    this.arm(link)
  }

  /** Searches as far as there is time now. Returns the number from which on everything found is kept. */
  #search(search: Search, start: number): number {
    this.#searches.begin(search)
    const { view } = search
    const excess = search.excess(view.base)
    if (excess === 0) return start
    const last = view.numberAt(view.base + excess - 1)
    view.trim(view.base + excess)
    return last + 1
  }

  #begin(link: ProducerLink, from: StartFrom): number {
    const { log } = this
    let start = this.#history.startOf(from, link.conflates, this.platform.now())
    const view = this.#viewFor(link.prefixes)
    const search = view.whole || start === log.next ? undefined : this.#history.search(link.prefixes, start, log.next)
    if (search !== undefined) start = this.#search(search, start)
    const cursor = new Cursor(start)
    link.cursor = cursor
    if (start < log.next) {
      const conflates = link.conflates || from === 'latest-per-topic'
      cursor.enter(search?.view ?? view, conflates, start, search?.view.base ?? start)
      cursor.unsearched = search?.left ?? 0
    }
    cursor.enter(view, link.conflates, log.next)
    view.links.add(link)
    if (search !== undefined && search.left > 0) this.#searches.goOn(link, search)
    if (cursor.waiting > 0) this.#behind.add(link)
    link.catchingUp = !link.jumps && !link.conflates && (cursor.unsearched > 0 || cursor.excess(link.limit) > 0)
    this.arm(link)
    return start
  }

  linkStarted(link: ProducerLink): void {
    this.host.started(link)
    // Its carrier has something to say first.
    this.platform.defer(() => this.drain(link))
  }

  linkStopped(link: ProducerLink, reason: Error | undefined): void {
    this.host.stopped(link, reason)
  }

  remove(link: ProducerLink, started: boolean, reason: Error | undefined): void {
    this.links.delete(link)
    this.#behind.delete(link)
    this.#unsettled.delete(link)
    this.#searches.delete(link)
    this.#leave(link)
    if (link.full) this.relieve(link)
    if (started) this.linkStopped(link, reason)
    if (this.#behind.size === 0) this.#window.tidy()
    this.host.progressed()
  }

  #leave(link: ProducerLink): void {
    const view = link.cursor?.view
    if (view === undefined || !view.links.delete(link)) return
    if (view instanceof FilteredView && view.links.size === 0) this.#interests.retire(view)
  }

  /** What comes from now on is read under another policy than what waits. */
  #readAnew(link: ProducerLink, cursor: Cursor): void {
    if (cursor.view !== undefined) cursor.enter(cursor.view, link.conflates, this.log.next)
    this.arm(link)
  }

  filterChanged(link: ProducerLink): void {
    if (link.cursor !== undefined) this.#unsettled.add(link)
    this.host.filtersChanged()
  }

  /** What links have said of their filters holds from here. */
  settle(): void {
    for (const link of this.#unsettled) {
      const cursor = link.cursor as Cursor
      const view = cursor.view
      const { prefixes } = link
      if (
        view instanceof FilteredView &&
        !prefixes.has('') &&
        !link.conflates &&
        this.#interests.isPrivate(view, prefixes)
      ) {
        this.#interests.change(view, prefixes)
        continue
      }
      const next = this.#viewFor(prefixes)
      if (next === view) continue
      next.links.add(link)
      this.#leave(link)
      cursor.enter(next, link.conflates, this.log.next)
      this.arm(link)
      if (cursor.waiting === 0) continue
      this.#behind.add(link)
      this.#moved.push(link)
    }
    this.#unsettled.clear()
  }

  #viewFor(prefixes: ReadonlySet<string>): View {
    return prefixes.has('') ? this.#whole : this.#interests.view(prefixes)
  }

  policyFor(link: ProducerLink): Policy {
    return this.host.policyFor(link)
  }

  streamStart(next: number, allowance: number): StreamStart {
    const { stream, run } = this.settings
    return { stream, run, next, oldest: this.log.start, allowance }
  }

  considered(cursor: Cursor): number {
    return this.log.next - cursor.origin
  }

  // Limits.

  /** Sets the alarm of the link's view no later than the link needs it. */
  arm(link: ProducerLink): void {
    const view = link.cursor?.view
    if (view === undefined) return
    const alarm = link.alarm(view)
    if (alarm === undefined) return
    view.alarmEnd = Math.min(view.alarmEnd, alarm.end)
    view.alarmBytes = Math.min(view.alarmBytes, alarm.bytes)
  }

  /** Looks at the links whose limit may have been reached, after they had the chance to take what waits. */
  #ring(views: readonly FilteredView[]): void {
    this.flush()
    for (const view of [this.#whole, ...views]) {
      if (view.end < view.alarmEnd && view.bytes < view.alarmBytes) continue
      view.alarmEnd = Infinity
      view.alarmBytes = Infinity
      for (const link of view.links) {
        link.checkLimit()
        this.arm(link)
      }
    }
  }

  fill(link: ProducerLink): void {
    if (link.full) return
    link.full = true
    link.fullAt = this.platform.now()
    this.gates.add(link)
    if (link.policy.policy === 'backpressure' && link.policy.then !== 'reject') this.watch(link.policy.timeoutMs)
    this.#patience.keepAlive()
    this.gateChanged()
    this.host.slow(link)
  }

  relieve(link: ProducerLink): void {
    if (!link.full) return
    link.full = false
    this.gates.delete(link)
    this.arm(link)
    this.gateChanged()
  }

  exhaust(link: ProducerLink): void {
    link.cut(new FanwireError('BUFFER_FULL', `the backlog for ${link.remote} reached its limit`), 'exhausted')
  }

  // What waits on disk.

  /** From now on links whose policy has a directory may have what they need written there. */
  spillTo(directory: string): void {
    const { log } = this
    const retire = (slab: Slab) => log.retire(slab)
    log.spill ??= new Spill(directory, this.platform, log.pool, retire, this.memory, {
      readers: () => this.#readers(),
      stored: () => this.#relieveSpilling(),
      failed: (error) => this.#spillFailed(error),
      lost: (error, first, next) => this.#spillLost(error, first, next),
    })
  }

  *#readers(): Iterable<number> {
    for (const { cursor } of this.#behind) if (cursor !== undefined) yield cursor.nextWaiting
  }

  /** Has the next message of `link` read from the disk. */
  fetch(link: ProducerLink): void {
    this.#behind.add(link)
    // What it has read so far may be what the disk can let go of.
    this.#window.follow()
    const { log } = this
    const next = link.cursor?.nextWaiting ?? Infinity
    const drain = () => {
      if (!link.ended) this.drain(link)
    }
    // Nobody may have what it waited for any more.
    if (next >= log.start) this.platform.defer(drain)
    else log.spill?.load(next, link, drain)
  }

  /** There may be room again for links that wait for the disk. */
  #relieveSpilling(): void {
    this.#window.trim()
    for (const link of [...this.gates]) if (link.spills && this.hasRoom) this.relieve(link)
  }

  /** Links that have come to their limits have no other place left. */
  #spillFailed(error: FanwireError): void {
    this.#tell(error)
    for (const link of [...this.links]) {
      // Whoever holds the producer back by another policy has a deadline, which goes on.
      if (link.policy.policy !== 'buffer') continue
      if (link.full) this.relieve(link)
      link.checkLimit()
      this.arm(link)
    }
  }

  #spillLost(error: FanwireError, first: number, next: number): void {
    this.#tell(error)
    for (const link of [...this.#behind]) {
      const at = link.cursor?.nextWaiting ?? Infinity
      if (at >= first && at < next) link.cut(error, 'exhausted')
    }
  }

  #tell(error: FanwireError): void {
    this.host.fault({ code: error.code, message: withoutCode(error.code, error.message), cause: error.cause })
  }

  /** Looks after deadlines in `delayMs` at the latest. */
  watch(delayMs: number): void {
    this.#patience.watch(delayMs)
  }

  close(): void {
    for (const link of [...this.links]) link.finish()
    // The last word to a link may have been a write, and a write is watched.
    this.#patience.close()
    this.log.spill?.close()
    this.log.pool.close()
  }
}
