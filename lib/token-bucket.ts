/** A timer of a busy event loop may be this late; what a bucket gained by then must not run over. */
const SMOOTH_MS = 5

/**
 * Paces a sender to so many bytes a second. It goes into debt for a whole datagram, however large, and waits until the
 * debt is paid: the rate is exact over any time, and no burst exceeds {@link burstBytes} by more than one datagram.
 */
export class TokenBucket {
  /** What may leave at once after a pause: 5 ms worth, so that timers of 1 ms can keep up with 1 Gbit/s and beyond. */
  readonly burstBytes: number
  /** Below zero after a datagram that was larger than what there was. */
  #tokens: number
  #filled: number

  constructor(
    readonly bytesPerSecond: number,
    private readonly now: () => number,
  ) {
    this.burstBytes = (bytesPerSecond * SMOOTH_MS) / 1_000
    this.#tokens = this.burstBytes
    this.#filled = now()
  }

  /** Milliseconds until something may leave; 0 when it may now. */
  get waitMs(): number {
    this.#fill()
    return this.#tokens > 0 ? 0 : ((1 - this.#tokens) * 1_000) / this.bytesPerSecond
  }

  /** Notes that `bytes` have left. */
  take(bytes: number): void {
    this.#fill()
    this.#tokens -= bytes
  }

  #fill(): void {
    const now = this.now()
    this.#tokens = Math.min(this.burstBytes, this.#tokens + ((now - this.#filled) * this.bytesPerSecond) / 1_000)
    this.#filled = now
  }
}
