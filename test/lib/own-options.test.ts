import { once } from 'node:events'
import t from 'tap'
import { consumerOptions } from '../../lib/consumer-options.js'
import {
  type ConsumerOptions,
  createConsumer,
  createProducer,
  json,
  type OwnConsumerOptions,
  type OwnProducerOptions,
  type ProducerOptions,
  text,
} from '../../lib/index.js'
import { producerOptions } from '../../lib/producer-options.js'
import { loadTransport, schemes } from '../../transports/index.js'

/** The options that transports add, as types know them: `npm run types` checks what is marked here as an error. */

const refused = { code: 'BAD_OPTION' }

t.test('takes the options of the scheme, in an object as in the URL', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0', { maxLinks: 1, heartbeatMs: 500, stallMs: 1_000 })
  const consumer = await createConsumer(`tcp://127.0.0.1:${new URL(producer.urls[0] as string).port}`, {
    reconnectMinMs: 10,
    topics: ['a'],
  })
  await producer.linked({ topic: 'a' })
  const turnedAway = once(producer, 'fault')
  const late = await createConsumer(producer.urls[0] as string, { reconnectMinMs: 10 })
  const [{ message }] = await turnedAway
  t.match(message, /all of 1 links \(maxLinks\) are taken/)
  await Promise.all([late.close(), consumer.close(), producer.close()])
})

t.test('refuses a wrong name, in types and at the door', async (t) => {
  await t.rejects(
    // @ts-expect-error: reconnectMinMs
    createProducer('tcp://127.0.0.1:0', { reconnectMinMss: 10 }),
    refused,
  )
  await t.rejects(
    // @ts-expect-error: an option of another scheme
    createConsumer('ipc://no.sock', { retryMs: 10 }),
    refused,
  )
  await t.rejects(
    // @ts-expect-error: an option of consumers
    createProducer('udp://127.0.0.1:5555', { retryMs: 10 }),
    refused,
  )
  await t.rejects(
    // @ts-expect-error: an option of a transport, where there is none
    createProducer('inproc://own.options', { maxLinks: 10 }),
    refused,
  )
  await t.rejects(
    // @ts-expect-error: a number
    createConsumer('tcp://127.0.0.1:1', { heartbeatMs: '5s' }),
    refused,
  )
})

t.test('knows every option of every scheme where the URL is not known to the types', async (t) => {
  const url: string = 'tcp://127.0.0.1:0'
  const producer = await createProducer(url, { reconnectMinMs: 10, codec: json() })
  await producer.close()
  await t.rejects(
    // @ts-expect-error: reconnectMinMs
    createConsumer(url, { reconnectMinMss: 10 }),
    refused,
  )
})

t.test('takes an option that one of several schemes knows', async (t) => {
  const producer = await createProducer(['inproc://own.options', 'tcp://127.0.0.1:0'], { handshakeMs: 100 })
  await producer.close()
  await t.rejects(
    // @ts-expect-error: none of the two knows it
    createProducer(['inproc://own.options', 'tcp://127.0.0.1:0'], { ttl: 1 }),
    refused,
  )
})

t.test('leaves the options of a scheme from elsewhere to its transport', async (t) => {
  const inproc = await loadTransport('inproc')
  if (inproc === undefined) throw new Error('no inproc')
  const rule = { fallback: 'blue', check: (value: unknown) => value }
  const transport = { ...inproc, schemes: ['smoke'], options: { colour: rule } }
  const producer = await createProducer('smoke://own.options', { transport, colour: 'red' })
  await producer.close()
  await t.rejects(createProducer('smoke://own.options', { transport, smell: 'none' }), refused)
})

t.test('infers values from a codec, and takes them as they are told', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0', { codec: text(), maxLinks: 5 })
  // @ts-expect-error: a string
  await t.rejects(producer.send('a', 5), { code: 'BAD_VALUE' })
  await producer.close()
  const told = await createProducer<{ price: number }>('inproc://own.options', { codec: json() })
  await told.send('a', { price: 1 })
  await told.close()
})

t.test('takes options that were put together elsewhere', async (t) => {
  const common: ProducerOptions = { stallMs: 1_000 }
  const own: ConsumerOptions & OwnConsumerOptions['tcp'] = { topics: ['a'], reconnectMinMs: 10 }
  const producer = await createProducer('tcp://127.0.0.1:0', common)
  const consumer = await createConsumer(producer.urls, own)
  t.strictSame(consumer.urls, producer.urls)
  await Promise.all([producer.close(), consumer.close()])
})

/** Names alone, but every one of them. */
type Names<Own> = { readonly [Scheme in keyof Own]: Readonly<Record<keyof Own[Scheme], true>> }

const tcp = {
  heartbeatMs: true,
  handshakeMs: true,
  maxLinks: true,
  reconnectMinMs: true,
  reconnectMaxMs: true,
  plain: true,
  username: true,
  password: true,
  curve: true,
  secretKey: true,
  serverKey: true,
  clientKeys: true,
  authenticate: true,
} as const
const tls = {
  key: true,
  cert: true,
  passphrase: true,
  ca: true,
  servername: true,
  clientCertificate: true,
  verifyServer: true,
} as const
const tcpHeard = { ...tcp, dataFrame: true } as const
const sp = { handshakeMs: true, maxLinks: true, reconnectMinMs: true, reconnectMaxMs: true, body: true } as const
const spHeard = { ...sp, topicOf: true } as const
const lines = { ...sp, frame: true } as const
const linesHeard = { ...lines, topicOf: true } as const
const datagrams = { body: true, heartbeatMs: true, interface: true, impair: true } as const
const sent = { ...datagrams, ttl: true, loopback: true, sendBufferBytes: true, rateLimit: true } as const
const rawSent = { ...sent, maxDatagramBytes: true } as const
const udpSent = { ...rawSent, requests: true, goodbyeMs: true, answerRate: true } as const
const rawHeard = { ...datagrams, source: true, receiveBufferBytes: true, topicOf: true, maxLinks: true } as const
const asked = { requests: true, retryMs: true, retryMaxMs: true, tries: true, pipelined: true } as const
const udpHeard = { ...rawHeard, ...asked, reorderMs: true, sessions: true } as const

const producers: Names<OwnProducerOptions> = {
  inproc: {},
  tcp,
  ipc: tcp,
  tls: { ...tcp, ...tls },
  'sp+tcp': sp,
  'sp+ipc': sp,
  'sp+tls': { ...sp, ...tls },
  'lines+tcp': lines,
  udp: udpSent,
  multicast: udpSent,
  'raw+udp': rawSent,
  'raw+multicast': rawSent,
}

const consumers: Names<OwnConsumerOptions> = {
  inproc: {},
  tcp: tcpHeard,
  ipc: tcpHeard,
  tls: { ...tcpHeard, ...tls },
  'sp+tcp': spHeard,
  'sp+ipc': spHeard,
  'sp+tls': { ...spHeard, ...tls },
  'lines+tcp': linesHeard,
  udp: udpHeard,
  multicast: udpHeard,
  'raw+udp': rawHeard,
  'raw+multicast': rawHeard,
}

t.test('types have exactly the options that the transports’ tables have', async (t) => {
  for (const scheme of schemes) {
    const { options, producerOptions: ofProducer, consumerOptions: ofConsumer } = (await loadTransport(scheme)) ?? {}
    for (const [names, common, own] of [
      [producers, producerOptions, ofProducer],
      [consumers, consumerOptions, ofConsumer],
    ] as const) {
      const isOwn = (name: string) => !Object.hasOwn(common, name)
      const expected = Object.keys({ ...options, ...own }).filter(isOwn)
      t.strictSame(Object.keys(names[scheme as keyof typeof names]).sort(), expected.sort(), scheme)
    }
  }
})
