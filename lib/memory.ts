/** One producer's memory, counted in bytes against the one bound that the user gave. */
export class Memory {
  used = 0
  /** Up to here messages may fill it; the rest is for what grows in small steps: positions, topics, gathered runs. */
  readonly messageLimit: number
  /** What the subscriptions of all links take of it. */
  #subscriptions = 0

  constructor(readonly limit: number) {
    this.messageLimit = limit - Math.min(Math.floor(limit / 4), 4 * 1024 * 1024)
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
    return this.used + bytes <= this.messageLimit
  }
}
