import type { Row } from '../row.js'

const ONE_TO_ONE = { links: 1, topics: 1, wanted: 1, size: 100 }

export const rows: readonly Row[] = [
  {
    name: 'multicast',
    title: '100-byte messages over multicast on loopback, as many in a packet as fit 1,472 bytes',
    work: 'flood',
    lossy: true,
    task: ONE_TO_ONE,
    entries: entriesFor('multicast'),
    targets: [
      { of: 'batches()', measure: 'rate', bound: 1_000_000 },
      { of: 'batches()', measure: 'lost', bound: 0 },
      { of: 'batches()', measure: 'rate', against: 'bare pair', bound: 0.6 },
      { of: 'paced 1.1 M/s', measure: 'rate', bound: 1_000_000 },
      { of: 'paced 1.1 M/s', measure: 'lost', bound: 0 },
    ],
  },
  {
    name: 'unicast',
    title: 'the same over udp',
    work: 'flood',
    lossy: true,
    task: ONE_TO_ONE,
    entries: entriesFor('unicast'),
    targets: [
      { of: 'batches()', measure: 'rate', against: 'bare pair', bound: 0.6 },
      { of: 'batches()', measure: 'lost', bound: 0 },
    ],
  },
  {
    name: 'itch',
    title: 'ITCH messages of the sample file, every field that is a number read from where it lies',
    work: 'alone',
    task: ONE_TO_ONE,
    entries: [{ name: 'layouts', contender: 'itch', messages: 40_000_000 }],
    targets: [{ of: 'layouts', measure: 'rate', bound: 15_000_000 }],
  },
  {
    name: 'arbitration',
    title: '100-byte messages in packets of two lines, from the packet to the loop that takes them, without sockets',
    work: 'alone',
    task: ONE_TO_ONE,
    entries: [
      { name: 'whole lines', contender: 'arbitration', messages: 5_000_000 },
      { name: 'lossy lines', contender: 'arbitration', manner: 'lossy', messages: 5_000_000 },
    ],
    targets: [
      { of: 'whole lines', measure: 'ns', bound: 500 },
      { of: 'lossy lines', measure: 'ns', bound: 500 },
    ],
  },
]

function entriesFor(manner: string): Row['entries'] {
  const paced = [
    ['paced 0.6 M/s', 600_000],
    ['paced 0.8 M/s', 800_000],
    ['paced 1.1 M/s', 1_100_000],
  ] as const
  return [
    { name: 'batches()', contender: 'fanwire', manner, messages: 2_000_000 },
    { name: 'bare pair', contender: 'bare', manner, messages: 3_000_000 },
    // Two seconds each.
    ...paced.map(([name, rate]) => ({ name, contender: 'fanwire', manner, rate, messages: 2 * rate })),
  ]
}
