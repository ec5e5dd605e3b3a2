import type { StreamLedger } from 'fanwire'
import type { Day, Quote } from 'fanwire/itch'
import t from 'tap'
import type { LineReport, SentLine } from '../../../examples/stock-feed/feed-lines.js'
import type { Ending } from '../../../examples/stock-feed/play.js'
import type { Connection, FeedReport, ViewerReport } from '../../../examples/stock-feed/reports.js'
import { judge } from '../../../examples/stock-feed/verdict.js'
import { type Name, relayNames } from '../../../examples/stock-feed/viewers.js'

const urls = ['multicast://239.192.1.1:1', 'multicast://239.192.1.2:2']
const dropped = { newest: 0, oldest: 0, superseded: 0, evicted: 0, stalled: 0, expired: 0, exhausted: 0 }
const unknown = { E: 0, C: 0, X: 0, D: 0, U: 0 }
const counts = { messages: 70, skipped: 0, undecodable: 0, unknown, clamped: 0, duplicates: 0, unknownTrades: 0 }
const quote: Quote = { symbol: 'ACME', bid: 1, bidShares: 1, ask: 2, askShares: 1, last: 1, volume: 10 }
const day: Day = { records: 70, truncatedAt: undefined, digest: 'd1', counts, quotes: [quote], crossed: [] }

t.test('finds nothing wrong where all is right, and shows both sides', async (t) => {
  const verdict = judge(ending(), day)
  t.strictSame(verdict.failures, [])
  t.match(verdict, {
    ok: true,
    digest: 'd1',
    file: { records: 70, digest: 'd1' },
    channel: 'multicast',
    publisher: { next: 101, ledger: { accepted: 100 }, lines: [{ lost: 2 }, { lost: 1 }] },
    relay: { next: 101, received: { ledger: { received: 100 } } },
    viewers: { drops: { missed: 20, ledger: { declared: 20 } }, returns: { before: { taken: 30 } } },
  })
  t.strictSame(
    verdict.relay.connections.map(({ viewer }) => viewer),
    ['returns', 'follows', 'conflates', 'drops', 'returns', 'stops'],
  )
})

t.test('names whatever is wrong, and whose it is', async (t) => {
  const wrong: readonly (readonly [change: (ending: Draft) => void, failure: RegExp])[] = [
    [({ publisher }) => publisher.ledger.refused++, /^the publisher: offered = accepted \+ refused does not hold/],
    [({ publisher }) => publisher.next++, /^the publisher: accepted = numbers given does not hold/],
    [({ publisher }) => line(publisher).passed++, /^the publisher: .*: offered \+ duplicated = .* 12 = 13/],
    [({ publisher }) => line(publisher).waiting++, /^the publisher: .*: waiting = what should be left .* 1 = 0/],
    [({ publisher }) => line(publisher).failed++, /^the publisher: .*: failed = what should be .* 1 = 0/],
    [({ publisher }) => line(publisher).messages--, /^the publisher: .*: messages = accepted .* 99 = 100/],
    [({ relay }) => relay.ledger.refused++, /^the relay: offered = accepted \+ refused does not hold/],
    [({ relay }) => relay.next--, /^the relay: next = that of the publisher does not hold: 100 = 101/],
    [({ relay }) => relay.received.ledger.lost++, /^the relay: next - first = .* does not hold/],
    [({ relay }) => relay.received.ledger.delivered--, /^the relay: accepted = delivered does not hold: 100 = 99/],
    [({ relay }) => line(relay.received).datagrams--, /^the relay: .*: datagrams \+ kernelDrops = .* 9 = 10/],
    [({ viewers }) => line(viewers.asks).rejected++, /^asks: .*: rejected = what should be does not hold: 1 = 0/],
    [({ viewers }) => line(viewers.asks).missed++, /^asks: .*: received - duplicates \+ missed = .* 101 = 100/],
    [({ viewers }) => line(viewers.asks).kernelDrops++, /^asks: .*: datagrams \+ kernelDrops = .* 11 = 10/],
    [
      ({ viewers }) => Object.assign(line(viewers.asks), { datagrams: 11, kernelDrops: undefined }),
      /^asks: .*: datagrams ≤ passed by the publisher does not hold: 11 ≤ 10/,
    ],
    [({ viewers }) => viewers.arbitrates.ledger.missing++, /^arbitrates: missing = what should be left .* 1 = 0/],
    [({ viewers }) => viewers.arbitrates.ledger.first++, /^arbitrates: first = where it began does not hold: 2 = 1/],
    [({ viewers }) => viewers.shrugs.ledger.received++, /^shrugs: received = brought first by a line .* 93 = 92/],
    [({ viewers }) => Object.assign(viewers.shrugs.ledger, { lost: 21 }), /^shrugs: lost ≤ missed on .* 21 ≤ 20/],
    [({ viewers }) => (viewers.shrugs.missed = 9), /^shrugs: missed ≤ lost does not hold: 9 ≤ 8/],
    [({ viewers }) => (viewers.asks.passes.digest = 'd2'), /^asks: digest = that of the file .* d2 = d1/],
    [(draft) => theirs(draft, 'stops').waiting++, /^the relay: stops at .*: considered = .* does not hold/],
    [(draft) => ledger(draft, 'stops').inboxWaiting++, /^stops: received = .* does not hold/],
    [(draft) => ours(draft, 'stops').received++, /^stops: received ≤ handed does not hold: 51 ≤ 50/],
    [(draft) => ours(draft, 'drops').received++, /^drops: handed = received does not hold: 50 = 51/],
    [(draft) => ours(draft, 'drops').filtered++, /^drops: filtered there = and here does not hold/],
    [(draft) => ours(draft, 'drops').declared--, /^drops: dropped = declared does not hold: 20 = 19/],
    [(draft) => ours(draft, 'follows').acknowledged--, /^follows: acknowledged there = and here does not hold/],
    [(draft) => draft.viewers.drops.missed--, /^drops: missed = declared \+ lost does not hold: 19 = 20/],
    [(draft) => draft.viewers.drops.connections.push(ours(draft, 'drops')), /^drops: connections here = .* 2 = 1/],
    [(draft) => ledger(draft, 'follows').first++, /^follows: first = where it began does not hold: 2 = 1/],
    [(draft) => draft.viewers.returns.resumed.next--, /^returns: first = where it began does not hold: 41 = 40/],
    [(draft) => ledger(draft, 'conflates').next--, /^conflates: next = that of the relay does not hold/],
    [(draft) => ledger(draft, 'returns').lost++, /^returns: lost = what should be does not hold: 1 = 0/],
    [({ viewers }) => viewers.follows.passes.ended--, /^follows: passes = those published does not hold: 1 = 2/],
    [({ viewers }) => viewers.follows.passes.differing++, /^follows: passes with another digest = .* 1 = 0/],
    [({ viewers }) => viewers.follows.counts.duplicates++, /^follows: its book has met other things/],
    [({ viewers }) => (viewers.returns.passes.digest = 'd2'), /^returns: digest = that of the file .* d2 = d1/],
    [
      ({ viewers }) => viewers.conflates.market.fill({ ...quote, volume: 9 } as Writable<Quote>),
      /^conflates: the last quotes of ACME are not those of the file/,
    ],
    [({ viewers }) => viewers.conflates.market.pop(), /^conflates: stocks = those of the file does not hold: 0 = 1/],
    [({ viewers }) => Reflect.deleteProperty(viewers.drops, 'ledger'), /^drops: it has no ledger/],
  ]
  for (const [change, failure] of wrong) {
    const draft = ending() as unknown as Draft
    change(draft)
    const verdict = judge(draft as unknown as Ending, day)
    t.notOk(verdict.ok)
    t.ok(
      verdict.failures.some((sentence) => failure.test(sentence)),
      `${failure} in ${verdict.failures.join(' | ')}`,
    )
  }
})

t.test('has no digest where the complete viewers disagree', async (t) => {
  const draft = ending() as unknown as Draft
  draft.viewers.returns.passes.digest = 'd2'
  t.equal(judge(draft as unknown as Ending, day).digest, null)
})

t.test('asks nothing of guests but that their sums hold', async (t) => {
  const draft = ending() as unknown as Draft
  const guest = structuredClone(theirs(draft, 'stops'))
  Reflect.deleteProperty(guest, 'viewer')
  draft.relay.connections.push({ ...guest, handed: 40, waiting: 10, acknowledged: 40 })
  t.ok(judge(draft as unknown as Ending, day).ok)
  draft.relay.connections.push({ ...guest, handed: 40 })
  t.match(judge(draft as unknown as Ending, day).failures, [/^the relay: a guest at /])
})

/** The same with all that can be spoilt. */
type Draft = Writable<Ending>
type Writable<T> = T extends readonly (infer E)[]
  ? Writable<NonNullable<E>>[]
  : T extends object
    ? { -readonly [K in keyof T]-?: Writable<NonNullable<T[K]>> }
    : T

function line<T>({ lines: [first] }: { lines: T[] }): T {
  return first as T
}

function theirs({ relay }: Draft, name: Name) {
  return relay.connections.findLast(({ viewer }) => viewer === name) as Writable<Connection>
}

function ours({ viewers }: Draft, name: Name) {
  return viewers[name].connections.at(-1) as Draft['viewers'][Name]['connections'][number]
}

function ledger({ viewers }: Draft, name: Name) {
  return viewers[name].ledger
}

/** Two passes of 70 messages in all, numbered 1 to 100 among quotes, to the viewers as they should be. */
function ending(): Ending {
  const complete = () => ({ passes: { ended: 2, digest: 'd1', differing: 0 }, counts: structuredClone(counts) })
  const viewers: Record<Name, ViewerReport> = {
    arbitrates: { ...report(1, 100, 0, 0), ...complete(), ...received([20, 10], 0) },
    asks: { ...report(1, 100, 0, 0), ...complete(), ...received([20], 0) },
    shrugs: { ...report(1, 92, 0, 0), missed: 8, ...received([20, 10], 8) },
    follows: { ...report(1, 70, 30, 0), ...complete() },
    conflates: { ...report(1, 5, 70, 25), market: [{ ...quote }] },
    drops: report(1, 50, 30, 20),
    returns: { ...report(41, 40, 20, 0), ...complete(), resumed: { stream: 'S', run: 1, next: 41 } },
    stops: report(1, 50, 30, 0),
  }
  const lives = relayNames.map((name) => connection(name, viewers[name]))
  const cut = { ...connection('stops', viewers.stops), considered: 100, dropped: { ...dropped, exhausted: 20 } }
  return structuredClone({
    repeat: 2,
    elapsed: 1_234.5678,
    channel: 'multicast',
    publisher: {
      phase: 'closed',
      stream: 'F',
      next: 101,
      pass: 2,
      sent: 70,
      ledger: { offered: 100, accepted: 100, refused: 0, unheard: 0 },
      lines: urls.map((url, i) => sent(url, 2 - i)),
      requests: { answered: 5, refused: {} },
    },
    relay: {
      phase: 'closed',
      url: 'tcp://127.0.0.1:1',
      stream: 'S',
      next: 101,
      ledger: { offered: 100, accepted: 100, refused: 0, unheard: 0 },
      stretched: false,
      received: received([20, 10], 0),
      // The first life of the viewer that returns took more than anybody lives to tell.
      connections: [connection('returns', report(1, 45, 10, 0)), ...lives.slice(0, -1), cut],
    },
    viewers,
    before: report(1, 30, 10, 0),
  } satisfies Ending)
}

/** Twelve datagrams with a hundred messages, of which some are lost and one comes twice. */
function sent(url: string, lost: number): SentLine {
  const rest = { duplicated: 1, reordered: 1, waiting: 0, failed: 0, messages: 100 }
  return { url, offered: 11, lost, passed: 12 - lost, ...rest }
}

/** From lines that missed so many messages. Half of what line A missed was missed on all lines. */
function received(missed: readonly number[], lost: number): FeedReport {
  const brought = missed.length === 1 ? 80 : 92
  const lines = missed.map(
    (missed, i): LineReport => ({
      url: urls[i] as string,
      datagrams: 10 + i,
      kernelDrops: 0,
      rejected: 0,
      received: 100 - missed + 5,
      missed,
      duplicates: 5,
      wins: i === 0 ? brought : 0,
    }),
  )
  return { ledger: { ...ledgerOf(1, 100 - lost, 0, 0), next: 101, lost }, lines }
}

function report(first: number, received: number, filtered: number, declared: number): ViewerReport {
  return {
    phase: 'closed',
    taken: received,
    missed: declared,
    passes: { ended: 0, differing: 0 },
    market: [],
    ledger: ledgerOf(first, received, filtered, declared),
    lines: [],
    connections: [{ received, filtered, declared, acknowledged: received }],
  }
}

function ledgerOf(first: number, received: number, filtered: number, declared: number): StreamLedger {
  return {
    first,
    next: first + received + filtered + declared,
    received,
    filtered,
    declared,
    missing: 0,
    lost: 0,
    delivered: received,
    unwanted: 0,
    inboxDropped: 0,
    inboxWaiting: 0,
    undecodable: 0,
    duplicates: 0,
    late: 0,
  }
}

function connection(viewer: Name, { connections: [ours] }: ViewerReport): Connection {
  const { received = 0, filtered = 0, declared = 0 } = ours ?? {}
  return {
    viewer,
    remote: 'tcp://127.0.0.1:2',
    state: 'closed',
    considered: received + filtered + declared,
    filtered,
    dropped: { ...dropped, newest: declared },
    waiting: 0,
    inFlight: 0,
    handed: received,
    acknowledged: received,
    unknown: 0,
  }
}
