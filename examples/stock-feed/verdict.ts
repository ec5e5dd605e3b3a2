import { isDeepStrictEqual } from 'node:util'
import { balanceLink, balanceProducer, balanceStream, type SourceLedger } from 'fanwire'
import type { Day, Quote } from 'fanwire/itch'
import type { Ending } from './play.js'
import type { Connection, PublisherReport, ViewerReport } from './reports.js'
import { type Name, names } from './viewers.js'

/** What is printed at the end: both sides' ledgers, and every sentence in which they fail. */
export interface Verdict {
  readonly ok: boolean
  /** Of the complete viewers' orders after one pass; null where they have not one answer. */
  readonly digest: string | null
  /** What was read from the file directly. */
  readonly file: Omit<Day, 'quotes'>
  readonly repeat: number
  readonly seconds: number
  readonly publisher: Pick<PublisherReport, 'stream' | 'next' | 'ledger' | 'connections'>
  readonly viewers: Readonly<Record<Name, Life & { readonly before?: Life }>>
  readonly failures: readonly string[]
}

/** What a viewer reported last before it ended. */
export type Life = Omit<ViewerReport, 'phase' | 'market'>

/** Holds against each other what the publisher, the viewers and the file say. */
export function judge({ repeat, elapsed, publisher, viewers, before }: Ending, day: Day): Verdict {
  const { follows, returns, conflates } = viewers
  const failures = [
    ...judgePublisher(publisher),
    ...names.flatMap((name) => judgeViewer(name, viewers[name], publisher)),
    ...judgeComplete('follows', follows, day, repeat),
    ...judgeComplete('returns', returns, day, repeat),
    ...judgeNewest('conflates', conflates, day.quotes),
  ]
  const { quotes: _, ...file } = day
  const { stream, next, ledger, connections } = publisher
  const lives = names.map((name) => [name, lifeOf(viewers[name])] as const)
  return {
    ok: failures.length === 0,
    digest: follows.passes.digest === returns.passes.digest ? (follows.passes.digest ?? null) : null,
    file,
    repeat,
    seconds: Math.round(elapsed) / 1_000,
    publisher: { stream, next, ledger, connections },
    viewers: {
      ...(Object.fromEntries(lives) as Record<Name, Life>),
      returns: { ...lifeOf(returns), ...(before && { before: lifeOf(before) }) },
    },
    failures,
  }
}

function judgePublisher({ ledger, next, connections }: PublisherReport): string[] {
  return sentences('the publisher', [
    balanceProducer(ledger),
    same('accepted', ledger.accepted, 'numbers given', next - 1),
    same('refused', ledger.refused, 'what was meant to be', 0),
    ...connections.map((connection) => {
      const sentence = balanceLink(connection)
      return sentence && `${connection.viewer ?? 'a guest'} at ${connection.remote}: ${sentence}`
    }),
  ])
}

/** Both sides of every connection, and the viewer's own sums. */
function judgeViewer(name: Name, report: ViewerReport, { connections: all, next }: PublisherReport): string[] {
  const { ledger, connections, missed, resumed } = report
  if (ledger === undefined) return sentences(name, ['it has no ledger'])
  const known = all.filter(({ viewer }) => viewer === name)
  // Those of an earlier life come first, and nobody is left who could speak for them.
  const theirs = known.slice(Math.max(0, known.length - connections.length))
  const found = [
    balanceStream(ledger),
    same('first', ledger.first, 'where it began', resumed?.next ?? 1),
    same('connections here', connections.length, 'and at the publisher', theirs.length),
  ]
  const pairs = theirs.map((connection, i) => [connection, connections[i] as SourceLedger] as const)
  // The others are told when all is over, so that their last connection has nothing under way.
  const last = name === 'stops' ? undefined : pairs.pop()
  for (const pair of pairs) found.push(...judgeBroken(...pair))
  if (last !== undefined) {
    found.push(...judgeQuiet(...last))
    found.push(same('next', ledger.next, 'that of the publisher', next))
    found.push(same('missed', missed, 'declared + lost', ledger.declared + ledger.lost))
  }
  return sentences(name, found)
}

/** Nothing is under way: what one side says, the other one says, too. */
function judgeQuiet(theirs: Connection, ours: SourceLedger): (string | undefined)[] {
  const dropped = Object.values(theirs.dropped).reduce((sum, count) => sum + count, 0)
  return [
    same('handed', theirs.handed, 'received', ours.received),
    same('acknowledged there', theirs.acknowledged, 'and here', ours.acknowledged),
    same('filtered there', theirs.filtered, 'and here', ours.filtered),
    same('dropped', dropped, 'declared', ours.declared),
    same('waiting', theirs.waiting, 'what should be left', 0),
    same('in flight', theirs.inFlight, 'what should be left', 0),
  ]
}

/** The connection was cut while messages were under way: nobody can say which of them arrived, but how many left. */
function judgeBroken({ handed, acknowledged = 0 }: Connection, { received }: SourceLedger): (string | undefined)[] {
  return [
    received <= handed ? undefined : `received ≤ handed does not hold: ${received} ≤ ${handed}`,
    acknowledged <= received ? undefined : `acknowledged ≤ received does not hold: ${acknowledged} ≤ ${received}`,
  ]
}

/** Who gets every message has the file's book, once in every pass. */
function judgeComplete(name: Name, { ledger, passes, counts }: ViewerReport, day: Day, repeat: number): string[] {
  return sentences(name, [
    same('lost', ledger?.lost, 'what should be', 0),
    same('declared', ledger?.declared, 'what should be', 0),
    same('missing', ledger?.missing, 'what should be', 0),
    same('passes', passes.ended, 'those published', repeat),
    same('digest', passes.digest, 'that of the file', day.digest),
    same('passes with another digest', passes.differing, 'what should be', 0),
    isDeepStrictEqual(counts, day.counts) ? undefined : 'its book has met other things than one read from the file',
  ])
}

/** Who gets the newest of every stock has in the end what the file ends with. */
function judgeNewest(name: Name, { market }: ViewerReport, quotes: readonly Quote[]): string[] {
  const bySymbol = new Map(market.map((quote) => [quote.symbol, quote]))
  const stale = quotes.filter((quote) => !isDeepStrictEqual(bySymbol.get(quote.symbol), quote))
  return sentences(name, [
    same('stocks', bySymbol.size, 'those of the file', quotes.length),
    stale.length === 0
      ? undefined
      : `the last quotes of ${stale.map(({ symbol }) => symbol).join(', ')} are not those of the file`,
  ])
}

function same<T>(name: string, value: T, ofName: string, expected: T): string | undefined {
  return value === expected ? undefined : `${name} = ${ofName} does not hold: ${value} = ${expected}`
}

function sentences(who: string, found: readonly (string | undefined)[]): string[] {
  return found.flatMap((sentence) => (sentence === undefined ? [] : [`${who}: ${sentence}`]))
}

function lifeOf({ phase: _, market: __, ...life }: ViewerReport): Life {
  return life
}
