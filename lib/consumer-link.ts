import { Acknowledgement } from './acknowledgement.js'
import type { CarriedStream } from './carried-stream.js'
import type { SkipReason } from './framing/framing.js'
import { Intake, type IntakeHost, type SourceLedger } from './intake.js'
import { type Carried, Intakes } from './intakes.js'
import type { LinkState } from './link.js'
import type { MessageSource } from './message.js'
import { Tally } from './tally.js'
import type { ConsumerCarrier, ConsumerPort, SourcePeer, StartFrom, StreamStart } from './transport.js'

/** What a link needs from its consumer. */
export interface ConsumerLinkHost extends IntakeHost {
  readonly prefixes: readonly Uint8Array[]
  /** Where to begin with a producer that is not known yet. */
  readonly from: StartFrom
  /** Messages are acknowledged by the application. */
  readonly manual: boolean
  /** There is no room in the inbox. */
  readonly full: boolean
  /** Whoever connects is cut off at once, since the inbox has been full and must not grow. */
  readonly refusal: Error | undefined
  /** The stream of this name that was carried last, by whatever link. */
  knownStream(name: string): CarriedStream | undefined
  /** The stream that `start` speaks of, known or new. */
  streamFor(link: ConsumerLink, start: StreamStart): CarriedStream
  opened(link: ConsumerLink): void
  /** A connection has ended, or a link has ended for good. `wasOpen`: it was told to be open. */
  closed(link: ConsumerLink, wasOpen: boolean, reason: Error | undefined): void
  /** It has told its carrier to wait. */
  paused(link: ConsumerLink): void
  /** All lines of a stream bring old numbers only: its producer began anew under the same name. */
  reset(link: ConsumerLink, stream: CarriedStream): void
  /** The producer waits for acknowledgements that do not come. */
  stuck(link: ConsumerLink): void
}

const NOTHING: SourceLedger = { received: 0, filtered: 0, declared: 0, acknowledged: undefined }

/** One source of a consumer. */
export class ConsumerLink implements ConsumerPort {
  state: LinkState
  peer: SourcePeer | undefined
  /** The stream that it carries, or carried last. */
  line: CarriedStream | undefined
  /** What peers without numbers have sent through it. */
  readonly unsequenced = new Tally()
  #carrier: ConsumerCarrier | undefined
  /** All that the present connection carries, and what it said last that it carries. */
  #intakes: Intakes | undefined
  #intake: Intake | undefined
  /** What was asked for once more, which says nothing of how far the line has come. */
  #answers: Intake | undefined
  /** Which of the two the next message belongs to. */
  #current: Intake | undefined
  /** The connection began while the inbox was full: then {@link #current} is left open until there is room. */
  #knocks = false
  /** The message that came nevertheless, before its carrier could be told to wait. */
  #first: Parameters<ConsumerPort['message']> | undefined
  #start: StreamStart | undefined
  /** What comes until it is cut off is nobody's. */
  #refused = false
  /** Its host was told that it is open. */
  #told = false
  #final: SourceLedger = NOTHING

  constructor(
    private readonly host: ConsumerLinkHost,
    readonly remote: string,
    readonly origin: 'accepted' | 'dialled',
  ) {
    this.state = origin === 'dialled' ? 'waiting' : 'starting'
  }

  get stream(): string | undefined {
    return this.line?.name
  }

  get ended(): boolean {
    return this.state === 'closed'
  }

  // The port: what the transport says.

  connected(
    carrier: ConsumerCarrier,
    peer: SourcePeer,
  ): { readonly prefixes: readonly Uint8Array[]; readonly from: StartFrom } {
    const { host } = this
    const { prefixes } = host
    if (this.state === 'closed') {
      // It was closed while the peer was still introducing itself.
      carrier.close()
      return { prefixes, from: 'now' }
    }
    this.#carrier = carrier
    this.peer = peer
    this.state = 'starting'
    this.#intakes = new Intakes()
    const { refusal } = host
    if (refusal !== undefined) {
      this.#refused = true
      host.platform.defer(() => {
        if (this.#carrier === carrier) this.cut(refusal)
      })
    } else if (peer.kind === 'foreign' && peer.numbers !== true) {
      this.#enter({ intake: new Intake(host, this.unsequenced, undefined), stream: undefined })
      // The carrier has yet to say what is wanted.
      host.platform.defer(() => this.#opened(carrier))
    }
    const { carries } = peer
    // A producer that dials in again comes through a new link.
    const line = (carries && host.knownStream(carries.stream)) ?? this.line
    if (line === undefined) return { prefixes, from: host.from }
    return { prefixes, from: { stream: line.name, run: line.run, next: line.wanted } }
  }

  started(start: StreamStart): void {
    const carrier = this.#carrier
    if (carrier === undefined || this.#refused) return
    const known = this.#intakes?.use(start.stream)
    if (known !== undefined) {
      this.#turnTo(known)
      this.numbered(start.next, 'line')
      return
    }
    const life = this.#lifeOf(start)
    // Whoever was told of a new one may have closed the link.
    if (this.#carrier !== carrier) return
    this.#begin(carrier, life)
    this.#opened(carrier)
  }

  unnumbered(): void {
    if (this.#carrier === undefined || this.#refused) return
    const known = this.#intakes?.use()
    if (known !== undefined) this.#turnTo(known)
    else this.#enter({ intake: new Intake(this.host, this.unsequenced, undefined), stream: undefined })
  }

  numbered(next: number, origin: 'line' | 'answer', to = next): void {
    if (origin === 'answer') {
      this.#current = this.#answers
      this.#answers?.answers(next)
      return
    }
    this.#current = this.#intake
    if (this.#intake?.numbered(next, to) === false) this.#beginAnew(next)
  }

  given(first: number, redelivered: boolean): void {
    this.#intake?.given(first, redelivered)
  }

  answered(from: number, to: number): void {
    this.line?.answered(from, to)
  }

  finished(next: number): void {
    // Where messages are shared, the last of them went elsewhere.
    if (this.#start?.prefetch === undefined) this.numbered(next, 'line')
    if (this.#intake !== undefined) this.line?.finish(next)
  }

  message(
    chunk: Uint8Array,
    topicStart: number,
    topicEnd: number,
    dataStart: number,
    dataEnd: number,
    frames?: readonly Uint8Array[],
  ): boolean {
    const intake = this.#current
    if (intake === undefined) return this.#knock(chunk, topicStart, topicEnd, dataStart, dataEnd, frames)
    if (intake.message(chunk, topicStart, topicEnd, dataStart, dataEnd, frames)) return true
    // Somebody who was told of something may have closed the link meanwhile.
    if (this.#current === intake) this.host.paused(this)
    return false
  }

  skipped(count: number, reason: SkipReason): void {
    this.#intake?.skipped(count, reason)
  }

  checkpoint(next: number): void {
    this.#intake?.checkpoint(next)
  }

  disconnected(reason: Error | undefined): void {
    if (this.origin === 'accepted') this.end(reason)
    else this.#detach('waiting', reason)
  }

  end(reason: Error | undefined): void {
    this.#detach('closed', reason)
  }

  // What the core does with it.

  resume(): void {
    const first = this.#first
    this.#first = undefined
    if (first === undefined || this.message(...first)) this.#carrier?.resume()
  }

  subscribe(prefix: Uint8Array): void {
    this.#carrier?.subscribe(prefix)
  }

  unsubscribe(prefix: Uint8Array): void {
    this.#carrier?.unsubscribe(prefix)
  }

  /** Cuts the connection, and for good: a dialled link is not dialled again. */
  close(reason?: Error): void {
    const carrier = this.#carrier
    this.#detach('closed', reason)
    carrier?.close(reason)
  }

  /** Cuts the connection. A dialled link goes on dialling. */
  cut(reason: Error): void {
    const carrier = this.#carrier
    this.disconnected(reason)
    carrier?.close(reason)
  }

  /** Tells the producer what is taken. */
  acknowledge(): void {
    this.#intake?.acknowledge()
  }

  /** Whether `source` is its present connection. */
  feeds(source: MessageSource): boolean {
    return this.#answers === source || this.#intakes?.has(source) === true
  }

  /** What became of every message of the present connection, or of the last one. */
  ledger(): SourceLedger {
    return this.#intakes?.ledger() ?? this.#final
  }

  /**
   * Where numbers travel with the messages, nobody says which life of the producer they are of. It is the last that was
   * known, unless the producer goes beyond its end, or back: after its end, or where the wire is ordered and no other line
   * carries it.
   */
  #lifeOf(start: StreamStart): StreamStart {
    const { recovery, stream, next, after } = start
    const known = recovery && this.host.knownStream(stream)
    if (recovery === undefined || known === undefined) return start
    // Another line may have heard of the new life first; then this one goes along.
    const hasEnded = known.end < Infinity && after instanceof ConsumerLink && after.line === known
    const goesBack = (hasEnded || (recovery.reorderMs === 0 && !known.live)) && next < known.next
    const isNew = goesBack || next > known.end
    if (isNew) this.#supersede(known)
    return { ...start, run: isNew ? known.run + 1 : known.run }
  }

  /** The producer has begun its numbers anew, under the old name. */
  #beginAnew(next: number): void {
    const { line } = this
    const start = this.#start
    const carrier = this.#carrier
    if (start === undefined || carrier === undefined || line === undefined) return
    this.#supersede(line)
    // Whoever was told may have closed the link.
    if (this.#carrier === carrier) this.#begin(carrier, { ...start, run: line.run + 1, next })
  }

  #supersede(stream: CarriedStream): void {
    this.host.reset(this, stream)
    stream.supersede()
  }

  /** Carries a stream from where the producer says. */
  #begin(carrier: ConsumerCarrier, start: StreamStart): void {
    const { host } = this
    const { next, allowance, prefetch } = start
    const stream = host.streamFor(this, start)
    // Whoever was told of the stream may have closed the link.
    if (this.#carrier !== carrier) return
    const native = start.recovery !== undefined
    const acknowledgement =
      allowance === undefined
        ? undefined
        : new Acknowledgement(
            host.platform,
            allowance,
            // Of what is shared, others can do what the application has not taken.
            host.manual || prefetch !== undefined,
            (messages) => carrier.acknowledge(messages),
            () => host.manual && host.stuck(this),
            prefetch,
          )
    const request = carrier.request?.bind(carrier)
    const settlesWhenTaken = prefetch !== undefined && !host.manual
    const intake = new Intake(host, stream.tally, { stream, next, acknowledgement, native, request, settlesWhenTaken })
    this.#start = start
    this.#answers = request && new Intake(host, stream.tally, { stream, next, asker: intake })
    this.#enter({ intake, stream })
    stream.join(intake)
  }

  #enter(carried: Carried): void {
    // The first of a connection may have to wait for room.
    if (this.state === 'starting') this.#knocks = this.host.full
    this.state = 'open'
    this.#intakes?.add(carried)
    this.#turnTo(carried)
  }

  #turnTo({ intake, stream }: Carried): void {
    this.#intake = intake
    this.line = stream ?? this.line
    this.#current = this.#knocks ? undefined : intake
  }

  /** Every connection brings a message before it can be told to wait: those of a link that comes and goes add up. */
  #knock(...message: Parameters<ConsumerPort['message']>): boolean {
    if (!this.#knocks) return true
    if (this.host.full) {
      this.#first = message
      this.host.paused(this)
      return false
    }
    this.#knocks = false
    this.#current = this.#intake
    return this.message(...message)
  }

  #opened(carrier: ConsumerCarrier): void {
    if (this.#carrier !== carrier || this.state !== 'open' || this.#told) return
    this.#told = true
    this.host.opened(this)
  }

  #detach(state: 'waiting' | 'closed', reason: Error | undefined): void {
    if (this.state === 'closed') return
    const wasOpen = this.#told
    const intakes = this.#intakes
    this.#final = this.ledger()
    this.state = state
    this.#told = false
    this.#refused = false
    this.#intakes = undefined
    this.#intake = undefined
    this.#answers = undefined
    this.#current = undefined
    this.#knocks = false
    this.#first = undefined
    this.#carrier = undefined
    intakes?.close()
    this.host.closed(this, wasOpen, reason)
  }
}
