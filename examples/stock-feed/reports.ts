import type { ProducerLedger, ProducerLinkLedger, Resume, SourceLedger, StreamLedger } from 'fanwire'
import type { BookCounts, Quote } from 'fanwire/itch'
import type { Name, Viewer } from './viewers.js'

/** What the publisher is started with. */
export interface PublisherTask {
  readonly file: string
  readonly repeat: number
  /** Messages of the file a second; null for as fast as it goes. */
  readonly speed: number | null
  /** How many viewers it waits for before it begins. */
  readonly viewers: number
}

/** What a viewer is started with. */
export interface ViewerTask {
  readonly name: Name
  readonly url: string
  readonly viewer: Viewer
  /** Where it keeps its place, if it does. */
  readonly journal: string
  /** It reports at once when it has taken so many messages. */
  readonly milestone: number
}

/** What the processes are told: `flush` and `close` the publisher, `close` the viewers. */
export type Order = 'flush' | 'close'

/** What the publisher tells ten times a second, and whenever its phase changes. */
export interface PublisherReport {
  readonly phase: 'listening' | 'publishing' | 'published' | 'flushed' | 'closed'
  readonly url: string
  readonly stream: string
  /** The number of the next message. */
  readonly next: number
  /** The pass that is being published, from 1 on; 0 before. */
  readonly pass: number
  /** Messages of the file that were sent, in all passes. */
  readonly sent: number
  readonly ledger: ProducerLedger
  /** One for each connection that there was, in their order. */
  readonly connections: readonly Connection[]
}

export interface Connection extends ProducerLinkLedger {
  /** Missing for a guest. */
  readonly viewer?: Name | undefined
  readonly remote: string
  readonly state: 'waiting' | 'starting' | 'open' | 'closed'
  /** Why the publisher cut it. */
  readonly cut?: string | undefined
}

/** What a viewer tells ten times a second, and whenever its phase changes. */
export interface ViewerReport {
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
  /** Missing until it is linked. */
  readonly ledger?: StreamLedger | undefined
  /** One for each connection of this life, in their order. */
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
