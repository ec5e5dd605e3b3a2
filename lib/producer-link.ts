import { byteString } from './bytes.js'
import type { Cursor } from './cursor.js'
import type { FanwireError } from './errors.js'
import type { Fanout } from './fanout.js'
import { countDropped, type DropReason, noneDropped, type ProducerLinkLedger } from './ledger.js'
import type { LinkState } from './link.js'
import { Outstanding } from './outstanding.js'
import { type CompleteLimit, type OverflowText, type Policy, readWish } from './overflow.js'
import { matches, Prefixes } from './prefixes.js'
import type { Room } from './reader.js'
import type { Slab } from './slab.js'
import type { Carrier, Peer, ProducerPort, StartFrom, StreamStart } from './transport.js'
import type { View } from './view.js'

/** Runs are not cut smaller than this, however little may be open. */
const LEAST_RUN_BYTES = 4096
/** What a peer may leave unacknowledged where nothing is said. */
const ALLOWANCE_BYTES = 4 * 1024 * 1024
/** The same under conflation: what the system has swallowed goes out stale, and nothing stale should. */
const CONFLATING_ALLOWANCE_BYTES = 256 * 1024
/** How long a peer that was cut off for being slow must keep up before it may hold the producer back again. */
const PROBATION_MS = 10_000

/** One destination of a producer. */
export class ProducerLink implements ProducerPort {
  state: LinkState
  peer: Peer | undefined
  policy: Policy
  carrier: Carrier | undefined
  cursor: Cursor | undefined
  outstanding = new Outstanding(false)
  /** At its limit, so that `send()` waits or is refused until half of the backlog has left. */
  full = false
  /** Reads history, and holds nobody back until it has first been within its limit. */
  catchingUp = false
  /** When it last took or acknowledged a byte, or was last idle, in the platform's milliseconds. */
  progressAt = 0
  fullAt = 0
  readonly #dropped = noneDropped()
  /** What had been dropped while it was away, when it went back in front of that; never by closing its ears. */
  #droppedBehind = noneDropped()
  /** Bytes that its peer may leave unacknowledged. */
  #allowance = ALLOWANCE_BYTES
  #busy = false
  /** The carrier has yet to say where the stream starts. */
  #starting = false
  /** What a busy carrier holds. */
  #pinned: Slab | undefined
  readonly #prefixes: Prefixes
  /** Dialled anew, and the peer, which cannot say START, has not said what it wants: nothing leaves until it does. */
  #mute = false
  /** At its limit it went on as a dropping link, at least until this time. */
  #yieldedUntil: number | undefined
  #final: ProducerLinkLedger | undefined

  constructor(
    readonly fanout: Fanout,
    readonly remote: string,
    readonly origin: 'accepted' | 'dialled',
    policy: Policy,
  ) {
    this.policy = policy
    this.#prefixes = new Prefixes(fanout.memory)
    this.state = origin === 'dialled' ? 'waiting' : 'starting'
  }

  /** What its peer subscribes to, one character a byte; none after a new connection until the peer says so. */
  get prefixes(): ReadonlySet<string> {
    return this.#prefixes.all
  }

  /** Whether it is open and has subscribed to `topic`, one character a byte. */
  wants(topic: string): boolean {
    return this.state === 'open' && matches(this.#prefixes.all, topic)
  }

  get want(): OverflowText | undefined {
    return readWish(this.peer?.want)
  }

  get busy(): boolean {
    return this.#busy
  }

  /** Its peer has as much as it may have without acknowledging, and more waits. */
  get owes(): boolean {
    return this.outstanding.openBytes > 0 && this.cursor !== undefined && this.cursor.waiting > 0
  }

  /** Its outstanding write holds memory that has left the window. */
  get holdsOutside(): boolean {
    return this.#pinned?.retired === true
  }

  get midMessage(): boolean {
    return this.cursor?.partial !== undefined
  }

  get ended(): boolean {
    return this.state === 'closed'
  }

  get limit(): CompleteLimit {
    return this.policy.limit
  }

  get conflates(): boolean {
    return this.policy.policy === 'drop' && this.policy.keep === 'latest-per-topic'
  }

  /** Keeps the newest that fit its limit, and loses the rest when it is next looked at. */
  get jumps(): boolean {
    if (this.policy.policy === 'drop') return this.policy.keep === 'newest'
    return this.#yieldedUntil !== undefined
  }

  /** At its limit it stops `send()`. */
  get gates(): boolean {
    const { policy } = this
    if (this.#yieldedUntil !== undefined || this.catchingUp) return false
    return policy.policy === 'backpressure' || (policy.policy === 'buffer' && policy.then === 'refuse' && !this.spills)
  }

  /** What it needs may wait on disk. */
  get spills(): boolean {
    const { policy } = this
    if (policy.policy !== 'buffer' || policy.spill === undefined) return false
    if (this.#yieldedUntil !== undefined || this.catchingUp) return false
    return this.fanout.log.spill?.usable === true
  }

  /** More waits for it than its limit. */
  get isOver(): boolean {
    return this.#over(this.limit.messages, this.limit.bytes)
  }

  /** The lowest number that must stay in the window for this link. */
  get floor(): number {
    const { cursor } = this
    return cursor === undefined || this.conflates || this.catchingUp ? Infinity : cursor.nextWaiting
  }

  // The port: what the transport says.

  connected(carrier: Carrier, peer: Peer): void {
    if (this.state === 'closed') {
      // It was closed while the peer was still introducing itself.
      carrier.close()
      return
    }
    this.carrier = carrier
    this.peer = peer
    this.state = 'starting'
    if (this.cursor !== undefined) this.#forgetFilter(peer)
    this.outstanding = new Outstanding(peer.acknowledges)
    this.policy = this.fanout.policyFor(this)
    if (this.policy.policy === 'buffer' && this.policy.spill !== undefined) this.fanout.spillTo(this.policy.spill)
    const fallback = this.conflates ? CONFLATING_ALLOWANCE_BYTES : ALLOWANCE_BYTES
    this.#allowance = this.fanout.settings.unacknowledgedBytes ?? fallback
    this.#yieldedUntil = this.fanout.onProbation(peer) ? this.fanout.now() + PROBATION_MS : undefined
  }

  subscribe(prefix: Uint8Array): void {
    if (this.state === 'closed') return
    if (!this.#prefixes.add(byteString(prefix, 0, prefix.length))) return
    this.#filterChanged()
    if (!this.#mute) return
    this.#mute = false
    this.fanout.drain(this)
  }

  unsubscribe(prefix: Uint8Array): void {
    if (this.state === 'closed') return
    if (this.#prefixes.delete(byteString(prefix, 0, prefix.length))) this.#filterChanged()
  }

  /** What is said before START holds from there. */
  #filterChanged(): void {
    if (this.state === 'open') this.fanout.filterChanged(this)
  }

  /** Whoever is there has not subscribed to anything. What comes is collected as before until it does. */
  #forgetFilter({ kind }: Peer): void {
    this.fanout.settle()
    this.#prefixes.clear()
    this.#mute = kind === 'foreign'
  }

  start(from: StartFrom): StreamStart {
    if (this.state === 'closed') return this.fanout.streamStart(this.fanout.log.next, this.#allowance)
    this.state = 'open'
    this.progressAt = this.fanout.now()
    const first = this.fanout.place(this, from)
    // Whoever hears of the link may send it more at once than is held back until the end of the turn.
    this.#starting = true
    this.fanout.linkStarted(this)
    this.#starting = false
    return this.fanout.streamStart(first, this.#allowance)
  }

  taken(): void {
    if (!this.#busy) return
    this.#busy = false
    this.#unpin()
    this.outstanding.taken(this.midMessage)
    this.progressed()
    this.fanout.drain(this)
  }

  progressed(): void {
    this.progressAt = this.fanout.now()
  }

  acknowledged(messages: number): void {
    if (this.state !== 'open') return
    if (this.outstanding.acknowledge(messages)) this.progressed()
    this.fanout.drain(this)
  }

  checkpoint(): number | undefined {
    const { cursor } = this
    if (cursor === undefined || this.state !== 'open' || this.#busy) return undefined
    this.drain()
    if (this.#busy || this.midMessage || this.carrier === undefined) return undefined
    if (cursor.waiting === 0 && !cursor.deaf) {
      cursor.passTo(this.fanout.log.next)
      if (this.peer?.kind !== 'fanwire') cursor.forget()
      else if (this.fanout.reader.cutSkips(cursor)) this.#write()
    }
    return this.#busy ? undefined : cursor.number - cursor.owedFiltered - cursor.owedDropped
  }

  disconnected(reason: Error | undefined): void {
    if (this.state === 'closed') return
    if (this.origin === 'accepted') {
      this.end(reason)
      return
    }
    this.#detach()
    const started = this.state === 'open'
    this.applyPolicy()
    // It has let go of what it held.
    if (this.full && this.#relieved) this.fanout.relieve(this)
    this.state = 'waiting'
    if (started) this.fanout.linkStopped(this, reason)
    this.#endLedger(started ? 1 : 0)
    this.fanout.host.progressed()
  }

  end(reason: Error | undefined): void {
    if (this.state === 'closed') return
    this.#detach()
    const started = this.state === 'open'
    this.state = 'closed'
    this.#final = this.ledger()
    this.fanout.host.ended(this.#final, started ? 1 : 0)
    this.fanout.remove(this, started, reason)
    this.cursor?.release()
    this.#prefixes.clear()
  }

  /** A ledger is per connection: what still waits, and what was dropped behind that, is considered anew. */
  #endLedger(connections: 0 | 1): void {
    const { cursor } = this
    if (cursor !== undefined) {
      const { origin } = cursor
      const { dropped, inFlight, handed, acknowledged, unknown } = this.ledger()
      const kept = cursor.returns ? { ...this.#droppedBehind } : noneDropped()
      kept.oldest = cursor.rebase(this.fanout.log.next) - countDropped(kept)
      const settled: Record<DropReason, number> = { ...dropped, oldest: dropped.oldest - cursor.deafDropped }
      for (const reason of Object.keys(kept) as DropReason[]) settled[reason] -= kept[reason]
      const considered = cursor.origin - origin
      const filtered = considered - countDropped(settled) - inFlight - handed
      const ledger = { considered, filtered, dropped: settled, waiting: 0, inFlight, handed, acknowledged, unknown }
      this.fanout.host.ended(ledger, connections)
      Object.assign(this.#dropped, kept)
    }
    this.outstanding = new Outstanding(false)
  }

  #detach(): void {
    this.#busy = false
    this.#unpin()
    if (this.cursor !== undefined) this.fanout.reader.abandon(this.cursor)
    this.carrier = undefined
  }

  #unpin(): void {
    if (this.#pinned !== undefined) this.fanout.log.unpin(this.#pinned)
    this.#pinned = undefined
  }

  // What the core does with it.

  /** Closes the link of a producer that is closed: who has been given everything is told where the stream ends. */
  finish(): void {
    const { cursor } = this
    if (cursor?.waiting === 0 && !this.#busy) {
      this.checkpoint()
      // A SKIP that the carrier is still busy with goes before the last word as well.
      const next = cursor.number - cursor.owedFiltered - cursor.owedDropped
      if (next === this.fanout.log.next && this.state === 'open' && !this.midMessage) this.carrier?.finish?.(next)
    }
    this.close()
  }

  /** Cuts the connection, and for good: a dialled link is not dialled again. */
  close(reason?: Error): void {
    const { carrier } = this
    // With the goodbye goes the word on the numbers that did not come last, which no message is left to move.
    if (reason === undefined && this.cursor?.waiting === 0) this.checkpoint()
    this.end(reason)
    carrier?.close(reason)
  }

  /** Cuts the connection for what the peer failed to do. A dialled link goes on dialling. */
  cut(reason: FanwireError, drop: DropReason): void {
    const { carrier, cursor } = this
    if (cursor !== undefined) this.drop(cursor.waiting, drop)
    if (this.full) this.fanout.relieve(this)
    if (this.origin === 'accepted') this.end(reason)
    // Between two connections there is none to end, and the ledger goes on.
    else if (carrier !== undefined) this.disconnected(reason)
    carrier?.close(reason)
  }

  /** Hands the carrier what waits, as much as it takes. */
  drain(): void {
    const { cursor } = this
    // What an ended link would read may be gone.
    if (cursor === undefined || this.#starting || this.state === 'closed') return
    this.applyPolicy()
    if (this.#mute || cursor.unsearched > 0) return
    const { reader } = this.fanout
    while (!this.#busy && this.carrier !== undefined && this.state === 'open') {
      const { superseded, evicted } = cursor
      const found = reader.cut(cursor, this.#room(this.carrier))
      this.#count('superseded', cursor.superseded - superseded)
      this.#count('evicted', cursor.evicted - evicted)
      if (!found) {
        // What the peer may have at a time takes the place of what the system has room for.
        if (reader.absent) this.fanout.fetch(this)
        else if (this.owes) this.fanout.watch(this.fanout.settings.stallMs)
        break
      }
      this.#write()
    }
    if (cursor.deaf) this.applyPolicy()
    if (this.full && this.#relieved) this.fanout.relieve(this)
    else if (this.#yieldedUntil !== undefined) this.#recover()
    if (this.catchingUp && !this.#over(this.limit.messages, this.limit.bytes)) {
      this.catchingUp = false
      this.fanout.arm(this)
    }
  }

  #write(): void {
    const { bytes, first, begun, count, slab } = this.fanout.reader
    const carrier = this.carrier as Carrier
    this.#pinned = slab
    if (slab !== undefined && carrier.shares === true) slab.shared = true
    this.outstanding.gave(begun, begun + count > 0 || this.midMessage ? bytes.length : 0)
    this.#busy = true
    const answer = carrier.write(bytes, first, count)
    // The carrier may have closed the link meanwhile.
    if (!this.#busy) return
    if (answer === 'busy') {
      this.progressAt = this.fanout.now()
      this.fanout.watch(this.fanout.settings.stallMs)
      return
    }
    this.#busy = false
    this.#unpin()
    this.outstanding.taken(this.midMessage)
    this.progressAt = this.fanout.flushedAt
  }

  #room(carrier: Carrier): Room {
    const { bytes, messages } = carrier.maxRun
    const { acknowledges, openBytes } = this.outstanding
    const allowance = this.#allowance
    return {
      // Peers acknowledge by quarters. In one run as large as the allowance all would wait for the delay of the last.
      bytes: acknowledges ? Math.min(bytes, Math.max(allowance / 4, LEAST_RUN_BYTES)) : bytes,
      messages,
      allowance: acknowledges ? allowance - openBytes : Infinity,
      idle: openBytes === 0,
      counted: this.peer?.kind === 'fanwire',
    }
  }

  /** Does what its policy says of what waits: jumps, or listens again. */
  applyPolicy(): void {
    const { cursor } = this
    // How much of its past it wants is not known before that has been searched.
    if (cursor === undefined || cursor.unsearched > 0) return
    if (this.jumps && !this.catchingUp) {
      const excess = cursor.excess(this.limit)
      if (excess > 0 && this.#yieldedUntil !== undefined) this.#yield()
      this.drop(excess, 'newest')
    } else if (cursor.deaf && !this.#over(this.limit.messages / 2, this.limit.bytes / 2)) {
      this.#count('oldest', cursor.listen())
    }
  }

  /** Drops the oldest `count` that wait. */
  drop(count: number, reason: DropReason): void {
    if (count <= 0) return
    this.cursor?.drop(count)
    this.#count(reason, count)
  }

  #count(reason: DropReason, count: number): void {
    if (count === 0) return
    this.#dropped[reason] += count
    this.fanout.host.dropped(this, reason, count)
  }

  /** Where the alarm of its view must stand for it; `Infinity` for links that need none. */
  alarm(view: View): { end: number; bytes: number } | undefined {
    const { cursor } = this
    if (cursor === undefined || this.jumps || this.conflates || cursor.deaf || this.full) return undefined
    if (this.catchingUp || this.spills || cursor.unsearched > 0) return undefined
    return {
      end: view.end + this.limit.messages - cursor.waiting,
      bytes: view.bytes + this.limit.bytes - cursor.waitingBytes,
    }
  }

  /** Called when its view's alarm rings: at the limit the policy decides. */
  checkLimit(): void {
    const { policy, cursor } = this
    if (cursor === undefined || this.jumps || this.conflates || cursor.deaf || this.full) return
    if (this.catchingUp || this.spills || cursor.unsearched > 0) return
    if (!this.#over(this.limit.messages - 1, this.limit.bytes - 1)) return
    if (policy.policy === 'drop') cursor.stopListening()
    else if (this.gates) this.fanout.fill(this)
    else if (policy.policy === 'buffer' && policy.then === 'drop') this.#yield()
    else this.fanout.exhaust(this)
  }

  /** Goes on as a link that drops, until it has kept within half of its limit for a while. */
  #yield(): void {
    this.#yieldedUntil = this.fanout.now() + PROBATION_MS
  }

  #recover(): void {
    if (!this.#relieved || this.fanout.now() < (this.#yieldedUntil as number)) return
    this.#yieldedUntil = undefined
    this.fanout.arm(this)
  }

  /** The deadline of its backpressure has passed: it no longer holds the producer back. */
  giveWay(): void {
    this.#yield()
    this.fanout.relieve(this)
    this.applyPolicy()
  }

  get #relieved(): boolean {
    const { cursor } = this
    if (cursor === undefined) return true
    // What it holds may be what others wait for.
    if (cursor.waiting === 0) return !this.holdsOutside || this.fanout.hasRoom
    if (this.spills) return this.fanout.hasRoom
    return this.fanout.hasRoom && !this.#over(this.limit.messages / 2, this.limit.bytes / 2)
  }

  #over(messages: number, bytes: number): boolean {
    const { cursor } = this
    if (cursor === undefined) return false
    const { waiting } = cursor
    return waiting > messages || (waiting > 0 && cursor.waitingBytes > bytes)
  }

  /** What was dropped belongs to the ledger of before. */
  beginLedger(): void {
    Object.assign(this.#dropped, noneDropped())
  }

  /** It reads once more what lies in front of all that was dropped since its connection began. */
  wentBack(): void {
    this.#droppedBehind = { ...this.#dropped, oldest: 0 }
  }

  ledger(): ProducerLinkLedger {
    if (this.#final !== undefined) return this.#final
    const { cursor, outstanding } = this
    if (cursor === undefined) {
      return { considered: 0, filtered: 0, dropped: { ...this.#dropped }, waiting: 0, inFlight: 0, handed: 0 }
    }
    const considered = this.fanout.considered(cursor)
    const excess = this.jumps && !this.catchingUp && cursor.unsearched === 0 ? cursor.excess(this.limit) : 0
    return {
      considered,
      filtered: considered - cursor.matched - cursor.unsearched,
      dropped: {
        ...this.#dropped,
        newest: this.#dropped.newest + excess,
        oldest: this.#dropped.oldest + cursor.deafDropped,
      },
      waiting: cursor.waiting - excess,
      ...(this.fanout.log.spill !== undefined && { spilled: cursor.countBelow(this.fanout.log.start) }),
      inFlight: outstanding.inFlight,
      handed: outstanding.handed,
      acknowledged: outstanding.acknowledges ? outstanding.acknowledged : undefined,
      // What was dialled is told of as unlinked between two connections, with the ledger of the one that has ended.
      unknown: this.state === 'closed' || this.state === 'waiting' ? outstanding.unknown : undefined,
    }
  }
}
