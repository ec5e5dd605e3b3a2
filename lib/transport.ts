import type { Address } from './address.js'
import type { ErrorCode } from './errors.js'
import type { Framing, SkipReason } from './framing/framing.js'
import type { ProducerLinkLedger } from './ledger.js'
import type { LinkDescription } from './link.js'
import type { OptionTable } from './options.js'
import type { Platform } from './platform.js'
import type { RecoveryTerms } from './recovery.js'

/** What a transport promises. The conformance suite asks these flags which of its tests apply. */
export interface Traits {
  /** Messages of one link arrive in the order in which they were sent. */
  readonly ordered: boolean
  /** What was handed to an open link arrives, as long as the link stays open. */
  readonly reliable: boolean
  /** A consumer that stops reading holds its link back. */
  readonly flowControlled: boolean
  /** The producer sees subscriptions and sends a link only what it wants. */
  readonly filtersAtProducer: boolean
  /** Where sequence numbers come from between fanwire peers. */
  readonly numbers: 'counted' | 'native' | 'stamp' | 'none'
  /** The loss of the very last messages is seen, and a producer that is closed says where its stream ends. */
  readonly tailLoss: boolean
  /** The largest message the wire can carry, in bytes of topic and data. */
  readonly maxMessageBytes: number
  /** The wire has a word for pattern `'share'`, so that both ends know that each message goes to one link. @default false */
  readonly shares?: boolean
}

/**
 * Moves runs of whole messages between two ends. Each folder of `transports/` holds one. The core keeps the log, the
 * filters, the policies and the ledgers; a transport opens sockets, shakes hands, and passes bytes.
 */
export interface Transport {
  /** URL schemes that it answers to, without the colon: `tcp`. */
  readonly schemes: readonly string[]
  readonly traits: Traits
  /** Who waits when `role` is not given. */
  readonly listens: 'producer' | 'consumer'
  /** The options of its own, beside those of every producer and consumer. The core checks them at the door. */
  readonly options: OptionTable
  /** Those that only a producer takes, and only a consumer. */
  readonly producerOptions?: OptionTable
  readonly consumerOptions?: OptionTable
  /**
   * Opens the sending side at all `addresses`. Resolves once every address is bound, or once dialling has begun.
   * Rejects with `ADDRESS_IN_USE`, `OPEN_FAILED` or the signal's reason, and then leaves nothing open.
   */
  produce(addresses: readonly Address[], context: ProducerContext): Promise<ProducerEnd>
  /** Opens the receiving side. Resolves once bound, or once dialling has begun. Rejects as {@link produce} does. */
  consume(address: Address, context: ConsumerContext): Promise<ConsumerEnd>
}

/** Everyone who wants a message gets it, or it goes to one of those who are there. */
export type Pattern = 'publish' | 'share'

/** What both ends are given. */
export interface Context {
  readonly platform: Platform
  readonly role: 'listen' | 'dial'
  /** Whether everyone gets what he wants, or each message goes to one link; both ends must mean the same. */
  readonly pattern: Pattern
  /** Complete and checked: every name of the transport's option tables has a value of the right kind. */
  readonly options: Readonly<Record<string, unknown>>
  /** Messages larger than this, in bytes of topic and data, are not accepted from a peer. */
  readonly maxMessageBytes: number
  /** Aborted when opening is no longer wanted. After `produce` or `consume` has resolved it means nothing. */
  readonly signal: AbortSignal | undefined
  /** Reports what a peer or the system did wrong. Never throws; the end goes on. */
  fault(fault: Fault): void
}

/** Something that went wrong and cost at most one link. */
export interface Fault {
  readonly code: ErrorCode
  /** In words; the code, with which the message of an error begins, is not repeated in it. */
  readonly message: string
  /** The peer's address, where there is one. */
  readonly remote?: string
  /** The stream that a message belongs to. */
  readonly stream?: string
  readonly cause?: unknown
}

export interface ProducerContext extends Context {
  /** The name of the producer's stream, 10 characters of `0-9A-Z`. */
  readonly stream: string
  /** The producer's log in this framing: one for all ends that share the framing's name. */
  log(framing: Framing): LogPort
  /** A destination of a store has come or gone, for which the application may wait. Links of the log need not tell. */
  changed(): void
}

/** A producer's end is either over the shared log or over a store of its own; the API above them is the same. */
export type ProducerEnd = LogEnd | StoreEnd

export interface LogEnd {
  readonly kind: 'log'
  /** The addresses in use, real ports included. */
  readonly urls: readonly string[]
  /** What the sockets have to tell beside the ledgers, for `stats()`. */
  counts?(): object
  /** Stops listening and dialling, closes what is half open. Links are closed by the core. */
  close(): Promise<void>
  /** Lets the process end although this is open. */
  unref?(): void
}

/**
 * An end that keeps messages itself, durably for instance, instead of reading them from the log. It is its producer's only
 * end, so that a message which it refuses has gone to nobody.
 */
export interface StoreEnd {
  readonly kind: 'store'
  readonly urls: readonly string[]
  /**
   * Takes one message: at once, or when the promise resolves. Calls come in the order of their numbers, and may come
   * before earlier ones have settled. Throws or rejects when the store has not got it, and then it never will; its number
   * is not used again. Topic and size are checked; `data` is the store's, and never changes.
   */
  append(topic: string, data: Uint8Array, number: number): undefined | Promise<void>
  /** Settles when all that was taken has been handed to its destinations or dropped. Rejects with the signal's reason. */
  flush(signal: AbortSignal | undefined): Promise<void>
  /** One ledger a destination, in the words of every producer link; after {@link close} the final ones. */
  ledgers(): readonly (LinkDescription & ProducerLinkLedger)[]
  /** Stops handing out. Appends that have not settled are rejected. */
  close(): Promise<void>
  unref?(): void
}

export interface LogPort {
  /**
   * Announces a destination. An accepted link comes with its connection and ends with it; a dialled one exists until it
   * is closed, connected or not.
   */
  open(remote: string, origin: 'accepted' | 'dialled'): ProducerPort
  /**
   * A run of what was sent before, from number `from` on, within `most`; undefined where the log does not have it. Valid
   * during this turn only.
   */
  read(from: number, most: Carrier['maxRun']): { readonly run: Uint8Array; readonly count: number } | undefined
  /** The name of the producer's stream, and the random number that tells its lives apart. */
  readonly stream: string
  readonly run: number
  /** The number that the next message will have. */
  readonly next: number
  /** The lowest number that {@link read} can give. */
  readonly oldest: number
  /** Keeps so many bytes of the past, unless the application has said how much it wants. */
  retain(bytes: number): void
}

/** A producer's link, as its transport drives it. Calls for a link that has ended are ignored. */
export interface ProducerPort {
  /**
   * The handshake is done and `carrier` can write. Nothing is written before {@link start}. The carrier of a link that has
   * ended meanwhile is closed.
   */
  connected(carrier: Carrier, peer: Peer): void
  /** The peer wants messages whose topic begins with `prefix`. Throws `BAD_PEER` beyond the cap: close the link then. */
  subscribe(prefix: Uint8Array): void
  /** The peer wants `prefix` no longer. A prefix that it never asked for is ignored. */
  unsubscribe(prefix: Uint8Array): void
  /**
   * Lets messages flow, from where the peer asks; a foreign peer starts `'now'`, as soon as it is connected. Nothing is
   * written before this call has returned, so that the carrier can say first what is returned here.
   */
  start(from: StartFrom): StreamStart
  /** The run for which `write` said `'busy'` is out of the carrier's hands. */
  taken(): void
  /** The outstanding write has moved by some bytes: the link is not stalled. */
  progressed(): void
  /** The peer has taken the first `messages` messages of this connection. Throws `BAD_PEER` when that is impossible. */
  acknowledged(messages: number): void
  /**
   * Brings the peer's count up to date with a SKIP where numbers were passed over, and returns the number that the link
   * will be sent next. Call it before a heartbeat. `undefined` while a write is outstanding: send no heartbeat then.
   */
  checkpoint(): number | undefined
  /** A large message is half written: the carrier must not write anything of its own in between. */
  readonly midMessage: boolean
  /** The link has ended for good: a dialler dials it no more. */
  readonly ended: boolean
  /** The connection is gone. Ends an accepted link; a dialled one waits for the next `connected`. */
  disconnected(reason: Error | undefined): void
  /** The link is gone for good. */
  end(reason: Error | undefined): void
}

/** Moves the bytes of one link. */
export interface Carrier {
  /** The core cuts runs to these: 256 KiB and any number of messages for a socket, one message for a raw datagram. */
  readonly maxRun: { readonly bytes: number; readonly messages: number }
  /** The application may come to hold views of what is written, so that its memory is never used again (inproc). */
  readonly shares?: boolean
  /**
   * Takes a run of whole framed messages, SKIPs included. `first` is the number of the first message; `count` is how
   * many messages end in this run: 0 for a lone SKIP and for all but the last slice of a message above `maxRun.bytes`.
   * `'taken'`: the system has every byte. `'busy'`: `run` stays untouched until {@link ProducerPort.taken}; there is
   * no other write before that. May close the link, never throws.
   */
  write(run: Uint8Array, first: number, count: number): 'taken' | 'busy'
  /**
   * The producer is being closed, its stream ends before `next`, and this link has been given all below: the last word
   * before {@link close}, behind a SKIP that may still be outstanding. Absent where the wire has none for it.
   */
  finish?(next: number): void
  /**
   * Cuts the connection, of which the core wants to hear no more: with a reason at once, without one after what was
   * written. A dialler dials again unless the link has {@link ProducerPort.ended}.
   */
  close(reason?: Error): void
}

/** Who is at the other end of a connection. */
export interface Peer {
  readonly kind: 'fanwire' | 'foreign'
  /** Tells how much it has taken, through {@link ProducerPort.acknowledged}. */
  readonly acknowledges: boolean
  /** The consumer's own id, by which it is known again after a reconnect. */
  readonly id?: string
  /** The overflow policy that it asks for, in the compact form: `drop:latest-per-topic`. */
  readonly want?: string
  /** Who it has proved to be. */
  readonly user?: string
}

/** Where a consumer wants to begin. A resume names the stream and run that it knows and the number it misses next. */
export type StartFrom = 'now' | 'oldest' | 'latest-per-topic' | Resume

export interface Resume {
  readonly stream: string
  readonly run: number
  readonly next: number
}

/** What a producer says before its first message. */
export interface StreamStart {
  /** The stream's name, 10 characters of `0-9A-Z`. */
  readonly stream: string
  /** Random, below 2^48: the same name with another run is a producer that was restarted. */
  readonly run: number
  /** The number of the message that this link is sent first. */
  readonly next: number
  /** The oldest number that the producer can still send; a wanted number below it is a gap. */
  readonly oldest: number
  /** Bytes that may be open before the producer waits for an acknowledgement; absent where it wants none. */
  readonly allowance?: number
  /**
   * Each message goes to one link: the messages that this one may have unacknowledged. Which numbers come,
   * {@link ConsumerPort.given} says then. Absent where everyone gets what he wants.
   */
  readonly prefetch?: number
  /** How what is missing may still come; absent on a link that is ordered and reliable. */
  readonly recovery?: RecoveryTerms
  /**
   * Through this link the same line has heard the end of the stream before, from a sender that cannot be this one: what
   * lies below that end is no copy but of a producer that has begun anew. Where numbers travel with the messages.
   */
  readonly after?: ConsumerPort | undefined
}

export interface ConsumerContext extends Context {
  /** The consumer's id, 10 characters of `0-9A-Z`, for READY. */
  readonly id: string
  /**
   * Where it wants to begin with a producer that is not known yet, for who cannot serve all of it and says so at the door;
   * {@link ConsumerPort.connected} tells for every connection.
   */
  readonly from: StartFrom
  /** The overflow policy that the consumer asks of its producers, in the compact form, if any. */
  readonly want: string | undefined
  /** Announces a source. Origin as for {@link LogPort.open}. */
  open(remote: string, origin: 'accepted' | 'dialled'): ConsumerPort
}

export interface ConsumerEnd {
  readonly urls: readonly string[]
  /** What the sockets have to tell beside the ledgers, for `stats()`. */
  counts?(): object
  /** Stops listening and dialling, and closes the connections that the core has left open. */
  close(): Promise<void>
  unref?(): void
}

/** A consumer's link, as its transport drives it. Calls for a link that has ended are ignored. */
export interface ConsumerPort {
  /**
   * The handshake is done. Returns what to ask for: the prefixes wanted now (later ones come through
   * {@link ConsumerCarrier.subscribe}) and where to begin. The carrier of a link that has ended meanwhile is closed.
   */
  connected(carrier: ConsumerCarrier, peer: SourcePeer): { prefixes: readonly Uint8Array[]; from: StartFrom }
  /**
   * A numbering producer's first words. Messages and skips before it are a protocol error of the carrier's. Where each
   * message says its number and stream, it may come at any time, and again for every change of the stream.
   */
  started(start: StreamStart): void
  /** The next message has no number, although the one before had: a forwarder may stand behind this connection. */
  unnumbered(): void
  /**
   * The next message has this number, where numbers travel with the messages. From the line itself, or in answer to
   * {@link ConsumerCarrier.request}; without messages behind it, it tells of the loss of the last ones. `to`: the number
   * after those that are known to come with it.
   */
  numbered(next: number, origin: 'line' | 'answer', to?: number): void
  /**
   * What follows is numbered from `first` on, of a producer that shares its messages among links. `redelivered`: another
   * link was given it before, and did not acknowledge it.
   */
  given(first: number, redelivered: boolean): void
  /**
   * The messages of one answer, from number `from` up to but not including `to`, are all here; none when the two are the
   * same, as there was no room for them.
   */
  answered(from: number, to: number): void
  /** The producer says that the stream ends before `next`. Where numbers are counted, {@link checkpoint} goes first. */
  finished(next: number): void
  /**
   * A message: topic and data are ranges of `chunk`, which must never change again. `frames` has all frames of a foreign
   * message that does not consist of two. `false`: the inbox is full; keep what follows and call nothing
   * until {@link ConsumerCarrier.resume}.
   */
  message(
    chunk: Uint8Array,
    topicStart: number,
    topicEnd: number,
    dataStart: number,
    dataEnd: number,
    frames?: readonly Uint8Array[],
  ): boolean
  /** Numbers that will not come. */
  skipped(count: number, reason: SkipReason): void
  /** The link has ended for good: a dialler dials it no more. */
  readonly ended: boolean
  /** The producer says which number is next. Throws `BAD_PEER` when the count differs. */
  checkpoint(next: number): void
  disconnected(reason: Error | undefined): void
  end(reason: Error | undefined): void
}

export interface SourcePeer {
  readonly kind: 'fanwire' | 'foreign'
  /** Its messages have numbers although it is foreign, and {@link ConsumerPort.started} follows. */
  readonly numbers?: boolean
  /** The stream that it will send, where it says so before it is asked: a consumer that knows it resumes. */
  readonly carries?: { readonly stream: string; readonly run: number }
  readonly user?: string
}

/** Moves the bytes of one consumer link. */
export interface ConsumerCarrier {
  /** Called after `message` returned false, once there is room again. The carrier goes on with what it kept. */
  resume(): void
  subscribe(prefix: Uint8Array): void
  unsubscribe(prefix: Uint8Array): void
  /** Tells a fanwire producer that the first `messages` messages of this connection are taken. */
  acknowledge(messages: number): void
  /** Asks for `count` numbers from `from` on once more. Absent where nobody answers. */
  readonly request?: ((from: number, count: number) => void) | undefined
  close(reason?: Error): void
}
