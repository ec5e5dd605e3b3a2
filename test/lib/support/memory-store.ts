import type { Address } from '../../../lib/address.js'
import { FanwireError } from '../../../lib/errors.js'
import type { Dropped, ProducerLinkLedger } from '../../../lib/ledger.js'
import type { LinkDescription, LinkState } from '../../../lib/link.js'
import { badOption } from '../../../lib/options.js'
import type { ProducerContext, StoreEnd, Transport } from '../../../lib/transport.js'

export interface Stored {
  readonly topic: string
  readonly data: Uint8Array
  readonly number: number
}

interface Append extends Stored {
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

const DROPPED: Dropped = { newest: 0, oldest: 0, superseded: 0, evicted: 0, stalled: 0, expired: 0, exhausted: 0 }

/** One address of a store: gets every message, when the test says so. */
class Destination {
  state: LinkState = 'open'
  handed: readonly Stored[] = []

  constructor(readonly remote: string) {}

  ledger({ length }: readonly Stored[]): LinkDescription & ProducerLinkLedger {
    const handed = this.handed.length
    const { remote, state } = this
    const counts = { considered: length, filtered: 0, dropped: DROPPED, waiting: length - handed, inFlight: 0, handed }
    return { remote, kind: 'foreign', state, ...counts }
  }
}

/** A store without a disk. It takes messages at once, or when the test says so, and hands them out when the test says so. */
export class MemoryStore implements StoreEnd {
  readonly kind = 'store'
  readonly urls: readonly string[]
  readonly stored: Stored[] = []
  readonly destinations: readonly Destination[]
  /** What takes its time waits here for {@link commit}. */
  readonly appending: Append[] = []
  /** Appends settle when the test says so. */
  slow = false
  /** It holds this many messages, and refuses more. */
  room = Infinity
  closed = false
  readonly #flushes = new Set<() => void>()

  constructor(
    addresses: readonly Address[],
    readonly context: ProducerContext,
  ) {
    this.urls = addresses.map(({ url }) => url)
    this.destinations = this.urls.map((url) => new Destination(url))
  }

  append(topic: string, data: Uint8Array, number: number): undefined | Promise<void> {
    if (this.stored.length + this.appending.length >= this.room) {
      throw new FanwireError('BUFFER_FULL', `${this.urls} holds all that it can`)
    }
    const message = { topic, data, number }
    if (this.slow) return new Promise((resolve, reject) => this.appending.push({ ...message, resolve, reject }))
    this.stored.push(message)
    return undefined
  }

  /** What was appended is safe, or lost for the reason given. */
  commit(count = this.appending.length, reason?: unknown): void {
    for (const { resolve, reject, ...message } of this.appending.splice(0, count)) {
      if (reason === undefined) {
        this.stored.push(message)
        resolve()
      } else {
        reject(reason)
      }
    }
  }

  /** Hands out all that is stored. */
  handOut(): void {
    for (const destination of this.destinations) destination.handed = [...this.stored]
    for (const check of [...this.#flushes]) check()
  }

  /** A destination answers again, or no longer. */
  turn(index: number, state: LinkState): void {
    const destination = this.destinations[index]
    if (destination !== undefined) destination.state = state
    this.context.changed()
  }

  flush(signal: AbortSignal | undefined): Promise<void> {
    const goal = this.stored.length
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#flushes.delete(check)
        signal?.removeEventListener('abort', abort)
      }
      const abort = () => {
        leave()
        reject(signal?.reason)
      }
      const check = () => {
        if (this.destinations.some(({ handed }) => handed.length < goal)) return
        leave()
        resolve()
      }
      if (signal?.aborted) return reject(signal.reason)
      signal?.addEventListener('abort', abort)
      this.#flushes.add(check)
      check()
    })
  }

  ledgers(): readonly (LinkDescription & ProducerLinkLedger)[] {
    return this.destinations.map((destination) => destination.ledger(this.stored))
  }

  async close(): Promise<void> {
    this.closed = true
    this.commit(this.appending.length, new FanwireError('CLOSED', 'the store is closed'))
    for (const destination of this.destinations) destination.state = 'closed'
  }
}

export interface MemoryStores extends Transport {
  /** The stores that it has opened, the newest last. */
  readonly opened: readonly MemoryStore[]
}

/** A transport whose producers are stores, and which has no consumers. */
export function memoryStores(): MemoryStores {
  const opened: MemoryStore[] = []
  return {
    opened,
    schemes: ['memory'],
    traits: {
      ordered: true,
      reliable: true,
      flowControlled: false,
      filtersAtProducer: false,
      numbers: 'none',
      tailLoss: false,
      maxMessageBytes: Number.MAX_SAFE_INTEGER,
    },
    listens: 'consumer',
    options: {},
    async produce(addresses, context) {
      context.signal?.throwIfAborted()
      const store = new MemoryStore(addresses, context)
      opened.push(store)
      return store
    },
    async consume({ url }) {
      throw badOption(`${url} has no consumers`)
    },
  }
}
