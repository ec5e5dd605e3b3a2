import type { Outstanding } from './outstanding.js'
import type { ProducerLink } from './producer-link.js'

interface Goal {
  readonly number: number
  /** Set once everything before `number` was given to the carrier: how many messages must be out to be done. */
  given: { readonly outstanding: Outstanding; readonly count: number } | undefined
}

/** Waits until everything sent before its making is handed, and acknowledged where the peer does so, or dropped. */
export class FlushWaiter {
  readonly #goals = new Map<ProducerLink, Goal>()

  constructor(links: Iterable<ProducerLink>) {
    for (const link of links) this.#goals.set(link, { number: link.fanout.log.next, given: undefined })
  }

  /** Whether nothing is left to wait for. */
  get done(): boolean {
    for (const [link, goal] of this.#goals) if (reached(link, goal)) this.#goals.delete(link)
    return this.#goals.size === 0
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
