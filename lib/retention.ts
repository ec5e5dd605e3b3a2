import type { Log } from './log.js'

/** How much of the past stays for those who come later. Bounds that are not given do not bind. */
export interface RetainedPast {
  readonly messages?: number | undefined
  readonly bytes?: number | undefined
  readonly ageMs?: number | undefined
}

/** Where in the log the retained past begins. */
export class Retention {
  /** The newest message of every topic is kept, whatever its age. */
  readonly latest: boolean
  readonly #isGiven: boolean
  #past: RetainedPast | undefined

  constructor(retain: RetainedPast | 'latest-per-topic' | undefined) {
    this.latest = retain === 'latest-per-topic'
    this.#isGiven = retain !== undefined
    // The tightest bound holds, and below none of something there is nothing.
    const past = retain === 'latest-per-topic' || Object.values(retain ?? {}).includes(0) ? undefined : retain
    this.#past = past
  }

  /** Keeps so many bytes where nothing was said. */
  retain(bytes: number): void {
    if (!this.#isGiven) this.#past = { bytes }
  }

  /** Nothing is kept once every link has it. */
  get nothing(): boolean {
    return this.#past === undefined && !this.latest
  }

  /** The number of the oldest message to retain. Age is told by the slab: its messages leave together. */
  start(log: Log, now: number): number {
    const past = this.#past
    if (past === undefined) return log.next
    let start = log.start
    if (past.messages !== undefined) start = Math.max(start, log.next - past.messages)
    if (past.bytes !== undefined) start = Math.max(start, withinBytes(log, past.bytes))
    if (past.ageMs !== undefined) {
      const young = log.slabs.find((slab) => slab.closedAt >= now - (past.ageMs as number))
      start = Math.max(start, young?.first ?? log.next)
    }
    return start
  }
}

/** The oldest number from which on the log has at most `limit` bytes. */
function withinBytes(log: Log, limit: number): number {
  const least = log.bytes - limit
  const slab = log.slabs.find(({ origin, used }) => origin + used > least)
  if (slab === undefined) return log.next
  if (slab.origin >= least) return slab.first
  const index = slab.indexWithin(least - slab.origin)
  return slab.first + (slab.origin + slab.startOf(index) < least ? index + 1 : index)
}
