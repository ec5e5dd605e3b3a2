/** A timer of a busy event loop may be this late; what a bucket gains by then must not run over. */
const SMOOTH_MS = 5

/**
 * Paces a sender to so much a second: bytes, as a rule. It goes into debt for a whole datagram, however large, and lets
 * nothing leave until the debt is paid: the rate holds over any time, and what leaves at once is at most {@link burst}
 * and one datagram.
 */
export class TokenBucket {
  /** Below zero after a datagram that was larger than what there was. */
  #tokens: number
  #filledAt: number

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

  #fill(): void {
    const now = this.now()
    this.#tokens = Math.min(this.burst, this.#tokens + ((now - this.#filledAt) * this.perSecond) / 1_000)
    this.#filledAt = now
  }
}
