/** How far behind its plan a pace may be, in milliseconds, and still catch up. */
const CATCH_UP_MS = 100

/** Spreads messages evenly over time. Timers are coarse, so that at high rates several pass together. */
export class Pace {
  readonly #intervalMs: number
  readonly #now: () => number
  #due: number

  /** @param perSecond `Infinity` for no pace at all */
  constructor(perSecond: number, now = () => performance.now()) {
    this.#intervalMs = 1_000 / perSecond
    this.#now = now
    this.#due = now()
  }

  /** Milliseconds until the next message may pass; it counts as passed. */
  next(): number {
    const now = this.#now()
    const due = Math.max(this.#due, now - CATCH_UP_MS)
    this.#due = due + this.#intervalMs
    return due - now
  }
}
