import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import { test } from 'tap'
import {
  balanceLink,
  balanceStream,
  type Consumer,
  createConsumer,
  createProducer,
  type OverflowText,
  type Producer,
  type ProducerLinkLedger,
  type StreamLedger,
} from '../../../lib/index.js'
import { countDropped } from '../../../lib/ledger.js'

/**
 * However a connection between two of our own ends, the ledgers of both sides say the same of it as far as they can: what
 * has arrived was given to the carrier, and what was acknowledged has arrived. Where the producer says goodbye, all that it
 * had given arrives, and what is `handed` is neither more nor less than what was received.
 */

/** Nobody comes back: a ledger is of one connection. */
const NEVER = 'reconnectMinMs=1h&reconnectMaxMs=1h'

/** Who ends the connection, and how. The system's resets lose what is under way. */
const ends = {
  'the producer closes': ({ producer }) => producer.close({ drainMs: 20 }),
  'the producer closes the link': ({ producer }) => producer.links[0]?.close(),
  'the producer cuts the link': ({ producer }) => producer.links[0]?.close(new Error('cut')),
  'the consumer closes': ({ consumer }) => consumer.close(),
  'the consumer closes the link': ({ consumer }) => consumer.links[0]?.close(),
  'the producer’s system resets': ({ sockets, dialler }) => sockets[dialler === 'producer' ? 0 : 1]?.resetAndDestroy(),
  'the consumer’s system resets': ({ sockets, dialler }) => sockets[dialler === 'producer' ? 1 : 0]?.resetAndDestroy(),
} satisfies Record<string, (connection: Connection) => unknown>

type End = keyof typeof ends
/** Who has said goodbye waits so long, and no longer, for the peer to take the rest. */
const LINGER_MS = 1_000
const GOODBYES: readonly End[] = ['the producer closes', 'the producer closes the link']

interface Connection {
  readonly dialler: 'producer' | 'consumer'
  readonly producer: Producer
  readonly consumer: Consumer
  /** The one that dialled, and the one that was accepted. */
  readonly sockets: readonly Socket[]
}

const course = fc.record({
  dialler: fc.constantFrom('producer' as const, 'consumer' as const),
  overflow: fc.constantFrom<OverflowText>(
    'backpressure',
    'buffer:60MiB',
    'buffer:30:drop',
    'drop:newest:30',
    'drop:oldest:30',
    'drop:latest-per-topic',
  ),
  inbox: fc.constantFrom<OverflowText>('buffer:1GiB', 'backpressure:20', 'drop:newest:20'),
  prefixes: fc.uniqueArray(fc.constantFrom('', 'a', 'b', 'x'), { minLength: 1 }),
  /** The application reads from the beginning, or once the producer has heard of the end. */
  reads: fc.boolean(),
  /** Turns of the event loop that it takes over every batch. */
  works: fc.constantFrom(0, 1, 5),
  /** From what lies in one piece of what the system delivers to more than it holds for a peer that does not read. */
  topics: fc.array(fc.constantFrom('a', 'a.b', 'b', 'c'), { minLength: 1, maxLength: 1_000, size: 'max' }),
  size: fc.constantFrom(4, 200, 2_000, 30_000),
  /** How many are sent in a turn. */
  turn: fc.integer({ min: 1, max: 300 }),
  end: fc.constantFrom(...(Object.keys(ends) as End[])),
  /** The end comes when all has been handed out, or in the middle of it. */
  flushes: fc.boolean(),
})
type Course = typeof course extends fc.Arbitrary<infer C> ? C : never

test('the ledgers of both ends agree on what went through a connection, however it ended', async (t) => {
  const met = new Map<End, number>()
  await fc.assert(
    fc.asyncProperty(course, async (one) => {
      const { before, ledger, stream, tookMs, wrong } = await run(one)
      met.set(one.end, (met.get(one.end) ?? 0) + 1)
      const goodbye = GOODBYES.includes(one.end) && tookMs < LINGER_MS
      const problem = wrong[0] ?? disagreement(ledger, stream, goodbye)
      if (one.end === 'the producer’s system resets' && ledger.handed !== before?.handed) {
        throw new Error(`a socket that was gone has taken more than ${before?.handed}: ${JSON.stringify(ledger)}`)
      }
      if (problem !== undefined) throw new Error(`${problem}: ${JSON.stringify({ ledger, stream })}`)
    }),
    {
      numRuns: Number(process.env.FC_RUNS ?? 50),
      seed: Number(process.env.FC_SEED ?? 20260201),
      endOnFailure: true,
      includeErrorInReport: true,
    },
  )
  for (const end of Object.keys(ends) as End[]) t.ok(met.get(end), end)
})

/** What is wrong between the ledger of a producer's link and that of the stream that its consumer has seen. */
function disagreement(ledger: ProducerLinkLedger, stream: StreamLedger, goodbye: boolean): string | undefined {
  const sums = balanceLink(ledger) ?? balanceStream(stream)
  if (sums !== undefined) return sums
  const { considered, filtered, inFlight, handed, acknowledged = 0, unknown } = ledger
  const dropped = countDropped(ledger.dropped)
  const { received, declared, missing, lost } = stream
  const given = handed + inFlight
  if (missing + lost > 0) return 'there are gaps in a single connection'
  if (received > given) return 'more was received than given'
  if (acknowledged > received) return 'more was acknowledged than received'
  if (unknown !== given - acknowledged) return 'unknown is not what was given and not acknowledged'
  if (stream.filtered > filtered) return 'more came as filtered than was'
  if (declared > dropped) return 'more was declared dropped than was'
  if (stream.next - stream.first > considered) return 'more was seen than considered'
  if (goodbye && received !== given) return 'not all that was given arrived before the goodbye'
  return undefined
}

async function run({ dialler, overflow, inbox, prefixes, reads, works, topics, size, turn, end, flushes }: Course) {
  const sockets: Socket[] = []
  const wrong: string[] = []
  const note = (place: number) => (message: unknown) => {
    sockets[place] = (message as { readonly socket: Socket }).socket
  }
  const [dialled, accepted] = [note(0), note(1)]
  subscribe('net.client.socket', dialled)
  subscribe('net.server.socket', accepted)
  const open = {
    producer: (url: string) => createProducer(url, { overflow, role: dialler === 'producer' ? 'dial' : 'listen' }),
    consumer: (url: string) =>
      createConsumer(url, { overflow: inbox, topics: prefixes, role: dialler === 'consumer' ? 'dial' : 'listen' }),
  }
  const listening = await open[dialler === 'producer' ? 'consumer' : 'producer']('tcp://127.0.0.1:0')
  const calling = await open[dialler](`${listening.urls[0]}?${NEVER}`)
  const [producer, consumer] = (dialler === 'producer' ? [calling, listening] : [listening, calling]) as [
    Producer,
    Consumer,
  ]
  const unlinked = Promise.all([
    new Promise<ProducerLinkLedger>((resolve) => producer.once('unlink', (link) => resolve(link.ledger()))),
    new Promise<StreamLedger>((resolve) => {
      consumer.once('unlink', () => resolve(consumer.stats().streams[0] as StreamLedger))
    }),
  ])
  let reading = Promise.resolve()
  const read = () => {
    reading = check(consumer, topics, size, works, wrong)
  }
  producer.once('unlink', () => {
    if (!reads) read()
  })
  try {
    await Promise.all([producer.linked({ topic: prefixes[0] as string }), consumer.linked()])
    if (reads) read()
    for (const [i, topic] of topics.entries()) {
      void producer.send(topic, dataOf(i, size))
      if (i % turn === 0) await turns(1)
    }
    if (flushes && reads) await producer.flush()
    const before = producer.links[0]?.ledger()
    const began = performance.now()
    await ends[end]({ dialler, producer, consumer, sockets })
    const [ledger, stream] = await unlinked
    return { before, ledger, stream, tookMs: performance.now() - began, wrong }
  } finally {
    unsubscribe('net.client.socket', dialled)
    unsubscribe('net.server.socket', accepted)
    await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
    await reading
  }
}

/** Reads until the consumer is closed, and compares each message with what was sent under its number. */
async function check(consumer: Consumer, topics: readonly string[], size: number, works: number, wrong: string[]) {
  for await (const batch of consumer.batches()) {
    await turns(works)
    for (const { sequence = 0, topic, data } of batch) {
      if (topics[sequence - 1] !== topic) wrong.push(`${sequence} came as ${topic}`)
      if (Buffer.compare(data, dataOf(sequence - 1, size)) !== 0) wrong.push(`${sequence} came with other data`)
    }
  }
}

function dataOf(index: number, size: number): Buffer {
  const data = Buffer.alloc(index % 10 === 0 ? 4 : size, index)
  data.writeUInt32BE(index)
  return data
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}
