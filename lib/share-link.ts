import type { FanwireError } from './errors.js'
import { noneDropped, type ProducerLinkLedger } from './ledger.js'
import type { LinkState } from './link.js'
import { Outstanding } from './outstanding.js'
import { type CompleteLimit, type OverflowText, type Policy, readWish } from './overflow.js'
import type { SharedRun } from './shared-run.js'
import type { Carrier, Peer, ProducerPort, StartFrom, StreamStart } from './transport.js'

/** What a link needs from the share that it takes part in. */
export interface ShareLinkHost {
  readonly policy: Policy
  /** What a link may have unacknowledged. */
  readonly prefetch: CompleteLimit
  /** Messages that wait for a link. */
  readonly waiting: number
  /** One past the number of the newest message. */
  readonly next: number
  now(): number
  streamStart(): StreamStart
  /** Its carrier may write from the end of the turn on. */
  started(link: ShareLink): void
  /** A connection has ended; `runs` are what its peer did not acknowledge, in their order. */
  stopped(link: ShareLink, wasOpen: boolean, runs: readonly SharedRun[], reason: Error | undefined): void
  ended(ledger: ProducerLinkLedger, connections: 0 | 1): void
  /** It may have room again. */
  moved(link: ShareLink): void
  /** Nobody needs its memory any more. */
  release(run: SharedRun): void
  /** A write is outstanding from now on. */
  watch(): void
}

/** One of those to whom a producer hands out its messages. */
export class ShareLink implements ProducerPort {
  state: LinkState
  peer: Peer | undefined
  /** When it last took or acknowledged something, or was given something, in the platform's milliseconds. */
  progressAt = 0
  #carrier: Carrier | undefined
  #outstanding = new Outstanding(false)
  /** What it was given and has not acknowledged, or what its carrier holds where the peer never acknowledges. */
  #runs: SharedRun[] = []
  #openBytes = 0
  /** What is being written: whole, but for the messages that are larger than one write. */
  #pieces: Uint8Array[] = []
  #midMessage = false
  #busy = false
  /** The number that its peer expects next, and the mark that it expects. */
  #position = 0
  #marks = false
  #final: ProducerLinkLedger | undefined

  constructor(
    private readonly host: ShareLinkHost,
    readonly remote: string,
    readonly origin: 'accepted' | 'dialled',
  ) {
    this.state = origin === 'dialled' ? 'waiting' : 'starting'
  }

  get policy(): Policy {
    return this.host.policy
  }

  get want(): OverflowText | undefined {
    return readWish(this.peer?.want)
  }

  get ended(): boolean {
    return this.state === 'closed'
  }

  get midMessage(): boolean {
    return this.#midMessage
  }

  get busy(): boolean {
    return this.#busy
  }

  get acknowledges(): boolean {
    return this.#outstanding.acknowledges
  }

  /** Messages that it was given and that are not done. */
  get open(): number {
    const { given, acknowledged, inFlight, acknowledges } = this.#outstanding
    return acknowledges ? given - acknowledged : inFlight
  }

  /** The most that a write may take. */
  get most(): Carrier['maxRun'] {
    return (this.#carrier as Carrier).maxRun
  }

  /** Messages that it may still have. */
  get room(): number {
    if (this.state !== 'open' || this.#busy) return 0
    const { messages, bytes } = this.host.prefetch
    return this.#openBytes < bytes ? messages - this.open : 0
  }

  get roomBytes(): number {
    return this.host.prefetch.bytes - this.#openBytes
  }

  /** It has as much as it may have without acknowledging, and more waits. */
  get owes(): boolean {
    return this.acknowledges && this.open > 0 && this.room <= 0 && this.host.waiting > 0
  }

  /** It should move now. */
  get pending(): boolean {
    return this.#busy || this.owes
  }

  /** The lowest number that it was given and that is not done. */
  get lowest(): number {
    let lowest = Infinity
    for (const { first } of this.#runs) if (first < lowest) lowest = first
    return lowest
  }

  /** Whether its peer must be told the number, or the mark, of what begins with `first`. */
  needsHeader(first: number, redelivered: boolean): boolean {
    return this.peer?.kind === 'fanwire' && (first !== this.#position || redelivered !== this.#marks)
  }

  // The port: what the transport says.

  connected(carrier: Carrier, peer: Peer): void {
    if (this.state === 'closed') {
      // It was closed while the peer was still introducing itself.
      carrier.close()
      return
    }
    this.#carrier = carrier
    this.peer = peer
    this.state = 'starting'
    this.#outstanding = new Outstanding(peer.acknowledges)
  }

  /** Whoever takes part takes what it is given, whatever its topic. */
  subscribe(): void {}
  unsubscribe(): void {}

  start(_from: StartFrom): StreamStart {
    const start = this.host.streamStart()
    if (this.state === 'closed') return start
    this.state = 'open'
    this.progressAt = this.host.now()
    this.#position = start.next
    this.#marks = false
    this.host.started(this)
    return start
  }

  taken(): void {
    if (!this.#busy) return
    this.#busy = false
    this.progressed()
    this.#handed()
    this.#write()
    this.host.moved(this)
  }

  progressed(): void {
    this.progressAt = this.host.now()
  }

  acknowledged(messages: number): void {
    if (this.state !== 'open') return
    const before = this.#outstanding.acknowledged
    if (!this.#outstanding.acknowledge(messages)) return
    this.progressed()
    this.#settle(messages - before)
    this.host.moved(this)
  }

  checkpoint(): number | undefined {
    return this.state === 'open' && !this.#busy ? this.#position : undefined
  }

  disconnected(reason: Error | undefined): void {
    if (this.state === 'closed') return
    if (this.origin === 'accepted') {
      this.end(reason)
      return
    }
    const wasOpen = this.state === 'open'
    this.state = 'waiting'
    this.host.stopped(this, wasOpen, this.#detach(), reason)
    // Whoever was told of it may have closed it.
    if (this.ended) return
    this.host.ended(this.ledger(), wasOpen ? 1 : 0)
    this.#outstanding = new Outstanding(false)
  }

  end(reason: Error | undefined): void {
    if (this.state === 'closed') return
    const wasOpen = this.state === 'open'
    this.state = 'closed'
    this.#final = this.ledger()
    this.host.ended(this.#final, wasOpen ? 1 : 0)
    this.host.stopped(this, wasOpen, this.#detach(), reason)
  }

  // What the share does with it.

  /** Gives it `run`; `pieces` are its bytes as they are written, with what its peer must be told first. */
  give(run: SharedRun, pieces: Uint8Array[]): void {
    this.#runs.push(run)
    this.#openBytes += run.size
    this.#outstanding.gave(run.count, 0)
    this.#position = run.first + run.count
    this.#marks = run.redelivered
    this.#pieces = pieces
    this.progressed()
    this.#write()
  }

  /** Closes the link of a producer that is closed: who is given nothing more is told where the stream ends. */
  finish(): void {
    if (this.state === 'open' && this.host.waiting === 0 && !this.#busy) this.#carrier?.finish?.(this.host.next)
    this.close()
  }

  /** Cuts the connection, and for good: a dialled link is not dialled again. */
  close(reason?: Error): void {
    const carrier = this.#carrier
    this.end(reason)
    carrier?.close(reason)
  }

  /** Cuts the connection for what the peer failed to do. A dialled link goes on dialling. */
  cut(reason: FanwireError): void {
    const carrier = this.#carrier
    this.disconnected(reason)
    carrier?.close(reason)
  }

  ledger(): ProducerLinkLedger {
    if (this.#final !== undefined) return this.#final
    const { given, inFlight, handed, acknowledged, acknowledges } = this.#outstanding
    const isOver = this.state === 'closed' || this.state === 'waiting'
    return {
      considered: given,
      filtered: 0,
      dropped: noneDropped(),
      waiting: 0,
      inFlight,
      handed,
      acknowledged: acknowledges ? acknowledged : undefined,
      // What nobody has acknowledged goes to somebody else; what nobody ever acknowledges is gone with its carrier.
      unknown: isOver ? (acknowledges ? 0 : inFlight) : undefined,
      returned: isOver && acknowledges ? given - acknowledged : undefined,
    }
  }

  /** Writes what its carrier takes. */
  #write(): void {
    while (!this.#busy) {
      const piece = this.#pieces.shift()
      const carrier = this.#carrier
      if (piece === undefined || carrier === undefined) return
      const run = this.#runs.at(-1) as SharedRun
      const isLast = this.#pieces.length === 0
      this.#midMessage = !isLast
      this.#busy = true
      const answer = carrier.write(piece, run.first, isLast ? run.count : 0)
      // The carrier may have closed the link meanwhile.
      if (!this.#busy) return
      if (answer === 'busy') {
        this.host.watch()
        return
      }
      this.#busy = false
      this.#handed()
    }
  }

  /** The carrier has let go of what it was given. */
  #handed(): void {
    this.#outstanding.taken(this.#pieces.length > 0)
    if (this.#pieces.length > 0 || this.acknowledges) return
    const run = this.#runs[0]
    if (run !== undefined) this.#settle(run.count)
  }

  /** The first `count` messages that were not done are. */
  #settle(count: number): void {
    let left = count
    for (let run = this.#runs[0]; run !== undefined && left > 0; run = this.#runs[0]) {
      const done = Math.min(left, run.count)
      const before = run.size
      run.settle(done)
      left -= done
      this.#openBytes -= before - run.size
      if (run.count > 0) return
      this.#runs.shift()
      this.host.release(run)
    }
  }

  /** Lets go of the carrier. Returns what its peer did not acknowledge. */
  #detach(): readonly SharedRun[] {
    const runs = this.#runs
    this.#runs = []
    this.#openBytes = 0
    this.#pieces = []
    this.#midMessage = false
    this.#busy = false
    this.#carrier = undefined
    if (this.acknowledges) return runs
    for (const run of runs) this.host.release(run)
    return []
  }
}
