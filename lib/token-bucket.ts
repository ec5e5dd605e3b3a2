/** A timer of an event loop may be this late; what a bucket gains by then must not run over. */
const SMOOTH_MS = 5
/** What was granted for a loop that was busy must be used soon, or it would be a burst out of nothing. */
const GRANT_MS = 100

/**
 * Paces a sender to so much a second: bytes, as a rule. It goes into debt for a whole datagram, however large, and lets
 * nothing leave until the debt is paid: the rate holds over any time, and what leaves at once is at most {@link burst}
 * and one datagram, or what {@link waited} grants.
 */
export class TokenBucket {
  /** Below zero after a datagram that was larger than what there was. */
  #tokens: number
  #filledAt: number
  /** When something was last granted beyond the burst. */
  #grantedAt = -Infinity

  constructor(
    readonly perSecond: number,
    /** Milliseconds of a clock that never goes back. */
    private readonly now: () => number,
    /** What may leave at once after a pause: by default 5 ms worth, so that timers of 1 ms keep up with any rate. */
    readonly burst = (perSecond * SMOOTH_MS) / 1_000,
  ) {
    this.#tokens = burst
    this.#filledAt = now()
  }

  /** Milliseconds until something may leave; 0 when it may now. */
  get waitMs(): number {
    this.#fill()
    return this.#tokens > 0 ? 0 : ((1 - this.#tokens) * 1_000) / this.perSecond
  }

  /** Notes that `amount` has left. */
  take(amount: number): void {
    this.#fill()
    this.#tokens -= amount
  }

  /**
   * Says that something has been waiting since the bucket was last asked: what it gained meanwhile counts up to `most`,
   * although that is more than a burst. A loop that was busy with other things makes up for the time in this way.
   */
  waited(most: number): void {
    this.#fill(Math.max(this.burst, most))
    if (this.#tokens > this.burst) this.#grantedAt = this.#filledAt
  }

  #fill(most = this.burst): void {
    const now = this.now()
    const gained = ((now - this.#filledAt) * this.perSecond) / 1_000
    const kept = now - this.#grantedAt <= GRANT_MS ? this.#tokens : Math.min(this.burst, this.#tokens)
    this.#tokens = Math.max(kept, Math.min(most, this.#tokens + gained))
    this.#filledAt = now
  }
}
