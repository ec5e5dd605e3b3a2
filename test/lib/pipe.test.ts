import t from 'tap'
import { Consumer, type ConsumerSettings } from '../../lib/consumer.js'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import { createConsumer, createProducer, type FanwireError, json, pipe } from '../../lib/index.js'
import { Producer } from '../../lib/producer.js'
import { Retention } from '../../lib/retention.js'
import type { ConsumerCarrier, Fault } from '../../lib/transport.js'
import { FakePeer } from './support/fake-peer.js'
import { FakePlatform, settled } from './support/fake-platform.js'

/** A consumer that gets what a test says, and a producer with one peer that reads everything. */
function bridge({ acknowledge = 'taken' as 'taken' | 'manual', kernelBytes = Infinity } = {}) {
  const platform = new FakePlatform()
  const settings: ConsumerSettings = {
    id: 'CONSUMER01',
    topics: [''],
    overflow: {
      policy: 'backpressure',
      limit: { messages: 4, bytes: 1_000_000 },
      timeoutMs: Infinity,
      then: 'disconnect',
    },
    from: 'now',
    acknowledge,
    onLoss: 'skip',
    lines: 'arbitrate',
    holdMs: 1_000,
    codec: undefined,
  }
  const consumer = new Consumer(platform, settings)
  const policy = {
    policy: 'backpressure',
    limit: { messages: 1, bytes: 1_000_000 },
    timeoutMs: 60_000,
    then: 'reject',
  } as const
  const producer = new Producer(platform, {
    stream: 'STREAM0001',
    policy,
    overflow: () => policy,
    memoryBytes: 4_000_000,
    maxMessageBytes: 1_000,
    stallMs: 60_000,
    unacknowledgedBytes: 1_000_000,
    retention: new Retention(undefined),
    codec: undefined,
  })
  const peer = new FakePeer({ kernelBytes })
  peer.connect(producer.log(zmtpFraming).open('peer', 'accepted'), [''], 'now')
  const acknowledged: number[] = []
  const carrier: ConsumerCarrier = {
    resume: () => undefined,
    subscribe: () => undefined,
    unsubscribe: () => undefined,
    acknowledge: (messages) => acknowledged.push(messages),
    close: () => undefined,
  }
  const port = consumer.open('source', 'accepted')
  port.connected(carrier, { kind: 'fanwire' })
  port.started({ stream: 'SOURCE0001', run: 1, next: 1, oldest: 1, allowance: 1_000_000 })
  const faults: Fault[] = []
  consumer.on('fault', (fault) => faults.push(fault))
  const bring = (topic: string | Uint8Array, data: string): boolean => {
    const bytes = typeof topic === 'string' ? Buffer.from(topic) : topic
    const chunk = Buffer.concat([bytes, Buffer.from(data)])
    return port.message(chunk, 0, bytes.length, bytes.length, chunk.length)
  }
  const turns = async () => {
    for (let i = 0; i < 10; i++) {
      await settled(20)
      platform.turn()
    }
  }
  const read = () => peer.read.map(({ topic, data }) => `${topic}:${Buffer.from(data)}`)
  const close = async () => {
    await consumer.close()
    await producer.close({ drainMs: 0 })
  }
  return { platform, consumer, producer, peer, acknowledged, faults, bring, turns, read, close }
}

t.test('sends on what it receives, and ends when the consumer is closed', async (t) => {
  const { consumer, producer, peer, bring, turns, read, close } = bridge()
  const piped = pipe(consumer, producer)
  bring('a', '1')
  bring('trades.é', '2')
  await turns()
  peer.receive()
  t.strictSame(read(), ['a:1', 'trades.é:2'])
  await consumer.close()
  await piped
  await close()
})

t.test('ends with its signal, and leaves both open', async (t) => {
  const { consumer, producer, peer, bring, turns, read, close } = bridge()
  const abort = new AbortController()
  const piped = pipe(consumer, producer, { signal: abort.signal })
  bring('a', '1')
  await turns()
  abort.abort()
  await piped
  const again = pipe(consumer, producer)
  bring('a', '2')
  await turns()
  peer.receive()
  t.strictSame(read(), ['a:1', 'a:2'])
  await close()
  await again
})

t.test('makes the consumer wait while the producer does', async (t) => {
  const { consumer, producer, peer, bring, turns, read, close } = bridge({ kernelBytes: 10 })
  const piped = pipe(consumer, producer)
  const room: boolean[] = []
  for (let i = 0; i < 8; i++) {
    room.push(bring('a', `${i}`))
    await turns()
  }
  t.equal(room.at(-1), false)
  t.ok(consumer.stats().inbox.messages >= 4)
  for (let i = 0; i < 20; i++) {
    peer.receive()
    await turns()
  }
  t.strictSame(
    read(),
    Array.from({ length: 8 }, (_, i) => `a:${i}`),
  )
  await close()
  await piped
})

t.test('announces what cannot be sent on, and goes on', async (t) => {
  const { consumer, producer, peer, faults, bring, turns, read, close } = bridge()
  const piped = pipe(consumer, producer)
  bring(Uint8Array.of(0x61, 0xff), 'no text')
  bring('b\ufffd', 'a character like any other')
  bring('c\u0000', 'no topic')
  bring('d', 'x'.repeat(2_000))
  bring('e', 'last')
  await turns()
  peer.receive()
  t.strictSame(read(), ['b\ufffd:a character like any other', 'e:last'])
  t.strictSame(
    faults.map(({ code }) => code),
    ['BAD_TOPIC', 'BAD_TOPIC', 'TOO_LONG'],
  )
  t.match(faults[0]?.message, /not sent on: .*no UTF-8/)
  await close()
  await piped
})

t.test('acknowledges what it has sent on or announced, and nothing else', async (t) => {
  const { platform, consumer, producer, peer, acknowledged, bring, turns, close } = bridge({
    acknowledge: 'manual',
    kernelBytes: 0,
  })
  const piped = pipe(consumer, producer)
  bring('c\u0000', 'no topic')
  for (const data of ['1', '2', '3']) bring('a', data)
  await turns()
  platform.advance(20)
  t.strictSame(acknowledged, [3], 'two messages are in the log, the last one waits')
  for (let i = 0; i < 10; i++) {
    peer.receive()
    await turns()
  }
  platform.advance(20)
  t.equal(acknowledged.at(-1), 4)
  await close()
  await piped
})

t.test('ends with CLOSED as soon as the producer is closed, and has taken nothing', async (t) => {
  const { consumer, producer, faults, bring, turns, close } = bridge()
  const piped = pipe(consumer, producer)
  const closing = producer.close({ drainMs: 0 })
  await t.rejects(piped, { code: 'CLOSED' }, 'without a message')
  await closing
  await t.rejects(pipe(consumer, producer), { code: 'CLOSED' }, 'and at once when it is closed already')
  bring('a', '1')
  bring('a', '2')
  await turns()
  t.equal(consumer.stats().inbox.messages, 2)
  t.strictSame(faults, [])
  await close()
})

t.test('ends without an error when the consumer is closed first', async (t) => {
  const { consumer, producer, close } = bridge()
  const piped = pipe(consumer, producer)
  const closing = [consumer.close(), producer.close({ drainMs: 0 })]
  await t.resolves(piped)
  await Promise.all(closing)
  await close()
})

for (const acknowledge of ['taken', 'manual'] as const) {
  t.test(`gives back the message in hand when its signal is aborted: ${acknowledge}`, async (t) => {
    const { platform, consumer, producer, peer, acknowledged, bring, turns, read, close } = bridge({
      acknowledge,
      kernelBytes: 0,
    })
    const abort = new AbortController()
    const piped = pipe(consumer, producer, { signal: abort.signal })
    for (const data of ['1', '2', '3', '4']) bring('a', data)
    await turns()
    t.match(consumer.stats(), { inbox: { messages: 1 }, streams: [{ delivered: 3, inboxWaiting: 1 }] })
    abort.abort()
    await t.rejects(consumer.messages().next(), { code: 'BUSY' }, 'no other loop can overtake it')
    await piped
    t.match(consumer.stats(), { inbox: { messages: 2 }, streams: [{ delivered: 2, inboxWaiting: 2 }] })
    platform.advance(20)
    if (acknowledge === 'manual') t.equal(acknowledged.at(-1), 2)
    const again = pipe(consumer, producer)
    for (let i = 0; i < 10; i++) {
      peer.receive()
      await turns()
    }
    t.strictSame(read(), ['a:1', 'a:2', 'a:3', 'a:4'])
    await close()
    await again
  })
}

t.test('gives back the message in hand when the producer is closed', async (t) => {
  const { consumer, producer, bring, turns, close } = bridge({ kernelBytes: 0 })
  const piped = pipe(consumer, producer)
  for (const data of ['1', '2', '3', '4']) bring('a', data)
  await turns()
  await Promise.all([t.rejects(piped, { code: 'CLOSED' }), producer.close({ drainMs: 0 })])
  const seen: string[] = []
  for await (const message of consumer) if (seen.push(message.text()) === 2) break
  t.strictSame(seen, ['3', '4'])
  await close()
})

t.test('sends bytes as they arrived, whatever the codecs', async (t) => {
  const source = await createProducer('inproc://pipe.codec.source')
  const target = await createProducer('inproc://pipe.codec.target', { codec: json() })
  const middle = await createConsumer('inproc://pipe.codec.source', { codec: json() })
  const last = await createConsumer('inproc://pipe.codec.target')
  await Promise.all([source.linked({ topic: 'a' }), target.linked({ topic: 'a' })])
  const piped = pipe(middle, target)
  await source.send('a', '{ "i": 0 }')
  for await (const message of last) {
    t.equal(message.text(), '{ "i": 0 }')
    break
  }
  await Promise.all([source.close(), middle.close(), target.close(), last.close()])
  await piped
})

t.test('is a loop like any other', async (t) => {
  const { consumer, producer, close } = bridge()
  const piped = pipe(consumer, producer)
  await t.rejects(pipe(consumer, producer), { code: 'BUSY' } satisfies Partial<FanwireError>)
  await close()
  await piped
})

t.test('connects ends of any kind', async (t) => {
  const source = await createProducer('inproc://pipe.source')
  const target = await createProducer('inproc://pipe.target')
  const middle = await createConsumer('inproc://pipe.source')
  const last = await createConsumer('inproc://pipe.target')
  await Promise.all([source.linked({ topic: 'a' }), target.linked({ topic: 'a' })])
  const piped = pipe(middle, target)
  for (let i = 0; i < 100; i++) await source.send('a', `${i}`)
  const seen: string[] = []
  for await (const message of last) if (seen.push(message.text()) === 100) break
  t.strictSame(
    seen,
    Array.from({ length: 100 }, (_, i) => `${i}`),
  )
  await Promise.all([source.close(), middle.close(), target.close(), last.close()])
  await piped
})
