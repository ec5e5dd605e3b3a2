import type { ProducerLedger, ProducerLinkLedger, Resume, SourceLedger, StreamLedger } from 'fanwire'
import type { BookCounts, Quote } from 'fanwire/itch'
import type { Place } from './channel.js'
import type { LineReport, SentLine } from './feed-lines.js'
import type { FeedReader, Name, Viewer } from './viewers.js'

/** What the publisher is started with. */
export interface PublisherTask {
  readonly file: string
  readonly repeat: number
  /** Messages of the file a second; null for as fast as it goes. */
  readonly speed: number | null
  /** All lines, wherever they lead. */
  readonly place: Place
  /** What happens to datagrams on their way, in the words of the option `impair`. */
  readonly impair: string
  /** The number up to which it may go before it is told more. */
  readonly leash: number
}

/** What the relay is started with. */
export interface RelayTask {
  readonly place: Place
  readonly reader: FeedReader
  /** How many viewers it waits for before it says that all are there. */
  readonly viewers: number
}

/** What a viewer is started with. */
export interface ViewerTask {
  readonly name: Name
  readonly viewer: Viewer
  /** Where the relay listens; or the lines of the feed. */
  readonly source: { readonly url: string } | { readonly place: Place; readonly reader: FeedReader }
  /** Where it keeps its place, if it does. */
  readonly journal: string
  /** It reports at once when it has taken so many messages. */
  readonly milestone: number
}

/**
 * What the processes are told: `start` the publisher, `flush` the relay, `close` everybody; and how far the publisher may
 * go.
 */
export type Order = 'start' | 'flush' | 'close' | Leash

export interface Leash {
  /** The number of the stream up to which everybody is sure to keep up. */
  readonly leash: number
}

/** What the publisher tells ten times a second, and whenever its phase changes. */
export interface PublisherReport {
  readonly phase: 'listening' | 'publishing' | 'published' | 'closed'
  readonly stream: string
  /** The number of the next message. */
  readonly next: number
  /** The pass that is being published, from 1 on; 0 before. */
  readonly pass: number
  /** Messages of the file that were sent, in all passes. */
  readonly sent: number
  readonly ledger: ProducerLedger
  readonly lines: readonly SentLine[]
  readonly requests: Requests
}

/** What the request server did. */
export interface Requests {
  readonly answered: number
  /** By what was wrong with them. */
  readonly refused: Readonly<Record<string, number>>
}

/** What the relay tells ten times a second, and whenever its phase changes. */
export interface RelayReport {
  readonly phase: 'linking' | 'waiting' | 'relaying' | 'flushed' | 'closed'
  /** Where it listens. */
  readonly url: string
  readonly stream: string
  readonly next: number
  readonly ledger: ProducerLedger
  /** One for each connection that there was, in their order. */
  readonly connections: readonly Connection[]
  /** A viewer that wants everything would miss something if the feed went on. */
  readonly stretched: boolean
  readonly received: FeedReport
}

/** What somebody has received from the feed. */
export interface FeedReport {
  /** Missing until it is linked. */
  readonly ledger?: StreamLedger | undefined
  readonly lines: readonly LineReport[]
}

export interface Connection extends ProducerLinkLedger {
  /** Missing for a guest. */
  readonly viewer?: Name | undefined
  readonly remote: string
  readonly state: 'waiting' | 'starting' | 'open' | 'closed'
  /** Why the relay cut it. */
  readonly cut?: string | undefined
}

/** What a viewer tells ten times a second, and whenever its phase changes. */
export interface ViewerReport extends FeedReport {
  readonly phase: 'linking' | 'reading' | 'stopped' | 'ended' | 'closed'
  /** Messages of the file, or quotes, that it took in this life. */
  readonly taken: number
  /** Messages that were lost or dropped before those that it took. */
  readonly missed: number
  /** Where it was when it was started anew. */
  readonly resumed?: Resume | undefined
  readonly passes: Passes
  readonly counts?: Readonly<BookCounts> | undefined
  /** The busiest stocks; all of them in the last report. */
  readonly market: readonly Quote[]
  /** One for each connection to the relay in this life, in their order. */
  readonly connections: readonly SourceLedger[]
}

/** What became of the passes that a viewer saw end. */
export interface Passes {
  readonly ended: number
  /** Of the orders after the first of them. */
  readonly digest?: string | undefined
  /** Those after which the digest was another. */
  readonly differing: number
}
