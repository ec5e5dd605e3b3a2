import { FanwireError } from './errors.js'
import type { Outstanding } from './outstanding.js'
import type { Platform, Timer } from './platform.js'
import type { ProducerLink } from './producer-link.js'

interface Goal {
  readonly number: number
  /** Set once everything before `number` was given to the carrier: how many messages must be out to be done. */
  given: { readonly outstanding: Outstanding; readonly count: number } | undefined
}

/**
 * Waits until everything sent before its making is handed, and acknowledged where the peer does so, or dropped. Peers that
 * have everything and live may still never acknowledge, so that its patience with them has an end, `patienceMs`.
 */
export class FlushWaiter {
  readonly #goals = new Map<ProducerLink, Goal>()
  readonly #from: number
  #stalled: ProducerLink | undefined
  #timer: Timer | undefined

  /**
   * @param patienceMs `Infinity` where the wait has another end
   * @param recheck called when {@link done} should be asked again
   */
  constructor(
    links: Iterable<ProducerLink>,
    private readonly platform: Platform,
    private readonly patienceMs: number,
    private readonly recheck: () => void,
  ) {
    for (const link of links) this.#goals.set(link, { number: link.fanout.log.next, given: undefined })
    this.#from = platform.now()
    if (patienceMs < Infinity) this.#watch(patienceMs)
  }

  /**
   * Whether nothing is left to wait for.
   *
   * @throws {FanwireError} `STALLED`
   */
  get done(): boolean {
    for (const [link, goal] of this.#goals) if (reached(link, goal)) this.#goals.delete(link)
    if (this.#stalled === undefined) return this.#goals.size === 0
    throw new FanwireError('STALLED', `${this.#stalled.remote} acknowledged nothing for ${this.patienceMs} ms`)
  }

  close(): void {
    this.#timer?.cancel()
  }

  #watch(delayMs: number): void {
    this.#timer = this.platform.timer(delayMs, () => {
      const now = this.platform.now()
      let next = this.patienceMs
      for (const [link, goal] of this.#goals) {
        // Where something is still to be given, or not yet taken, the deadlines of the link itself hold.
        if (goal.given === undefined || link.busy) continue
        const left = Math.max(link.progressAt, this.#from) + this.patienceMs - now
        if (left > 0) next = Math.min(next, left)
        else this.#stalled = link
      }
      this.#watch(next)
      this.recheck()
    })
  }
}

function reached(link: ProducerLink, goal: Goal): boolean {
  const { cursor, outstanding } = link
  if (link.state === 'closed' || cursor === undefined) return true
  if (cursor.nextWaiting < goal.number || cursor.partial !== undefined) return false
  goal.given ??= { outstanding, count: outstanding.given }
  // After a new connection nobody can say what became of what the old one was given.
  if (goal.given.outstanding !== outstanding) return true
  return (outstanding.acknowledges ? outstanding.acknowledged : outstanding.handed) >= goal.given.count
}
