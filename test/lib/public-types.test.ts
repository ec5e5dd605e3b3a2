import t from 'tap'
import {
  type ConsumerOptions,
  createConsumer,
  createProducer,
  json,
  type Link,
  type Overflow,
  type ProducerOptions,
  pipe,
  text,
} from '../../lib/index.js'
import { inproc } from '../../transports/inproc/index.js'

// What these assignments say is checked by `npm run types`; the rest runs.

t.test('takes every option that is given as undefined for one that is not given', async (t) => {
  const none = undefined
  const produce: Required<ProducerOptions> = {
    overflow: none,
    retain: none,
    memory: none,
    maxMessageBytes: none,
    stallMs: none,
    unacknowledgedBytes: none,
    stream: none,
    sequence: none,
    role: none,
    pattern: none,
    prefetch: none,
    codec: none,
    signal: none,
    transport: none,
  }
  const consume: Required<ConsumerOptions> = {
    topics: none,
    overflow: none,
    from: none,
    want: none,
    acknowledge: none,
    onLoss: none,
    lines: none,
    holdMs: none,
    maxMessageBytes: none,
    id: none,
    pattern: none,
    role: none,
    codec: none,
    signal: none,
    transport: none,
  }
  const overflow: ProducerOptions['overflow'] = {
    policy: 'backpressure',
    limit: { messages: none, bytes: none },
    timeoutMs: none,
    then: none,
  }
  const producer = await createProducer('inproc://undefined', { ...produce, overflow, memory: { bytes: none } })
  const consumer = await createConsumer('inproc://undefined', {
    ...consume,
    overflow: { policy: 'drop', keep: none, limit: none },
  })
  await producer.linked({ topic: none, count: none, signal: none })
  await consumer.linked({ topic: none, count: none, signal: none })
  await producer.send('a', 'b', { signal: none })
  await producer.flush({ signal: none })
  t.match(await consumer.messages({ signal: none }).next(), { value: { topic: 'a' } })
  await producer.close({ drainMs: none })
  await consumer.close()
})

t.test('pipes from any consumer to any producer, whatever their codecs', async (t) => {
  interface Quote {
    readonly bid: number
  }
  const quotes = await createConsumer('inproc://quotes', { codec: json<Quote>() })
  const bytes = await createProducer('inproc://bytes')
  const others = await createProducer('inproc://others', { codec: text() })
  const signal = AbortSignal.abort()
  await t.resolves(Promise.all([pipe(quotes, bytes, { signal }), pipe(quotes, others, { signal })]))
  await Promise.all([quotes, bytes, others].map((end) => end.close()))
})

t.test('lets what a link asks for be the answer to its overflow, and rubbish be no wish', async (t) => {
  const overflow: Overflow<Link> = (link) => link.want ?? 'drop:newest:100'
  const producer = await createProducer('inproc://wishes', { overflow })
  const plain = await createConsumer('inproc://wishes')
  const choosy = await createConsumer('inproc://wishes', { want: 'drop:latest-per-topic:7' })
  // Consumers check what they ask for; a peer of another make may say anything.
  const rude = await createConsumer('inproc://wishes', { transport: { ...inproc, consume: askingForRubbish } })
  t.teardown(() => Promise.all([producer, plain, choosy, rude].map((end) => end.close())))
  await producer.linked({ count: 3 })
  t.strictSame(
    producer.links.map(({ want, policy }) => [want, policy.policy === 'drop' && policy.keep, policy.limit.messages]),
    [
      [undefined, 'newest', 100],
      ['drop:latest-per-topic:7', 'latest-per-topic', 7],
      [undefined, 'newest', 100],
    ],
  )
})

const askingForRubbish: (typeof inproc)['consume'] = (address, context) =>
  inproc.consume(address, { ...context, want: 'rubbish' })
