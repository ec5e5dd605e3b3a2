import type { Codec } from './codec.js'
import type { FanwireError } from './errors.js'
import { createInbox, type Inbox, type InboxDropReason, type InboxHost } from './inbox.js'
import type { LoopSource, Wakeable } from './loop.js'
import type { Arrival, Message } from './message.js'
import type { Policy } from './overflow.js'
import type { Platform } from './platform.js'

/** Messages between two looks at the clock. */
const LOOK_AFTER = 256
/** Milliseconds for which a loop that takes one by one may keep timers and sockets waiting. */
const MOST_BUSY_MS = 4

/** What the delivery tells its consumer. */
export interface DeliveryHost {
  dropped(reason: InboxDropReason): void
  /** The inbox must not grow: whoever brought `arrival` is to be cut off. */
  exhausted(arrival: Arrival<never>): void
  undecodable(arrival: Arrival<never>, error: unknown): void
  /** The inbox has come down to half of its limit, after it had asked the carriers to wait. */
  roomy(): void
}

/** The way from the inbox to the one loop that reads from it. */
export class Delivery<T> implements InboxHost {
  loop: Wakeable | undefined
  ended = false
  /** Reads one message after the other. */
  readonly one: LoopSource<Message<T>> = this.#source(() => (this.#resting ? undefined : this.#takeOne()))
  /** Reads all that has arrived. */
  readonly all: LoopSource<Message<T>[]> = this.#source(() => this.#takeAll())
  readonly #inbox: Inbox
  /** Losses that a loop is to end with, and the place in the inbox before which each lies. */
  readonly #losses: { readonly at: number; readonly error: FanwireError }[] = []
  #waking = false
  /** Messages that were taken one by one without a pause, and since when. */
  #run = 0
  #runningSince = 0
  /** Everybody else has a turn first. */
  #resting = false
  readonly #wake = (): void => {
    this.#waking = false
    this.loop?.wake()
  }

  constructor(
    policy: Policy,
    private readonly codec: Codec<never> | undefined,
    private readonly platform: Platform,
    private readonly host: DeliveryHost,
  ) {
    this.#inbox = createInbox(policy, this)
  }

  /** Messages that wait. */
  get size(): number {
    return this.#inbox.size
  }

  /** Bytes that they keep alive. */
  get bytes(): number {
    return this.#inbox.bytes
  }

  get full(): boolean {
    return this.#inbox.full
  }

  /** Takes a message in its turn. False when there is no room for more. */
  deliver(arrival: Arrival<never>): boolean {
    this.#stir()
    return this.#inbox.push(arrival)
  }

  /** Takes back the message that was taken last: the next loop begins with it. */
  putBack(message: Message<T>): void {
    const arrival = message as Arrival<T> as Arrival<unknown> as Arrival<never>
    arrival.source.tally.delivered--
    this.#inbox.putBack(arrival)
  }

  /** Ends a loop with `error` as soon as it has taken what has come before. */
  fail(error: FanwireError): void {
    this.#losses.push({ at: this.#inbox.end, error })
    this.#stir()
  }

  /** Ends every loop. What waits is not taken any more. */
  close(): void {
    this.ended = true
    this.loop?.wake()
  }

  // What the inbox tells.

  dropped(arrival: Arrival<never>, reason: InboxDropReason): void {
    arrival.source.tally.inboxDropped++
    arrival.source.settle(arrival.place)
    this.host.dropped(reason)
  }

  exhausted(arrival: Arrival<never>): void {
    this.host.exhausted(arrival)
  }

  #source<Item>(take: () => Item | undefined): LoopSource<Item> {
    const delivery = this
    return {
      take: () => (this.ended ? undefined : take()),
      get ended() {
        return delivery.ended
      },
      get loop() {
        return delivery.loop
      },
      set loop(loop) {
        delivery.loop = loop
      },
    }
  }

  /** Wakes the loop at the end of the turn, so that what comes in one turn is taken together. */
  #stir(): void {
    if (this.loop === undefined || this.#waking) return
    this.#waking = true
    this.platform.defer(this.#wake)
  }

  #takeOne(): Message<T> | undefined {
    const inbox = this.#inbox
    for (;;) {
      if (this.#losses.length > 0) this.#throwLoss()
      const { full } = inbox
      if (this.#run >= LOOK_AFTER && this.#run % LOOK_AFTER === 0 && this.#rests()) return undefined
      const arrival = inbox.shift()
      if (arrival === undefined) {
        this.#run = 0
        return undefined
      }
      this.#run++
      const isMessage = this.codec === undefined || this.#decode(this.codec, arrival)
      if (isMessage) taken(arrival)
      if (full && !inbox.full) this.host.roomy()
      if (isMessage) return arrival as Arrival<unknown> as Arrival<T>
    }
  }

  /** A loop over what is there already never leaves the microtasks: after some milliseconds it has to wait for its turn. */
  #rests(): boolean {
    const now = this.platform.now()
    if (this.#run === LOOK_AFTER) this.#runningSince = now
    if (now - this.#runningSince <= MOST_BUSY_MS) return false
    this.#run = 0
    this.#resting = true
    void this.platform.breathe().then(() => {
      this.#resting = false
      this.loop?.wake()
    })
    return true
  }

  #takeAll(): Message<T>[] | undefined {
    const inbox = this.#inbox
    if (this.#losses.length > 0) {
      this.#throwLoss()
      // A loss lies ahead: up to there one by one.
      const message = this.#takeOne()
      return message === undefined ? undefined : [message]
    }
    if (inbox.size === 0) return undefined
    const { full } = inbox
    let batch = inbox.takeAll()
    for (const arrival of batch) taken(arrival)
    if (this.codec !== undefined) batch = this.#decodeAll(this.codec, batch)
    if (full) this.host.roomy()
    return batch.length === 0 ? undefined : (batch as Arrival<unknown>[] as Arrival<T>[])
  }

  #throwLoss(): void {
    const [loss] = this.#losses
    if (loss === undefined || loss.at > this.#inbox.passed) return
    this.#losses.shift()
    throw loss.error
  }

  #decode(codec: Codec<never>, arrival: Arrival<never>): boolean {
    try {
      arrival.decoded = codec.decode(arrival.data)
      return true
    } catch (error) {
      this.#inbox.bequeath(arrival)
      this.#reject(arrival, error)
      return false
    }
  }

  /** Those of a batch, counted as delivered, that have a value. */
  #decodeAll(codec: Codec<never>, batch: readonly Arrival<never>[]): Arrival<never>[] {
    const messages: Arrival<never>[] = []
    for (const [at, arrival] of batch.entries()) {
      try {
        arrival.decoded = codec.decode(arrival.data)
        messages.push(arrival)
      } catch (error) {
        const { source, missed } = arrival
        const heir = missed > 0 ? batch.find(({ source: { tally } }, i) => i > at && tally === source.tally) : undefined
        if (heir === undefined) this.#inbox.bequeath(arrival)
        else heir.missed += missed
        source.tally.delivered--
        this.#reject(arrival, error)
      }
    }
    return messages
  }

  #reject(arrival: Arrival<never>, error: unknown): void {
    arrival.source.tally.undecodable++
    arrival.source.settle(arrival.place)
    this.host.undecodable(arrival, error)
  }
}

function taken({ source, place }: Arrival<never>): void {
  source.tally.delivered++
  if (source.settlesWhenTaken) source.settle(place)
}
