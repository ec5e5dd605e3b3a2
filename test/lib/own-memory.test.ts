import t from 'tap'
import { createConsumer, createProducer, type Message } from '../../lib/index.js'
import { RawListener, READY_PUB } from '../transports/stream/doubles.js'

t.test('keeps what waits in send() apart from memory that the caller uses again', async (t) => {
  const producer = await createProducer('inproc://waiting', { overflow: 'backpressure:5s:disconnect:5' })
  const consumer = await createConsumer('inproc://waiting', { overflow: 'backpressure:5' })
  t.teardown(() => Promise.all([producer.close({ drainMs: 0 }), consumer.close()]))
  await producer.linked()
  const data = Buffer.alloc(4)
  const sent: Promise<void>[] = []
  for (let i = 0; i < 100; i++) {
    data.writeUInt32BE(i)
    sent.push(producer.send('a', data))
  }
  const read: number[] = []
  for await (const message of consumer) {
    read.push(Buffer.from(message.data).readUInt32BE())
    if (read.length === 100) break
  }
  await Promise.all(sent)
  t.strictSame(
    read,
    Array.from({ length: 100 }, (_, i) => i),
  )
})

t.test('keeps the newest of a quiet topic apart from the log, which is written anew', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0', { retain: 'latest-per-topic', memory: { bytes: 1 << 20 } })
  const makeNoise = async (count: number) => {
    for (let i = 0; i < count; i++) await producer.send('noise', Buffer.alloc(1_000, 'n'))
  }
  await makeNoise(500)
  await producer.send('quiet', 'the last word')
  await makeNoise(4_000)
  const consumer = await createConsumer(producer.urls, { from: 'latest-per-topic' })
  t.teardown(() => Promise.all([producer.close({ drainMs: 0 }), consumer.close()]))
  for await (const { topic, sequence, data } of consumer) {
    t.strictSame([topic, sequence, String(data)], ['quiet', 501, 'the last word'])
    break
  }
})

t.test('copies a foreign message with all its frames', async (t) => {
  const listener = await RawListener.open()
  const consumer = await createConsumer(listener.url)
  t.teardown(() => Promise.all([listener.close(), consumer.close()]))
  const peer = await listener.peer()
  await peer.handshake(1, READY_PUB)
  peer.write('01 01 61 01 01 62 00 01 63')
  const { value } = await consumer.messages().next()
  const message = value as Message
  const copy = message.copy()
  for (const bytes of [message.topicBytes, message.data, ...message.frames]) bytes.fill(0x78)
  t.strictSame(copy.frames.map(String), ['a', 'b', 'c'])
  t.strictSame([copy.topic, String(copy.data)], ['a', 'b'])
})
