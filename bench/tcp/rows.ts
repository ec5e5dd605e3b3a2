import type { Row } from '../row.js'

const ONE_TO_ONE = { links: 1, topics: 1, wanted: 1 }

export const rows: readonly Row[] = [
  {
    name: 'small',
    title: '100-byte messages, one to one',
    work: 'flood',
    task: { ...ONE_TO_ONE, size: 100 },
    entries: [
      { name: 'zeromq.js', contender: 'zeromq', messages: 300_000 },
      { name: 'batches()', contender: 'fanwire', manner: 'batches', messages: 6_000_000 },
      { name: 'for await', contender: 'fanwire', manner: 'one by one', messages: 4_000_000 },
      { name: 'await send()', contender: 'fanwire', manner: 'await send', messages: 4_000_000 },
      { name: 'bare pair', contender: 'bare', messages: 12_000_000 },
    ],
    targets: [
      { of: 'batches()', measure: 'rate', against: 'zeromq.js', bound: 15 },
      { of: 'batches()', measure: 'rate', against: 'bare pair', bound: 0.4 },
      { of: 'for await', measure: 'rate', against: 'zeromq.js', bound: 10 },
      { of: 'await send()', measure: 'rate', against: 'zeromq.js', bound: 8 },
    ],
  },
  {
    name: 'large',
    title: '64 KiB messages, one to one',
    work: 'flood',
    task: { ...ONE_TO_ONE, size: 65_536 },
    entries: [
      { name: 'zeromq.js', contender: 'zeromq', messages: 20_000 },
      { name: 'batches()', contender: 'fanwire', manner: 'batches', messages: 50_000 },
      { name: 'bare pair', contender: 'bare', messages: 50_000 },
    ],
    targets: [{ of: 'batches()', measure: 'rate', against: 'zeromq.js', bound: 2 }],
  },
  {
    name: 'fan-out',
    title: '100-byte messages, one to 50 links; rates are of messages delivered on all links together',
    work: 'flood',
    task: { links: 50, topics: 1, wanted: 1, size: 100 },
    entries: [
      { name: 'npm ws', contender: 'ws', messages: 6_000 },
      { name: 'batches()', contender: 'fanwire', manner: 'batches', messages: 150_000 },
      { name: 'bare pair', contender: 'bare', messages: 300_000 },
    ],
    targets: [{ of: 'batches()', measure: 'rate', against: 'npm ws', bound: 20 }],
  },
  {
    name: 'topics',
    title: '100-byte messages of 10,000 topics by turns, 50 links that want 1 % of them each; rates as for fan-out',
    work: 'flood',
    task: { links: 50, topics: 10_000, wanted: 100, size: 100 },
    entries: [{ name: 'batches()', contender: 'fanwire', manner: 'batches', messages: 6_000_000 }],
    targets: [{ of: 'batches()', measure: 'rate', bound: 3_000_000 }],
  },
  {
    name: 'round-trip',
    title: '100-byte messages, there and back, one at a time',
    work: 'ping',
    task: { ...ONE_TO_ONE, size: 100 },
    entries: [
      { name: 'zeromq.js', contender: 'zeromq', messages: 15_000 },
      { name: 'for await', contender: 'fanwire', manner: 'one by one', messages: 30_000 },
      { name: 'bare net', contender: 'bare', messages: 40_000 },
    ],
    targets: [
      { of: 'for await', measure: 'p50', against: 'bare net', bound: 1.3 },
      { of: 'for await', measure: 'p50', against: 'zeromq.js', bound: 0.4 },
    ],
  },
  {
    name: 'one-way',
    title: '100-byte messages at 10,000 a second, one to one',
    work: 'pace',
    rate: 10_000,
    task: { ...ONE_TO_ONE, size: 100 },
    entries: [
      { name: 'zeromq.js', contender: 'zeromq', messages: 15_000 },
      { name: 'for await', contender: 'fanwire', manner: 'one by one', messages: 15_000 },
      { name: 'bare net', contender: 'bare', messages: 15_000 },
    ],
    targets: [{ of: 'for await', measure: 'p99', against: 'zeromq.js', bound: 1 }],
  },
]
