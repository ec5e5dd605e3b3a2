import { createConsumer, createProducer } from 'fanwire'
import t from 'tap'
import { keepLedgers } from '../../cli/ledgers.js'

t.test('the final ledger has the links that have left, each once', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0')
  const complete = keepLedgers(producer)
  const url = producer.urls[0] as string
  const early = await createConsumer(url)
  const late = await createConsumer(url)
  await producer.linked({ topic: 'a', count: 2 })
  await producer.send('a', '1')
  await producer.flush()
  const left = new Promise((resolve) => producer.once('unlink', resolve))
  await early.close()
  await left
  await producer.send('a', '2')
  await producer.flush()
  const stats = await producer.close()
  await late.close()
  t.equal(stats.links.length, 1)
  t.match(complete(stats).links, [
    { kind: 'fanwire', state: 'closed', considered: 1, handed: 1, acknowledged: 1 },
    { kind: 'fanwire', considered: 2, handed: 2, acknowledged: 2 },
  ])
  t.equal(complete(stats).links.length, 2)
})

t.test('whoever adds up the links and the sums of ended ones counts each connection once', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0')
  const url = producer.urls[0] as string
  const leave = async (consumer: { close(): Promise<unknown> }) => {
    const left = new Promise((resolve) => producer.once('unlink', resolve))
    await consumer.close()
    await left
  }
  const come = async () => {
    const consumer = await createConsumer(url)
    await producer.linked({ topic: 'a' })
    await producer.send('a', '1')
    await producer.flush()
    return consumer
  }
  await leave(await come())
  const complete = keepLedgers(producer)
  await leave(await come())
  await leave(await come())
  const last = await come()
  const before = producer.stats()
  t.match(before, { links: [{ considered: 1 }], ended: [{ connections: 3, considered: 3, handed: 3 }] })
  const stats = complete(await producer.close())
  await last.close()
  const one = { considered: 1, handed: 1, acknowledged: 1 }
  t.match(stats, { accepted: 4, links: [one, one, one] })
  t.match(stats.ended, [{ connections: 1, ...one, dropped: { newest: 0 } }], 'who left before anybody kept ledgers')
  t.equal(stats.links.length + stats.ended.length, 4)
})

t.test('sums of which every connection is listed are left out', async (t) => {
  const producer = await createProducer('inproc://all.listed')
  const complete = keepLedgers(producer)
  const consumer = await createConsumer('inproc://all.listed')
  await producer.linked({ topic: 'a' })
  await producer.send('a', '1')
  await producer.flush()
  const left = new Promise((resolve) => producer.once('unlink', resolve))
  await consumer.close()
  await left
  const stats = await producer.close()
  t.match(stats, { links: [], ended: [{ connections: 1, considered: 1 }] })
  t.match(complete(stats), { links: [{ considered: 1 }], ended: [] })
  t.equal(complete(stats).ended.length, 0)
})

t.test('those that a consumer was dialled by are kept as well', async (t) => {
  const consumer = await createConsumer('tcp://127.0.0.1:0', { role: 'listen' })
  const complete = keepLedgers(consumer)
  const producer = await createProducer(consumer.urls[0] as string, { role: 'dial' })
  await producer.linked({ topic: 'a' })
  await producer.send('a', '1')
  await producer.flush()
  const left = new Promise((resolve) => consumer.once('unlink', resolve))
  await producer.close()
  await left
  const stats = complete(await consumer.close())
  t.match(stats.links, [{ kind: 'fanwire', state: 'closed', stream: producer.stream, received: 1 }])
  t.equal(stats.links.length, 1)
})

t.test('a link that was dialled is not there twice', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0')
  const consumer = await createConsumer(producer.urls[0] as string)
  const complete = keepLedgers(consumer)
  await consumer.linked()
  const left = new Promise((resolve) => consumer.once('unlink', resolve))
  await producer.close()
  await left
  t.equal(complete(await consumer.close()).links.length, 1)
})
