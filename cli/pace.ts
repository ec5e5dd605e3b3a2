/** How far behind its plan a pace may be, in milliseconds, and still catch up. */
const CATCH_UP_MS = 100

/** Spreads calls evenly over time. Timers are coarse, so that at high rates several calls pass together. */
export class Pace {
  readonly #intervalMs: number
  #due: number | undefined

  constructor(
    perSecond: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#intervalMs = 1_000 / perSecond
  }

  /** Milliseconds until the next call may pass; it counts as passed. */
  next(): number {
    const now = this.now()
    const due = Math.max(this.#due ?? now, now - CATCH_UP_MS)
    this.#due = due + this.#intervalMs
    return Math.max(0, due - now)
  }
}
