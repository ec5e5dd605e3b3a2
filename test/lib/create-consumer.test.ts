import { once } from 'node:events'
import t from 'tap'
import { createConsumer, createProducer } from '../../lib/index.js'
import type { Context, Transport } from '../../lib/transport.js'
import { inproc } from '../../transports/inproc/index.js'

t.test('createConsumer connects to a producer that is there, and to one that is still to come', async (t) => {
  const producer = await createProducer('inproc://consumer.there', { retain: { messages: 10 } })
  await producer.send('a', 'before')
  const consumer = await createConsumer(['inproc://consumer.there', 'inproc://consumer.later'], {
    topics: ['a'],
    from: 'oldest',
  })
  t.strictSame(consumer.urls, ['inproc://consumer.there', 'inproc://consumer.later'])
  await consumer.linked()
  const [, waiting] = consumer.links
  t.equal(waiting?.state, 'waiting')
  const later = await createProducer('inproc://consumer.later')
  await consumer.linked({ count: 2 })
  await Promise.all([producer.send('b', 'unwanted'), producer.send('a', 'now'), later.send('a', 'later')])
  const seen: string[] = []
  for await (const message of consumer) if (seen.push(message.text()) === 3) break
  t.strictSame(seen.sort(), ['before', 'later', 'now'])
  // That Node's own functions take both ends is a matter of types as well.
  const unlinked = Promise.all([once(consumer, 'unlink'), once(later, 'unlink')])
  await later.close()
  const [[source], [link]] = await unlinked
  t.equal(source.remote, 'inproc://consumer.later')
  t.equal(link.state, 'closed')
  const stats = await consumer.close()
  t.match(
    stats.streams.find(({ stream }) => stream === producer.stream),
    { delivered: 2, filtered: 1, lost: 0 },
  )
  await producer.close()
})

t.test('what goes wrong while an end opens is told once it is open, to whoever listens then', async (t) => {
  const told = (context: Context, message: string) => context.fault({ code: 'CLAMPED', message })
  const transport: Transport = {
    schemes: ['clamped'],
    traits: inproc.traits,
    listens: 'producer',
    options: {},
    async produce(_, context) {
      told(context, 'early at the producer')
      context.platform.timer(0, () => told(context, 'later at the producer')).ref()
      return { kind: 'log', urls: [], close: async () => undefined }
    },
    async consume(_, context) {
      told(context, 'early at the consumer')
      return { urls: [], close: async () => undefined }
    },
  }
  const heard: string[] = []
  const open = async () => await createProducer('clamped://a', { transport })
  const producer = await open()
  producer.on('fault', ({ message }) => heard.push(message))
  const later = new Promise((resolve) =>
    producer.on('fault', ({ message }) => /later/.test(message) && resolve(message)),
  )
  const consumer = await createConsumer('clamped://a', { transport })
  consumer.on('fault', ({ message }) => heard.push(message))
  await later
  t.strictSame(heard.sort(), ['early at the consumer', 'early at the producer', 'later at the producer'])
  await consumer.close()
  await producer.close()
})

t.test('createConsumer says what is wrong at once', async (t) => {
  await t.rejects(createConsumer([]), { code: 'BAD_ADDRESS' })
  await t.rejects(createConsumer('pigeon://post'), { code: 'BAD_ADDRESS', message: /no transport for pigeon/ })
  await t.rejects(createConsumer('inproc://a', { topic: ['a'] } as never), { code: 'BAD_OPTION', message: /topics/ })
  await t.rejects(createConsumer('inproc://a?from=yesterday'), { code: 'BAD_OPTION' })
  await t.rejects(createConsumer('inproc://a', { topics: ['\u0001'] }), { code: 'BAD_TOPIC' })
  await t.rejects(createConsumer('inproc://a', { signal: AbortSignal.abort(new Error('changed my mind')) }), {
    message: 'changed my mind',
  })
})

t.test('createConsumer leaves nothing open when one of its addresses fails', async (t) => {
  const listener = await createConsumer('inproc://consumer.taken', { role: 'listen' })
  const both = ['inproc://consumer.free', 'inproc://consumer.taken']
  await t.rejects(createConsumer(both, { role: 'listen' }), { code: 'ADDRESS_IN_USE' })
  const again = await createConsumer('inproc://consumer.free', { role: 'listen' })
  await Promise.all([listener.close(), again.close()])
})

t.test('createConsumer uses a transport that is brought along, before its own', async (t) => {
  const opened: string[] = []
  let closed = 0
  let unreferenced = 0
  const transport: Transport = {
    schemes: ['inproc'],
    traits: {
      ordered: true,
      reliable: true,
      flowControlled: true,
      filtersAtProducer: true,
      numbers: 'counted',
      tailLoss: true,
      maxMessageBytes: 1_000,
    },
    listens: 'producer',
    options: {},
    produce: () => Promise.reject(new Error('not asked for')),
    async consume({ url }, { id, want, role }) {
      opened.push(`${url} ${id} ${want} ${role}`)
      return { urls: [url], close: async () => void closed++, unref: () => void unreferenced++ }
    },
  }
  const options = { transport, id: 'CONSUMER01', want: 'drop:latest-per-topic' as const }
  const consumer = await createConsumer(['inproc://a', 'inproc://b'], options)
  t.strictSame(opened, [
    'inproc://a CONSUMER01 drop:latest-per-topic dial',
    'inproc://b CONSUMER01 drop:latest-per-topic dial',
  ])
  consumer.unref()
  t.equal(unreferenced, 2)
  await consumer.close()
  t.equal(closed, 2)
})
