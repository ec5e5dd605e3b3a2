/** What a message takes at most beside its topic and data: frames, index, the call of `send()` that waits with it. */
const FRAMING_BYTES = 1024

/** One producer's memory, counted in bytes against the one bound that the user gave. */
export class Memory {
  used = 0
  /** Up to here messages may fill it; the rest is for what grows in small steps: positions, topics, gathered runs. */
  readonly messageLimit: number
  /**
   * The largest message, topic and data: one that leaves and one that waits fit together, so that no message brings
   * `used` above the limit.
   */
  readonly largestMessage: number
  /** What is kept only because it may be of use again, and goes when there is no room left. */
  readonly spares = new Set<{ trim(): void }>()
  /** What the subscriptions of all links take of it. */
  #subscriptions = 0

  constructor(readonly limit: number) {
    this.messageLimit = limit - Math.min(Math.floor(limit / 4), 4 * 1024 * 1024)
    this.largestMessage = Math.max(1, Math.floor(this.messageLimit / 2) - FRAMING_BYTES)
  }

  /** Half of it is for messages, however much links subscribe to. */
  get hasRoomForSubscription(): boolean {
    return this.#subscriptions < this.limit / 2
  }

  subscribe(bytes: number): void {
    this.#subscriptions += bytes
    this.used += bytes
  }

  /** Whether messages may take `bytes` more. */
  hasRoom(bytes: number): boolean {
    return this.#holds(bytes, this.messageLimit)
  }

  /** Whether there are `bytes` for what links cannot do without, and still something for what grows in small steps. */
  hasRest(bytes: number): boolean {
    return this.#holds(bytes, this.limit - (this.limit - this.messageLimit) / 8)
  }

  #holds(bytes: number, limit: number): boolean {
    if (this.used + bytes <= limit) return true
    for (const each of this.spares) each.trim()
    return this.used + bytes <= limit
  }
}
