import { Cursor } from './cursor.js'
import { FanwireError } from './errors.js'
import type { Framing } from './framing/framing.js'
import { Interests } from './interests.js'
import { LastValues } from './last-values.js'
import type { DropReason } from './ledger.js'
import { Log } from './log.js'
import type { Memory } from './memory.js'
import type { Policy } from './overflow.js'
import type { Platform, Timer } from './platform.js'
import { ProducerLink } from './producer-link.js'
import { Reader } from './reader.js'
import type { Retention } from './retention.js'
import { SLAB_BYTES, type Slab } from './slab.js'
import { type Topic, Topics } from './topics.js'
import type { LogPort, Peer, StartFrom, StreamStart } from './transport.js'
import { FilteredView, POSITION_BYTES, type View, WholeView } from './view.js'

/** Consumers remembered for having been cut off. */
const MOST_ON_PROBATION = 1024

/** Messages between two looks, however small they are. */
const MOST_UNSEEN = 2048
/** Looks without a flush where no link wants everything. */
const MOST_PATIENCE = 4
/** Milliseconds for which a loop of sends may keep timers and sockets waiting although every link keeps up. */
const MOST_BUSY_MS = 4

/** What a fanout tells its producer. */
export interface FanoutHost {
  /** Which policy a link gets, once its peer is known. */
  policyFor(link: ProducerLink): Policy
  dropped(link: ProducerLink, reason: DropReason, count: number): void
  started(link: ProducerLink): void
  stopped(link: ProducerLink, reason: Error | undefined): void
  filtersChanged(): void
  slow(link: ProducerLink): void
  /** Links that hold `send()` back have come, or the last one has gone. */
  gateChanged(): void
  /** A link has got further. */
  progressed(): void
}

export interface FanoutSettings {
  readonly stream: string
  readonly run: number
  /** What a link starts with until its peer is known. */
  readonly policy: Policy
  readonly retention: Retention
  readonly stallMs: number
  readonly unacknowledgedBytes: number
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
  /** Views with matches that their links have not been offered, and views that have grown since they were last trimmed. */
  #dirty: FilteredView[] = []
  readonly #grown = new Set<FilteredView>()
  /** The number up to which all links were offered everything, or are just being offered it. */
  #flushed: number
  /** The number up to which all links were offered everything: a link may call back while others still wait for that. */
  #offered: number
  #flushing = false
  /** Where the log was at the last look, and when everybody else last had a turn. */
  #looked: number
  #lookedBytes = 0
  #restedAt = 0
  /** Looks since the last flush. */
  #patience = 0
  #watch: Timer | undefined
  #watchAt = Infinity
  readonly #probation = new Set<string>()

  constructor(
    private readonly platform: Platform,
    private readonly memory: Memory,
    framing: Framing,
    readonly settings: FanoutSettings,
    readonly host: FanoutHost,
    next: number,
  ) {
    this.log = new Log(platform, memory, framing, next)
    this.#looked = next
    this.#flushed = next
    this.#offered = next
    this.topics = new Topics(platform, memory, framing)
    this.#interests = new Interests(memory)
    this.#whole = new WholeView(this.log)
    this.#lastValues = new LastValues(memory)
    this.reader = new Reader(this.log, this.topics, this.#lastValues)
  }

  now(): number {
    return this.platform.now()
  }

  /** So much was published since the last look that the next one is due. */
  get due(): boolean {
    const { log } = this
    return log.bytes - this.#lookedBytes >= SLAB_BYTES || log.next - this.#looked >= MOST_UNSEEN
  }

  /** Looks in the middle of a turn whether links should be offered what was published. True when the turn must end. */
  look(): boolean {
    this.#looked = this.log.next
    this.#lookedBytes = this.log.bytes
    const ends = this.platform.now() - this.#restedAt > MOST_BUSY_MS
    // Links that want a part of it only had better get that in larger pieces.
    if (ends || this.#whole.links.size > 0 || ++this.#patience === MOST_PATIENCE) this.flush()
    return ends || this.#behind.size > 0
  }

  /** Everybody else has a turn now. */
  rest(): void {
    this.#looked = this.log.next
    this.#lookedBytes = this.log.bytes
    this.#restedAt = this.platform.now()
  }

  /** There is memory for one more slab. */
  get hasRoom(): boolean {
    return this.log.slabs.length <= 1 || this.memory.hasRoom(SLAB_BYTES)
  }

  // Sending.

  /** The topic's entry, made when it is new. @throws {FanwireError} `BAD_TOPIC` */
  topic(text: string): Topic {
    return this.topics.find(text) ?? this.#addTopic(text)
  }

  #addTopic(text: string): Topic {
    if (this.topics.crowded) this.#sweepTopics()
    return this.topics.add(text)
  }

  /** Makes room for a message of `size` bytes. False when a link that may not be dropped from holds the memory. */
  reserve(size: number): boolean {
    return (this.log.fits(size) && this.memory.hasRoom(0)) || this.#makeRoom(size)
  }

  #makeRoom(size: number): boolean {
    const { log, memory } = this
    if (log.next > this.#flushed) this.flush()
    this.#trim()
    for (;;) {
      const fits = log.fits(size)
      if (memory.hasRoom(fits ? 0 : log.pool.costOf(size))) break
      const answer = this.#evict()
      if (answer === 'held') return false
      // What is left is not the log's to give: waiting calls, topics. One slab more lets the producer go on.
      if (answer === 'nothing') break
    }
    if (!log.fits(size)) log.open(size)
    return true
  }

  /** Puts a message for which there is room at the end of the log, and into the views that want it. */
  publish(topic: Topic, data: string | Uint8Array, dataSize: number, size: number): void {
    if (this.#unsettled.size > 0) this.#settle()
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
        this.#grown.add(view)
      }
      alarm ||= view.end >= view.alarmEnd || view.bytes >= view.alarmBytes
    }
    if (alarm) this.#ring(views)
  }

  /** Offers the links what was published since the last time. */
  flush(): void {
    const { log } = this
    if (log.next === this.#flushed) return
    this.#patience = 0
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
    this.#tidy()
    this.host.progressed()
  }

  /** Gives `link` what waits for it, after its carrier or its peer has made room. */
  drain(link: ProducerLink): void {
    this.#offer(link)
    if (this.#behind.size === 0) this.#tidy()
    this.host.progressed()
  }

  #offer(link: ProducerLink): void {
    link.drain()
    if (link.cursor !== undefined && link.state !== 'closed' && link.cursor.waiting > 0) this.#behind.add(link)
    else this.#behind.delete(link)
  }

  hasSubscribers(topic: string): boolean {
    for (const link of this.links) if (link.wants(topic)) return true
    return false
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
    return peer.id !== undefined && this.#probation.delete(peer.id)
  }

  /** Puts a link at the place that its peer asks for. Returns the number that it is sent first. */
  place(link: ProducerLink, from: StartFrom): number {
    const { log } = this
    if (link.cursor !== undefined) {
      // A dialled link goes on with what has waited for it, unless the peer knows better.
      if (from === 'now') {
        this.filterChanged(link)
        return link.cursor.number
      }
      this.#leave(link)
      link.cursor.release()
      link.beginLedger()
    }
    let start = this.#startOf(link, from)
    const view = this.#viewFor(link.prefixes)
    let past: View = view
    if (!view.whole && start < log.next) ({ past, start } = this.#past(link.prefixes, start))
    const cursor = new Cursor(start)
    link.cursor = cursor
    if (start < log.next) {
      const first = past instanceof FilteredView ? past.base : start
      cursor.enter(past, link.conflates || from === 'latest-per-topic', start, first)
    }
    cursor.enter(view, link.conflates, log.next)
    view.links.add(link)
    if (cursor.waiting > 0) this.#behind.add(link)
    link.catchingUp = !link.jumps && !link.conflates && cursor.excess(link.limit) > 0
    this.arm(link)
    return start
  }

  #startOf(link: ProducerLink, from: StartFrom): number {
    const { log, settings } = this
    const retained = settings.retention.start(log, this.platform.now())
    if (from === 'now') return log.next
    if (from === 'oldest') return retained
    const known = Math.min(log.start, this.#lastValues.oldest)
    if (from === 'latest-per-topic') return known
    if (from.stream !== settings.stream || from.run !== settings.run) return retained
    return Math.min(log.next, Math.max(from.next, link.conflates ? known : log.start))
  }

  /** The matches of the past, by one scan of the index; only the newest of them where memory is short. */
  #past(prefixes: ReadonlySet<string>, from: number): { past: FilteredView; start: number } {
    const { log, memory } = this
    const past = new FilteredView(memory, new Set(prefixes))
    const most = Math.max(1, Math.floor((memory.limit - memory.used) / (4 * POSITION_BYTES)))
    let start = from
    const push = (number: number, size: number) => {
      if (past.end - past.base === most) {
        start = past.numberAt(past.base) + 1
        past.trim(past.base + 1)
      }
      past.push(number, size)
    }
    for (const value of this.#lastValues.between(from, log.start, past)) push(value.number, value.to - value.from)
    const wanted = new Map<number, boolean>()
    for (const slab of log.slabs) {
      for (let i = Math.max(0, from - slab.first); i < slab.count; i++) {
        const id = slab.topics[i] as number
        let wants = wanted.get(id)
        if (wants === undefined) {
          wants = past.wants(this.topics.at(id).bytes)
          wanted.set(id, wants)
        }
        if (wants) push(slab.first + i, (slab.ends[i] as number) - slab.startOf(i))
      }
    }
    return { past, start }
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
    this.#leave(link)
    if (link.full) this.relieve(link)
    if (started) this.linkStopped(link, reason)
    if (this.#behind.size === 0) this.#tidy()
    this.host.progressed()
  }

  #leave(link: ProducerLink): void {
    const view = link.cursor?.view
    if (view === undefined || !view.links.delete(link)) return
    if (view instanceof FilteredView && view.links.size === 0) this.#interests.retire(view)
  }

  filterChanged(link: ProducerLink): void {
    if (link.cursor !== undefined) this.#unsettled.add(link)
    this.host.filtersChanged()
  }

  #settle(): void {
    for (const link of this.#unsettled) {
      const cursor = link.cursor as Cursor
      const view = cursor.view
      const { prefixes } = link
      if (view instanceof FilteredView && !prefixes.has('') && this.#interests.isPrivate(view, prefixes)) {
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

  streamStart(next: number): StreamStart {
    const { stream, run, unacknowledgedBytes } = this.settings
    return { stream, run, next, oldest: this.log.start, allowance: unacknowledgedBytes }
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
    this.#keepAlive()
    this.host.slow(link)
    this.host.gateChanged()
  }

  relieve(link: ProducerLink): void {
    if (!link.full) return
    link.full = false
    this.gates.delete(link)
    this.arm(link)
    this.host.gateChanged()
  }

  exhaust(link: ProducerLink): void {
    link.cut(new FanwireError('BUFFER_FULL', `the backlog for ${link.remote} reached its limit`), 'exhausted')
  }

  /** Looks after deadlines in `delayMs` at the latest. */
  watch(delayMs: number): void {
    const at = this.platform.now() + delayMs
    if (at >= this.#watchAt) return
    this.#watch?.cancel()
    this.#watchAt = at
    this.#watch = this.platform.timer(delayMs, () => this.#check())
    this.#keepAlive()
  }

  /** Somebody may wait in `send()` for what happens then, and nothing else keep the process alive. */
  #keepAlive(): void {
    if (this.gates.size > 0) this.#watch?.ref()
  }

  #check(): void {
    this.#watch = undefined
    this.#watchAt = Infinity
    const now = this.platform.now()
    let next = Infinity
    for (const link of [...this.links]) {
      const deadline = this.#deadline(link)
      if (deadline === undefined) continue
      if (deadline.at > now) next = Math.min(next, deadline.at)
      else deadline.act()
    }
    if (next < Infinity) this.watch(next - now)
  }

  /** When the patience with a link ends, and what happens then. */
  #deadline(link: ProducerLink): { at: number; act: () => void } | undefined {
    const { policy, progressAt } = link
    const { stallMs } = this.settings
    if (link.full && policy.policy === 'backpressure' && policy.then !== 'reject') {
      const at = Math.max(progressAt, link.fullAt) + policy.timeoutMs
      if (policy.then === 'drop') return { at, act: () => link.giveWay() }
      return { at, act: () => this.#cutStalled(link, `held the producer back for ${policy.timeoutMs} ms`) }
    }
    if (!link.busy && !link.owes) return undefined
    const what = link.busy ? 'took no byte' : 'acknowledged nothing'
    return { at: progressAt + stallMs, act: () => this.#cutStalled(link, `${what} for ${stallMs} ms`) }
  }

  #cutStalled(link: ProducerLink, what: string): void {
    const id = link.peer?.id
    if (id !== undefined) {
      if (this.#probation.size === MOST_ON_PROBATION) this.#probation.clear()
      this.#probation.add(id)
    }
    link.cut(new FanwireError('STALLED', `${link.remote} ${what}`), 'stalled')
  }

  // The window.

  /** Lets go of everything when nobody is behind, or of what nobody needs. */
  #tidy(): void {
    if (this.#behind.size > 0 || this.log.next !== this.#offered) return
    if (this.settings.retention.nothing) {
      this.log.rewind()
      this.#lastValues.deleteBelow(Infinity)
      this.#trimViews()
    }
  }

  /** Moves the window up to the first message that somebody needs. */
  #trim(): void {
    const { log } = this
    const retained = this.settings.retention.start(log, this.platform.now())
    let floor = Math.min(this.#offered, retained)
    for (const link of this.#behind) {
      link.applyPolicy()
      floor = Math.min(floor, link.floor)
    }
    while (log.slabs.length > 0 && (log.slabs[0] as Slab).next <= floor) this.#shift()
    this.#follow()
  }

  /** Frees memory: lets the oldest slab leave, unless a link that must not lose anything needs it. */
  #evict(): 'freed' | 'held' | 'nothing' {
    const { log } = this
    const oldest = log.slabs[0]
    // The slab that is being filled goes last: the next message would want another one.
    if (log.slabs.length < 2 && (log.pool.trim() || this.#forgetOldest())) return 'freed'
    if (oldest === undefined) {
      if (this.#cutWorst()) return 'freed'
      this.reader.release()
      return 'nothing'
    }
    let held = false
    for (const link of [...this.#behind]) {
      if (link.floor >= oldest.next) continue
      if (link.gates) {
        this.fill(link)
        held = true
      } else if (link.policy.policy === 'buffer' && link.policy.then === 'disconnect' && !link.jumps) {
        this.exhaust(link)
      }
    }
    if (held) return 'held'
    if (log.slabs[0] === oldest) this.#shift()
    this.#follow()
    return 'freed'
  }

  /** Forgets the oldest of the last values, many at a time because the topics that go with them have to be looked for. */
  #forgetOldest(): boolean {
    if (!this.#lastValues.evict(1 + (this.#lastValues.size >> 4))) return false
    this.#sweepTopics()
    return true
  }

  #sweepTopics(): void {
    const { start } = this.log
    this.topics.sweep((topic) => topic.latest >= start || topic.kept)
  }

  /** The oldest slab leaves the window; what is still the newest of its topic is kept where somebody wants that. */
  #shift(): void {
    const oldest = this.log.slabs[0] as Slab
    let least = this.settings.retention.latest ? 0 : Infinity
    for (const link of this.#behind) {
      if (link.cursor?.segments.some((segment) => segment.conflates)) least = Math.min(least, link.cursor.number)
    }
    if (least < oldest.next) this.#lastValues.keep(oldest, (id) => this.topics.at(id), least)
    this.log.shift()
  }

  /** The window has moved: cursors that it has passed jump, and what only they needed goes. */
  #follow(): void {
    const { start } = this.log
    let conflating = Infinity
    for (const link of this.#behind) {
      const cursor = link.cursor as Cursor
      if (cursor.advance()?.conflates) conflating = Math.min(conflating, cursor.number)
      else link.drop(cursor.countBelow(start), 'evicted')
    }
    if (!this.settings.retention.latest) this.#lastValues.deleteBelow(conflating)
    this.#trimViews()
    if (this.log.lingering > this.memory.limit / 4) this.#cutWorst()
  }

  #trimViews(): void {
    if (this.#grown.size === 0) return
    const needed = new Map<View, number>()
    for (const link of this.#behind) {
      for (const [segment, from] of (link.cursor as Cursor).held()) {
        const { view } = segment
        const least = segment.conflates ? Math.max(from, view.indexOf(this.log.start)) : from
        needed.set(view, Math.min(least, needed.get(view) ?? Infinity))
      }
    }
    for (const view of this.#grown) {
      if (view.dirty) continue
      view.trim(needed.get(view) ?? view.end)
      if (!needed.has(view)) this.#grown.delete(view)
    }
  }

  /** Slabs that the window has left are held by carriers that do not move: the one that stands longest goes. */
  #cutWorst(): boolean {
    let worst: ProducerLink | undefined
    for (const link of this.links) {
      if (!link.pinned?.retired) continue
      if (worst === undefined || link.progressAt < worst.progressAt) worst = link
    }
    if (worst !== undefined) this.#cutStalled(worst, 'held memory without progress')
    return worst !== undefined
  }

  close(): void {
    for (const link of [...this.links]) link.close()
    // The last word to a link may have been a write, and a write is watched.
    this.#watch?.cancel()
  }
}
