import { byteString } from './bytes.js'
import type { Arrival } from './message.js'
import type { Policy } from './overflow.js'

/** Why a consumer dropped a message that had arrived. */
export type InboxDropReason = 'newest' | 'oldest' | 'superseded' | 'evicted'

/** What an inbox tells its consumer. */
export interface InboxHost {
  dropped(arrival: Arrival<never>, reason: InboxDropReason): void
  /** It is full, and must not grow: whoever brought `arrival` is to be cut off. */
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
  /** False: no more for now, please. */
  push(arrival: Arrival<never>): boolean
  /** Takes the first. */
  shift(): Arrival<never> | undefined
  /** Takes all, in their order. */
  takeAll(): Arrival<never>[]
}

export function createInbox(policy: Policy, host: InboxHost): Inbox {
  return policy.policy === 'drop' && policy.keep === 'latest-per-topic'
    ? new LatestInbox(policy.limit.bytes, host)
    : new QueueInbox(policy, host)
}

/** Messages in the order in which they came. */
class QueueInbox implements Inbox {
  bytes = 0
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

  push(arrival: Arrival<never>): boolean {
    if (this.#deaf) {
      if (!this.#half) {
        this.host.dropped(arrival, 'oldest')
        return true
      }
      this.#deaf = false
    }
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
    arrival.source.tally.inboxWaiting--
    const { chunk } = arrival
    if (--chunk.waiting === 0) this.bytes -= chunk.bytes.length
    if (this.full && this.#half) this.full = false
    return arrival
  }

  takeAll(): Arrival<never>[] {
    const taken = this.#head === 0 ? this.#queue : this.#queue.slice(this.#head)
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
      if (this.#over) this.host.exhausted(arrival)
      return true
    }
    while (this.#over) {
      const first = this.shift() as Arrival<never>
      if (first.missed > 0) this.#inherit(first)
      this.host.dropped(first, 'newest')
    }
    return true
  }

  /** What a dropped message would have told of, the next one of its stream tells. */
  #inherit({ source, missed }: Arrival<never>): void {
    for (let at = this.#head; at < this.#queue.length; at++) {
      const heir = this.#queue[at] as Arrival<never>
      if (heir.source.tally !== source.tally) continue
      heir.missed += missed
      return
    }
  }
}

/**
 * Of every topic the newest message, in the order in which they came. Each has memory of its own: a quiet topic would
 * keep alive all that arrived beside its last value.
 */
class LatestInbox implements Inbox {
  readonly full = false
  bytes = 0
  readonly #latest = new Map<string, Arrival<never>>()

  constructor(
    private readonly byteLimit: number,
    private readonly host: InboxHost,
  ) {}

  get size(): number {
    return this.#latest.size
  }

  push(arrival: Arrival<never>): boolean {
    const own = arrival.copy()
    const key = keyOf(own)
    const before = this.#latest.get(key)
    if (before !== undefined) this.#drop(before, 'superseded', own)
    this.#latest.set(key, own)
    this.bytes += own.chunk.bytes.length
    own.source.tally.inboxWaiting++
    while (this.bytes > this.byteLimit && this.#latest.size > 1) {
      for (const oldest of this.#latest.values()) {
        this.#drop(oldest, 'evicted', own)
        break
      }
    }
    return true
  }

  shift(): Arrival<never> | undefined {
    for (const arrival of this.#latest.values()) {
      this.#remove(arrival)
      return arrival
    }
    return undefined
  }

  takeAll(): Arrival<never>[] {
    const taken = [...this.#latest.values()]
    for (const arrival of taken) this.#remove(arrival)
    return taken
  }

  #drop(arrival: Arrival<never>, reason: InboxDropReason, heir: Arrival<never>): void {
    this.#remove(arrival)
    heir.missed += arrival.missed
    this.host.dropped(arrival, reason)
  }

  #remove(arrival: Arrival<never>): void {
    this.#latest.delete(keyOf(arrival))
    this.bytes -= arrival.chunk.bytes.length
    arrival.source.tally.inboxWaiting--
  }
}

/** By its bytes, since a foreign topic need not be text. */
function keyOf({ chunk, topicStart, topicEnd }: Arrival<never>): string {
  return byteString(chunk.bytes, topicStart, topicEnd)
}
