import { type Test, test } from 'tap'
import {
  balanceLink,
  balanceProducer,
  balanceStream,
  type Consumer,
  createConsumer,
  createProducer,
  type Gap,
  type Message,
  type Producer,
  type ProducerLinkLedger,
} from '../../lib/index.js'
import { Cutter } from '../support/cutter.js'

const COUNT = 1_000_000
const CUTS = 100
/** What is sent from one cut to the next; what is left over follows the last one. */
const ROUND = 9_990
const BYTES = 32
/** The most that a cut waits for, so that it comes while the round lasts. */
const LATEST_CUT = ROUND * BYTES * 0.9
/** Messages that leave in one turn. */
const TURN = 500

interface Run {
  readonly producer: Producer
  readonly consumer: Consumer
  readonly seen: Seen
  readonly gaps: readonly Gap[]
  readonly links: readonly ProducerLinkLedger[]
}

test('100 cuts during 1,000,000 messages of a producer that retains them: each arrives once, in order', async (t) => {
  const { producer, consumer, seen, gaps, links } = await run(t, { retain: `${COUNT}` })
  t.equal(links.length, CUTS, 'links that were cut')
  t.strictSame(seen, { messages: COUNT, missed: 0, wrong: [], holes: [] })
  t.strictSame(gaps, [])
  const [stream, ...others] = consumer.stats().streams
  t.strictSame(others, [])
  t.match(stream, { first: 1, next: COUNT + 1, received: COUNT, delivered: COUNT, lost: 0, declared: 0, duplicates: 0 })
  t.equal(producer.stats().accepted, COUNT)
})

test('100 cuts during 1,000,000 messages of a producer that retains nothing: every gap is exact', async (t) => {
  const { producer, consumer, seen, gaps, links } = await run(t, {})
  t.equal(links.length, CUTS, 'links that were cut')
  const [stream, ...others] = consumer.stats().streams
  t.strictSame(others, [])
  if (stream === undefined) return
  const { first, next, received, lost, declared, filtered, missing, duplicates } = stream
  t.strictSame(
    { first, next, filtered, missing, duplicates },
    { first: 1, next: COUNT + 1, filtered: 0, missing: 0, duplicates: 0 },
  )
  t.ok(lost > 0, 'cuts cost something')
  t.equal(received + lost + declared, next - first)
  t.equal(seen.messages, received)
  t.equal(seen.missed, lost + declared, 'the messages say what was missed before them')
  t.strictSame(seen.wrong, [])
  const settled = gaps.filter(({ state }) => state === 'lost' || state === 'dropped')
  t.strictSame(merge(settled), seen.holes, 'what is announced is what is not there')
  t.equal(
    settled.reduce((sum, { missing }) => sum + missing, 0),
    lost + declared,
  )
  const { accepted } = producer.stats()
  t.equal(accepted, COUNT)
  t.comment(`${lost} of ${COUNT} lost in ${seen.holes.length} gaps`)
})

/** Sends a million messages through a proxy that cuts the connection in every round. */
async function run(t: Test, options: { readonly retain?: `${number}` }): Promise<Run> {
  const producer = await createProducer('tcp://127.0.0.1:0', { ...options, memory: { bytes: 2 ** 27 } })
  const cutter = await Cutter.open(producer.urls[0] as string)
  const consumer = await createConsumer(`${cutter.url}?reconnectMinMs=1&reconnectMaxMs=5`)
  t.teardown(() => Promise.all([producer.close({ drainMs: 0 }), consumer.close(), cutter.close()]))
  const gaps: Gap[] = []
  const links: ProducerLinkLedger[] = []
  const unbalanced: string[] = []
  consumer.on('gap', (gap) => gaps.push(gap))
  producer.on('unlink', (link) => links.push(link.ledger()))
  const random = randomNumbers(7)
  const seen = readAll(consumer)
  const began = performance.now()
  await Promise.all([producer.linked(), consumer.linked()])

  let number = 1
  for (let cut = 1; cut <= CUTS; cut++) {
    const isCut = cutter.cutAfter(1 + Math.floor(random() * LATEST_CUT))
    const returns = linkedAgain(producer, consumer)
    number = await send(producer, number, ROUND)
    await isCut
    await returns
    unbalanced.push(...imbalance(producer, consumer))
  }
  await send(producer, number, COUNT + 1 - number)
  const result = await seen
  unbalanced.push(...imbalance(producer, consumer), ...links.flatMap((ledger) => balanceLink(ledger) ?? []))
  t.strictSame(unbalanced, [], 'every sum held')
  t.comment(`${((performance.now() - began) / 1_000).toFixed(1)} s`)
  return { producer, consumer, seen: result, gaps, links }
}

async function send(producer: Producer, first: number, count: number): Promise<number> {
  const data = Buffer.alloc(BYTES)
  for (let number = first; number < first + count; number++) {
    data.writeUInt32BE(number)
    await producer.send('cuts', data)
    if (number % TURN === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return first + count
}

/** Events rather than states: an end may not have noticed yet that it lost the other. */
async function linkedAgain(producer: Producer, consumer: Consumer): Promise<void> {
  await Promise.all([
    new Promise<void>((resolve) => producer.once('link', () => resolve())),
    new Promise<void>((resolve) => consumer.once('link', () => resolve())),
  ])
}

interface Seen {
  messages: number
  missed: number
  /** Messages that are not what their number says, or not where it belongs. */
  readonly wrong: string[]
  /** Numbers that did not come: from inclusive, to exclusive. */
  readonly holes: (readonly [from: number, to: number])[]
}

async function readAll(consumer: Consumer): Promise<Seen> {
  const seen: Seen = { messages: 0, missed: 0, wrong: [], holes: [] }
  let next = 1
  for await (const batch of consumer.batches()) {
    for (const message of batch) {
      const { sequence = 0, missed } = message
      if (sequence !== next + missed || sequence !== numberOf(message)) {
        seen.wrong.push(`number ${sequence}, data ${numberOf(message)}, missed ${missed}, expected ${next}`)
      }
      if (sequence > next) seen.holes.push([next, sequence])
      next = sequence + 1
      seen.messages++
      seen.missed += missed
    }
    if (next > COUNT) break
  }
  return seen
}

function numberOf({ data }: Message): number {
  return new DataView(data.buffer, data.byteOffset).getUint32(0)
}

function imbalance(producer: Producer, consumer: Consumer): string[] {
  const stats = producer.stats()
  const sums = [balanceProducer(stats), ...stats.links.map(balanceLink), ...consumer.stats().streams.map(balanceStream)]
  return sums.flatMap((sentence) => sentence ?? [])
}

/** Neighbours in one. */
function merge(gaps: readonly Gap[]): (readonly [number, number])[] {
  const merged: (readonly [number, number])[] = []
  for (const { from, to } of [...gaps].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last?.[1] === from) merged[merged.length - 1] = [last[0], to]
    else merged.push([from, to])
  }
  return merged
}

/** Lehmer's generator, so that a run can be had again. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
