import type { ProducerLedger, ProducerLinkLedger } from './ledger.js'
import type { LinkDescription } from './link.js'
import type { Link } from './producer-face.js'

/** Where the messages of a producer go: logs that every link reads, one that the links share, or a store. The API above it is the same. */
export interface Outlet {
  /** The number that the next message will have. */
  readonly next: number
  /** Calls of `send()` that were neither accepted nor refused yet. */
  readonly unsettled: number
  /** The links that there are now. */
  readonly links: readonly Link[]
  /**
   * Takes a message. Resolves once that is settled, at once unless it has to wait; throws or rejects when nobody gets it,
   * which is the caller's to count only when it throws.
   */
  send(topic: string, data: string | Uint8Array, signal: AbortSignal | undefined): Promise<void>
  /** Takes a message without ever waiting for room. @throws {FanwireError} `BUFFER_FULL` when there is none */
  trySend(topic: string, data: string | Uint8Array): void
  /** How many destinations are there, of those that want `topic`, one character a byte, where one is given. */
  destinations(topic: string | undefined): number
  /** Resolves once what was sent so far is handed out, as `flush()` has it; waits `patienceMs` for who acknowledges nothing. */
  drain(signal: AbortSignal | undefined, patienceMs: number): Promise<void>
  counts(): Omit<ProducerLedger, 'offered' | 'refused'>
  /** The ledgers of those destinations that are no links. */
  ledgers(): readonly (LinkDescription & ProducerLinkLedger)[]
  /** Sends away who still waits, and closes all links. */
  close(): void
}

/** What an outlet tells its producer. */
export interface OutletHost {
  /** A call of `send()` ended in vain after it had been taken. */
  countRefusal(cause: unknown): void
  /** Something has changed that somebody may wait for. */
  progressed(): void
  /** Resolves once `holds` does; it is asked again after every {@link progressed}. */
  until(holds: () => boolean, signal: AbortSignal | undefined): Promise<void>
}

/** What `send()` returns when it need not wait. */
export const SENT = Promise.resolve()
