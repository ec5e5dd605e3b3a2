import type { DropReason, EndedLedger, ProducerLedger, ProducerLinkLedger } from './ledger.js'
import type { LinkDescription, LinkState } from './link.js'
import type { OverflowText, Policy } from './overflow.js'
import type { Fault } from './transport.js'

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
