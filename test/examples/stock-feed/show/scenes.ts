import type { Connection, ViewerReport } from '../../../../examples/stock-feed/reports.js'
import type { Receiver, Scene, Seen } from '../../../../examples/stock-feed/show/scene.js'

const dropped = { newest: 0, oldest: 0, superseded: 0, evicted: 0, stalled: 0, expired: 0, exhausted: 0 }
const nothing = { missing: 0, lost: 0, unwanted: 0, inboxDropped: 0, undecodable: 0, duplicates: 0, late: 0 }

const connection: Connection = {
  viewer: 'follows',
  remote: 'tcp://127.0.0.1:40001',
  state: 'open',
  considered: 702_921,
  filtered: 222_360,
  dropped,
  waiting: 61,
  inFlight: 0,
  handed: 480_500,
  acknowledged: 480_400,
}

const report: ViewerReport = {
  phase: 'reading',
  taken: 480_000,
  missed: 0,
  passes: { ended: 39, digest: 'd1', differing: 0 },
  market: [],
  lines: [],
  ledger: {
    first: 1,
    next: 702_700,
    received: 480_400,
    filtered: 222_299,
    declared: 0,
    delivered: 480_400,
    inboxWaiting: 0,
    ...nothing,
  },
  connections: [],
}

const seen: Seen = { name: 'follows', want: 'backpressure:30s', condition: 'reads', rate: 40_012, report, connection }

const line = { datagrams: 33_201, kernelDrops: 0, rejected: 0, received: 666_000, duplicates: 700, wins: 660_000 }
const ledger = { ...report.ledger, received: 702_699, filtered: 0 } as NonNullable<ViewerReport['ledger']>

const receiver: Receiver = {
  name: 'arbitrates',
  condition: 'reads',
  asked: 1_717,
  passes: report.passes,
  report: {
    ledger,
    lines: [
      { ...line, url: 'multicast://239.192.7.1:40001', missed: 35_101 },
      { ...line, url: 'multicast://239.192.7.2:40002', missed: 34_987 },
    ],
  },
}

const [lineA] = receiver.report?.lines ?? []

/** A moment near the end of a day, in which everybody shows something else. */
export const scene: Scene = {
  elapsed: 12_345,
  url: 'tcp://127.0.0.1:40000',
  lines: ['multicast://239.192.7.1:40001', 'multicast://239.192.7.2:40002'].map((url) => ({
    url,
    messages: 702_699,
    offered: 34_980,
    lost: 1_745,
    duplicated: 698,
    reordered: 702,
    passed: 33_933,
    waiting: 0,
    failed: 0,
  })),
  answered: 1_345,
  pass: 40,
  passes: 40,
  sent: 480_000,
  total: 480_480,
  rate: 40_012,
  digest: 'd1',
  market: [
    { ...quote('BOB', 6_9667, 5_3417, 6_0833, 579_962), conflated: 6_0800 },
    { ...quote('ALC', 27_0600, 28_0000, 23_1000, 95_822), conflated: null },
    { ...quote('CHAR', null, 19_5750, null, 0), conflated: null },
  ],
  receivers: [
    receiver,
    { ...receiver, name: 'asks', asked: 35_101, report: { ledger, lines: lineA ? [lineA] : [] } },
    {
      ...receiver,
      name: 'shrugs',
      asked: 0,
      report: { ledger: { ...ledger, received: 700_946, lost: 1_753 }, lines: receiver.report?.lines ?? [] },
    },
    { name: 'relay', condition: 'starts', asked: 0, passes: undefined, report: undefined },
  ],
  viewers: [
    seen,
    {
      ...seen,
      name: 'conflates',
      want: 'drop:latest-per-topic',
      report: { ...report, missed: 203_415 },
      connection: { ...connection, dropped: { ...dropped, superseded: 203_415 } },
    },
    {
      ...seen,
      name: 'drops',
      want: 'drop:newest:1000',
      report: { ...report, missed: 374_631 },
      connection: { ...connection, dropped: { ...dropped, newest: 374_631 } },
    },
    { ...seen, name: 'returns', condition: 'starts', report: undefined, connection: undefined },
    { ...seen, name: 'stops', want: 'buffer:100000', condition: 'cut off', rate: 0 },
  ],
  happenings: Array.from({ length: 9 }, (_, i) => ({ at: 1_000 * i, who: 'stops', what: `does thing ${i}` })),
}

function quote(symbol: string, bid: number | null, ask: number, last: number | null, volume: number) {
  return { symbol, bid, bidShares: bid === null ? 0 : 100, ask, askShares: 1_900, last, volume }
}
