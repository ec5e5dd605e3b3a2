import { byteString } from './bytes.js'
import type { Arrival } from './message.js'
import type { Policy } from './overflow.js'

/** Why a consumer dropped a message that had arrived. */
export type InboxDropReason = 'newest' | 'oldest' | 'superseded' | 'evicted'

/** What an inbox tells its consumer. */
export interface InboxHost {
  dropped(arrival: Arrival<never>, reason: InboxDropReason): void
  /** It is full, and must not grow: whoever brought `arrival` is to be cut off, at the end of the turn at the latest. */
  exhausted(arrival: Arrival<never>): void
}

/** The queue between the carriers and the application, with the consumer's answer to overflow. */
export interface Inbox {
  /** Messages that wait. */
  readonly size: number
  /** Bytes of the chunks that they keep alive. */
  readonly bytes: number
  /** It asked the carriers to wait, and has not come down to half of its limit yet. */
  readonly full: boolean
  /** The place of the message that is pushed next. */
  readonly end: number
  /** Whatever has a lower place has left. */
  readonly passed: number
  /** False: no more for now, please. */
  push(arrival: Arrival<never>): boolean
  /** Takes the first. */
  shift(): Arrival<never> | undefined
  /** Takes all, in their order. */
  takeAll(): Arrival<never>[]
  /** Takes back the message that was taken last; it stands before all others again, whatever the limit. */
  putBack(arrival: Arrival<never>): void
  /** What a message would have told of that was taken but is not delivered, the next one of its stream tells. */
  bequeath(arrival: Arrival<never>): void
}

export function createInbox(policy: Policy, host: InboxHost): Inbox {
  return policy.policy === 'drop' && policy.keep === 'latest-per-topic'
    ? new LatestInbox(policy.limit.bytes, host)
    : new QueueInbox(policy, host)
}

/** Messages in the order in which they came. */
class QueueInbox implements Inbox {
  bytes = 0
  passed = 0
  full = false
  /** Drops newcomers until half of what waits has left. */
  #deaf = false
  #queue: Arrival<never>[] = []
  /** Where the queue begins. */
  #head = 0
  readonly #messageLimit: number
  readonly #byteLimit: number

  constructor(
    private readonly policy: Policy,
    private readonly host: InboxHost,
  ) {
    this.#messageLimit = policy.limit.messages
    this.#byteLimit = policy.limit.bytes
  }

  get size(): number {
    return this.#queue.length - this.#head
  }

  get end(): number {
    return this.passed + this.size
  }

  push(arrival: Arrival<never>): boolean {
    if (this.#deaf) {
      if (!this.#half) {
        arrival.source.tally.owed += arrival.missed
        this.host.dropped(arrival, 'oldest')
        return true
      }
      this.#deaf = false
    }
    inherit(arrival)
    this.#queue.push(arrival)
    arrival.source.tally.inboxWaiting++
    const { chunk } = arrival
    if (chunk.waiting++ === 0) this.bytes += chunk.bytes.length
    if (this.size < this.#messageLimit && this.bytes < this.#byteLimit) return true
    return this.#atLimit(arrival)
  }

  shift(): Arrival<never> | undefined {
    const queue = this.#queue
    const arrival = queue[this.#head]
    if (arrival === undefined) return undefined
    // What is taken is not the queue's to keep alive.
    queue[this.#head++] = undefined as never
    if (this.#head === queue.length) {
      queue.length = 0
      this.#head = 0
    } else if (this.#head >= 1024 && this.#head * 2 > queue.length) {
      queue.splice(0, this.#head)
      this.#head = 0
    }
    this.passed++
    arrival.source.tally.inboxWaiting--
    const { chunk } = arrival
    if (--chunk.waiting === 0) this.bytes -= chunk.bytes.length
    if (this.full && this.#half) this.full = false
    return arrival
  }

  takeAll(): Arrival<never>[] {
    const taken = this.#head === 0 ? this.#queue : this.#queue.slice(this.#head)
    this.passed += taken.length
    this.#queue = []
    this.#head = 0
    this.bytes = 0
    this.full = false
    for (const { source, chunk } of taken) {
      source.tally.inboxWaiting--
      chunk.waiting = 0
    }
    return taken
  }

  putBack(arrival: Arrival<never>): void {
    if (this.#head > 0) this.#queue[--this.#head] = arrival
    else this.#queue.unshift(arrival)
    this.passed--
    arrival.source.tally.inboxWaiting++
    const { chunk } = arrival
    if (chunk.waiting++ === 0) this.bytes += chunk.bytes.length
  }

  get #half(): boolean {
    return this.size <= this.#messageLimit / 2 && (this.bytes <= this.#byteLimit / 2 || this.size <= 1)
  }

  get #over(): boolean {
    return this.size > this.#messageLimit || (this.bytes > this.#byteLimit && this.size > 1)
  }

  #atLimit(arrival: Arrival<never>): boolean {
    const { policy } = this
    if (policy.policy === 'backpressure') {
      this.full = true
      return false
    }
    if (policy.policy === 'drop' && policy.keep === 'oldest') {
      this.#deaf = true
      return true
    }
    if (policy.policy === 'buffer' && policy.then === 'disconnect') {
      if (!this.#over) return true
      this.host.exhausted(arrival)
      this.full = true
      return false
    }
    while (this.#over) {
      const first = this.shift() as Arrival<never>
      this.bequeath(first)
      this.host.dropped(first, 'newest')
    }
    return true
  }

  bequeath({ source, missed }: Arrival<never>): void {
    if (missed === 0) return
    for (let at = this.#head; at < this.#queue.length; at++) {
      const heir = this.#queue[at] as Arrival<never>
      if (heir.source.tally !== source.tally) continue
      heir.missed += missed
      return
    }
    source.tally.owed += missed
  }
}

/**
 * Of every topic the newest message, in the order in which they came. Each has memory of its own: a quiet topic would
 * keep alive all that arrived beside its last value.
 */
class LatestInbox implements Inbox {
  readonly full = false
  bytes = 0
  end = 0
  /** By topic, in the order of their places. */
  readonly #latest = new Map<string, { readonly arrival: Arrival<never>; readonly place: number }>()

  constructor(
    private readonly byteLimit: number,
    private readonly host: InboxHost,
  ) {}

  get size(): number {
    return this.#latest.size
  }

  get passed(): number {
    for (const { place } of this.#latest.values()) return place
    return this.end
  }

  push(arrival: Arrival<never>): boolean {
    inherit(arrival)
    const own = arrival.copy()
    const key = keyOf(own)
    const before = this.#latest.get(key)?.arrival
    if (before !== undefined) this.#remove(before)
    this.#latest.set(key, { arrival: own, place: this.end++ })
    this.bytes += own.chunk.bytes.length
    own.source.tally.inboxWaiting++
    if (before !== undefined) {
      const { tally } = before.source
      if (tally === own.source.tally) own.missed += before.missed
      else tally.owed += before.missed
      this.host.dropped(before, 'superseded')
    }
    while (this.bytes > this.byteLimit && this.#latest.size > 1) {
      const oldest = this.shift() as Arrival<never>
      this.bequeath(oldest)
      this.host.dropped(oldest, 'evicted')
    }
    return true
  }

  shift(): Arrival<never> | undefined {
    for (const { arrival } of this.#latest.values()) {
      this.#remove(arrival)
      return arrival
    }
    return undefined
  }

  takeAll(): Arrival<never>[] {
    const taken = Array.from(this.#latest.values(), ({ arrival }) => arrival)
    for (const arrival of taken) this.#remove(arrival)
    return taken
  }

  putBack(arrival: Arrival<never>): void {
    const key = keyOf(arrival)
    if (this.#latest.has(key)) {
      this.bequeath(arrival)
      this.host.dropped(arrival, 'superseded')
      return
    }
    const place = this.passed - 1
    const others = [...this.#latest]
    this.#latest.clear()
    this.#latest.set(key, { arrival, place })
    for (const [other, value] of others) this.#latest.set(other, value)
    this.bytes += arrival.chunk.bytes.length
    arrival.source.tally.inboxWaiting++
  }

  bequeath({ source, missed }: Arrival<never>): void {
    if (missed === 0) return
    for (const { arrival: heir } of this.#latest.values()) {
      if (heir.source.tally !== source.tally) continue
      heir.missed += missed
      return
    }
    source.tally.owed += missed
  }

  #remove(arrival: Arrival<never>): void {
    this.#latest.delete(keyOf(arrival))
    this.bytes -= arrival.chunk.bytes.length
    arrival.source.tally.inboxWaiting--
  }
}

/** Takes over what messages before it would have told of. */
function inherit(arrival: Arrival<never>): void {
  const { tally } = arrival.source
  if (tally.owed === 0) return
  arrival.missed += tally.owed
  tally.owed = 0
}

/** By its bytes, since a foreign topic need not be text. */
function keyOf({ chunk, topicStart, topicEnd }: Arrival<never>): string {
  return byteString(chunk.bytes, topicStart, topicEnd)
}
