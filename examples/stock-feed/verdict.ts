import { isDeepStrictEqual } from 'node:util'
import { balanceLink, balanceProducer, balanceStream, type SourceLedger } from 'fanwire'
import type { Day, Quote } from 'fanwire/itch'
import type { Ending } from './play.js'
import type { Connection, FeedReport, PublisherReport, RelayReport, ViewerReport } from './reports.js'
import { feedNames, type Name, names, type RelayName, relayNames } from './viewers.js'

/** What is printed at the end: both sides' ledgers, and every sentence in which they fail. */
export interface Verdict {
  readonly ok: boolean
  /** Of the complete viewers' orders after one pass; null where they have not one answer. */
  readonly digest: string | null
  /** What was read from the file directly. */
  readonly file: Omit<Day, 'quotes'>
  readonly repeat: number
  readonly seconds: number
  readonly channel: Ending['channel']
  readonly publisher: Pick<PublisherReport, 'stream' | 'next' | 'ledger' | 'lines' | 'requests'>
  readonly relay: Pick<RelayReport, 'stream' | 'next' | 'ledger' | 'connections' | 'received'>
  readonly viewers: Readonly<Record<Name, Life & { readonly before?: Life }>>
  readonly failures: readonly string[]
}

/** What a viewer reported last before it ended. */
export type Life = Omit<ViewerReport, 'phase' | 'market'>

/** Who must have every message. */
const complete = ['arbitrates', 'asks', 'follows', 'returns'] as const

/** Holds against each other what the publisher, the relay, the viewers and the file say. */
export function judge({ repeat, elapsed, channel, publisher, relay, viewers, before }: Ending, day: Day): Verdict {
  const failures = [
    ...judgePublisher(publisher),
    ...judgeReceiver('the relay', relay.received, publisher),
    ...judgeRelay(relay, publisher),
    ...feedNames.flatMap((name) => judgeReceiver(name, viewers[name], publisher)),
    ...relayNames.flatMap((name) => judgeViewer(name, viewers[name], relay)),
    ...judgeForgoer('shrugs', viewers.shrugs),
    ...complete.flatMap((name) => judgeComplete(name, viewers[name], day, repeat)),
    ...judgeNewest('conflates', viewers.conflates, day.quotes),
  ]
  const { quotes: _, ...file } = day
  const digests = new Set(complete.map((name) => viewers[name].passes.digest))
  const { phase: __, pass: ___, sent: ____, ...published } = publisher
  const { stream, next, ledger, connections, received } = relay
  const lives = names.map((name) => [name, lifeOf(viewers[name])] as const)
  return {
    ok: failures.length === 0,
    digest: digests.size === 1 ? (viewers.arbitrates.passes.digest ?? null) : null,
    file,
    repeat,
    seconds: Math.round(elapsed) / 1_000,
    channel,
    publisher: published,
    relay: { stream, next, ledger, connections, received },
    viewers: {
      ...(Object.fromEntries(lives) as Record<Name, Life>),
      returns: { ...lifeOf(viewers.returns), ...(before && { before: lifeOf(before) }) },
    },
    failures,
  }
}

/** Its own sums, and what became of the datagrams of every line. */
function judgePublisher({ ledger, next, lines }: PublisherReport): string[] {
  return sentences('the publisher', [
    ...judgeSender(ledger, next),
    ...lines.flatMap(({ url, offered, duplicated, lost, passed, waiting, failed, messages }) => [
      same(`${url}: offered + duplicated`, offered + duplicated, 'lost + passed', lost + passed),
      same(`${url}: waiting`, waiting, 'what should be left', 0),
      same(`${url}: failed`, failed, 'what should be', 0),
      same(`${url}: messages`, messages, 'accepted', ledger.accepted),
    ]),
  ])
}

function judgeRelay({ ledger, next, connections, received }: RelayReport, publisher: PublisherReport): string[] {
  return sentences('the relay', [
    ...judgeSender(ledger, next),
    same('accepted', ledger.accepted, 'delivered', received.ledger?.delivered),
    same('lost', received.ledger?.lost, 'what should be', 0),
    same('next', next, 'that of the publisher', publisher.next),
    ...connections.map((connection) => {
      const sentence = balanceLink(connection)
      return sentence && `${connection.viewer ?? 'a guest'} at ${connection.remote}: ${sentence}`
    }),
  ])
}

function judgeSender(ledger: PublisherReport['ledger'], next: number): (string | undefined)[] {
  return [
    balanceProducer(ledger),
    same('accepted', ledger.accepted, 'numbers given', next - 1),
    same('refused', ledger.refused, 'what was meant to be', 0),
  ]
}

/** Somebody on the feed: its own sums, and both sides of every line that it hears. */
function judgeReceiver(who: string, { ledger, lines }: FeedReport, publisher: PublisherReport): string[] {
  if (ledger === undefined) return sentences(who, ['it has no ledger'])
  const span = ledger.next - ledger.first
  const sent = new Map(publisher.lines.map(({ url, passed }) => [url, passed]))
  return sentences(who, [
    balanceStream(ledger),
    same('first', ledger.first, 'where it began', 1),
    same('next', ledger.next, 'that of the publisher', publisher.next),
    same('missing', ledger.missing, 'what should be left', 0),
    ...lines.flatMap(({ url, datagrams, kernelDrops, rejected, received, duplicates, missed }) => [
      same(`${url}: received - duplicates + missed`, received - duplicates + missed, 'next - first', span),
      same(`${url}: rejected`, rejected, 'what should be', 0),
      kernelDrops === undefined
        ? atMost(`${url}: datagrams`, datagrams, 'passed by the publisher', sent.get(url) ?? 0)
        : same(`${url}: datagrams + kernelDrops`, datagrams + kernelDrops, 'passed by the publisher', sent.get(url)),
      atMost('lost', ledger.lost, `missed on ${url}`, missed),
    ]),
  ])
}

/** Who asks for nothing has what its lines brought, and nothing else. */
function judgeForgoer(name: Name, { ledger, lines, missed }: ViewerReport): string[] {
  const brought = lines.reduce((sum, { wins }) => sum + wins, 0)
  return sentences(name, [
    same('received', ledger?.received, 'brought first by a line', brought),
    atMost('missed', missed, 'lost', ledger?.lost ?? 0),
  ])
}

/** Both sides of every connection, and the viewer's own sums. */
function judgeViewer(name: RelayName, report: ViewerReport, { connections: all, next }: RelayReport): string[] {
  const { ledger, connections, missed, resumed } = report
  if (ledger === undefined) return sentences(name, ['it has no ledger'])
  const known = all.filter(({ viewer }) => viewer === name)
  // Those of an earlier life come first, and nobody is left who could speak for them.
  const theirs = known.slice(Math.max(0, known.length - connections.length))
  const found = [
    balanceStream(ledger),
    same('first', ledger.first, 'where it began', resumed?.next ?? 1),
    same('connections here', connections.length, 'and at the relay', theirs.length),
  ]
  const pairs = theirs.map((connection, i) => [connection, connections[i] as SourceLedger] as const)
  // The others are told when all is over, so that their last connection has nothing under way.
  const last = name === 'stops' ? undefined : pairs.pop()
  for (const pair of pairs) found.push(...judgeBroken(...pair))
  if (last !== undefined) {
    found.push(...judgeQuiet(...last))
    found.push(same('next', ledger.next, 'that of the relay', next))
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
  return [atMost('received', received, 'handed', handed), atMost('acknowledged', acknowledged, 'received', received)]
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

function atMost(name: string, value: number, ofName: string, most: number): string | undefined {
  return value <= most ? undefined : `${name} ≤ ${ofName} does not hold: ${value} ≤ ${most}`
}

function sentences(who: string, found: readonly (string | undefined)[]): string[] {
  return found.flatMap((sentence) => (sentence === undefined ? [] : [`${who}: ${sentence}`]))
}

function lifeOf({ phase: _, market: __, ...life }: ViewerReport): Life {
  return life
}
