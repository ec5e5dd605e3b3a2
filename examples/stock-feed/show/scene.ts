import type { Day, Quote } from 'fanwire/itch'
import type { SentLine } from '../feed-lines.js'
import type { Happening, Play } from '../play.js'
import type { Connection, FeedReport, Passes, ViewerReport } from '../reports.js'
import { type FeedName, feedNames, type RelayName, relayNames } from '../viewers.js'
import { Rate } from './rate.js'

/** All that there is to see at one moment, in no form yet. */
export interface Scene {
  readonly elapsed: number
  /** Where the relay listens. */
  readonly url: string
  /** As the publisher has them. */
  readonly lines: readonly SentLine[]
  /** Requests for lost messages that were answered. */
  readonly answered: number
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
  readonly receivers: readonly Receiver[]
  readonly viewers: readonly Seen[]
  readonly happenings: readonly Happening[]
}

export interface Priced extends Quote {
  /** The last price as the viewer that conflates has it. */
  readonly conflated: number | null
}

export type Condition = 'starts' | 'reads' | 'catches up' | 'killed' | 'reads no more' | 'cut off' | 'done'

/** Somebody on the feed itself. */
export interface Receiver {
  readonly name: FeedName | 'relay'
  readonly condition: Extract<Condition, 'starts' | 'reads' | 'done'>
  readonly report: FeedReport | undefined
  /** Messages that came because they were asked for. */
  readonly asked: number
  /** Missing for the relay, which keeps no book. */
  readonly passes: Passes | undefined
}

/** A viewer and its link to the relay. */
export interface Seen {
  readonly name: RelayName
  readonly want: string
  readonly condition: Condition
  /** Messages taken a second. */
  readonly rate: number
  readonly report: ViewerReport | undefined
  /** The newest one, as the relay sees it. */
  readonly connection: Connection | undefined
}

/** Watches a play. */
export class Spectator {
  readonly #play: Play
  readonly #day: Day
  readonly #sending = new Rate()
  readonly #taking = new Map(relayNames.map((name) => [name, new Rate()]))

  constructor(play: Play, day: Day) {
    this.#play = play
    this.#day = day
  }

  look(): Scene {
    const { publisher, relay, elapsed, total, happenings } = this.#play
    const { pass = 0, sent = 0, lines = [], requests } = publisher?.report ?? {}
    return {
      elapsed,
      url: relay?.report?.url ?? '',
      lines,
      answered: requests?.answered ?? 0,
      pass,
      passes: this.#play.repeat,
      digest: this.#day.digest,
      sent,
      total,
      rate: this.#sending.see(sent, elapsed),
      market: this.#market(),
      receivers: [...feedNames.map((name) => this.#hear(name)), this.#hearRelay()],
      viewers: relayNames.map((name) => this.#see(name)),
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

  #hear(name: FeedName): Receiver {
    const report = this.#play.viewers.get(name)?.report
    const condition = report === undefined || report.phase === 'linking' ? 'starts' : 'reads'
    const done = report?.phase === 'ended' || report?.phase === 'closed'
    return { name, condition: done ? 'done' : condition, report, asked: askedBy(report), passes: report?.passes }
  }

  #hearRelay(): Receiver {
    const { report } = this.#play.relay ?? {}
    const { phase, received } = report ?? {}
    const condition = phase === undefined || phase === 'linking' || phase === 'waiting' ? 'starts' : 'reads'
    const done = phase === 'flushed' || phase === 'closed'
    return {
      name: 'relay',
      condition: done ? 'done' : condition,
      report: received,
      asked: askedBy(received),
      passes: undefined,
    }
  }

  #see(name: RelayName): Seen {
    const { viewers, relay, tasks, elapsed } = this.#play
    const report = viewers.get(name)?.report
    const connection = relay?.report?.connections.findLast(({ viewer }) => viewer === name)
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

  #conditionOf(name: RelayName, report: ViewerReport | undefined, connection: Connection | undefined): Condition {
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

/** How many of the messages that a line missed have come in another way. */
export function repairedOn({ ledger, lines }: FeedReport, line: number): number | undefined {
  const missed = lines[line]?.missed
  if (missed === undefined || ledger === undefined) return undefined
  return Math.max(0, missed - ledger.lost - ledger.missing)
}

/** What no line has brought came in answers. */
function askedBy(report: FeedReport | undefined): number {
  const { ledger, lines = [] } = report ?? {}
  return lines.reduce((left, { wins }) => left - wins, ledger?.received ?? 0)
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
