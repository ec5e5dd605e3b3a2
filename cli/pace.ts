import { number, type OptionRule } from '../lib/options.js'
import { readNumber } from '../lib/units.js'

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

/** `100/s`, or `100` for short: so many a second. */
export function perSecond(): OptionRule<number | undefined> {
  return { ...number(0.001, 10_000_000), read: (text) => readNumber(text.replace(/\/s$/, '')) ?? text }
}
