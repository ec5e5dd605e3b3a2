import type { Day, Quote } from 'fanwire/itch'
import type { Happening, Play } from '../play.js'
import type { Connection, ViewerReport } from '../reports.js'
import { type Name, names } from '../viewers.js'
import { Rate } from './rate.js'

/** All that there is to see at one moment, in no form yet. */
export interface Scene {
  readonly elapsed: number
  readonly url: string
  readonly pass: number
  readonly passes: number
  /** Messages of the file sent, and how many will be. */
  readonly sent: number
  readonly total: number
  /** Messages of the file a second. */
  readonly rate: number
  /** Of the orders at the end of a pass, as they should be. */
  readonly digest: string
  /** As the viewer that follows has it, the busiest stocks first. */
  readonly market: readonly Priced[]
  readonly viewers: readonly Seen[]
  readonly happenings: readonly Happening[]
}

export interface Priced extends Quote {
  /** The last price as the viewer that conflates has it. */
  readonly conflated: number | null
}

export type Condition = 'starts' | 'reads' | 'catches up' | 'killed' | 'reads no more' | 'cut off' | 'done'

/** A viewer and its link to the publisher. */
export interface Seen {
  readonly name: Name
  readonly want: string
  readonly condition: Condition
  /** Messages taken a second. */
  readonly rate: number
  readonly report: ViewerReport | undefined
  /** The newest one, as the publisher sees it. */
  readonly connection: Connection | undefined
}

/** Watches a play. */
export class Spectator {
  readonly #play: Play
  readonly #day: Day
  readonly #sending = new Rate()
  readonly #taking = new Map(names.map((name) => [name, new Rate()]))

  constructor(play: Play, day: Day) {
    this.#play = play
    this.#day = day
  }

  look(): Scene {
    const { publisher, elapsed, total, happenings } = this.#play
    const { url = '', pass = 0, sent = 0 } = publisher?.report ?? {}
    return {
      elapsed,
      url,
      pass,
      passes: this.#play.repeat,
      digest: this.#day.digest,
      sent,
      total,
      rate: this.#sending.see(sent, elapsed),
      market: this.#market(),
      viewers: names.map((name) => this.#see(name)),
      happenings,
    }
  }

  #market(): Priced[] {
    const { viewers } = this.#play
    const newest = viewers.get('conflates')?.report?.market ?? []
    const conflated = new Map(newest.map(({ symbol, last }) => [symbol, last]))
    const market = viewers.get('follows')?.report?.market ?? []
    return market.map((quote) => ({ ...quote, conflated: conflated.get(quote.symbol) ?? null }))
  }

  #see(name: Name): Seen {
    const { viewers, publisher, tasks, elapsed } = this.#play
    const report = viewers.get(name)?.report
    const connection = publisher?.report?.connections.findLast(({ viewer }) => viewer === name)
    const rate = this.#taking.get(name)?.see(report?.taken ?? 0, elapsed) ?? 0
    return {
      name,
      want: String(tasks[name].want),
      condition: this.#conditionOf(name, report, connection),
      rate,
      report,
      connection,
    }
  }

  #conditionOf(name: Name, report: ViewerReport | undefined, connection: Connection | undefined): Condition {
    if (this.#play.viewers.get(name)?.killed) return 'killed'
    if (connection?.cut !== undefined) return 'cut off'
    switch (report?.phase) {
      case undefined:
      case 'linking':
        return 'starts'
      case 'stopped':
        return 'reads no more'
      case 'ended':
      case 'closed':
        return name === 'stops' ? 'reads no more' : 'done'
      case 'reading':
        return report.resumed !== undefined && this.#play.isBehind(name) ? 'catches up' : 'reads'
    }
  }
}

/** How many messages were dropped on their way through a connection, and why. */
export function dropsOf({ dropped }: Connection): { readonly count: number; readonly reasons: string } {
  const reasons = Object.entries(dropped).filter(([, count]) => count > 0)
  return {
    count: reasons.reduce((sum, [, count]) => sum + count, 0),
    reasons: reasons.map(([reason]) => reason).join(', '),
  }
}

/** The busiest stocks, as many as there is room for, in an order in which they can be found again. */
export function listed(market: readonly Priced[], most: number): Priced[] {
  return market.slice(0, most).sort((a, b) => (a.symbol < b.symbol ? -1 : 1))
}
