import t from 'tap'
import {
  balanceLink,
  balanceProducer,
  createConsumer,
  createProducer,
  json,
  type Producer,
  type ProducerOptions,
} from '../../lib/index.js'
import { type MemoryStore, memoryStores } from './support/memory-store.js'

/** A producer whose end keeps messages itself, in place of a log. */

async function open<T = string | Uint8Array>(
  options: ProducerOptions<T> = {},
  url: string | readonly string[] = 'memory://box',
): Promise<{ producer: Producer<T>; store: MemoryStore }> {
  const transport = memoryStores()
  const producer = await createProducer(url, { ...options, transport })
  return { producer, store: transport.opened[0] as MemoryStore }
}

/** The first sum that does not hold. */
function imbalance(producer: Pick<Producer, 'stats'>): string | undefined {
  const stats = producer.stats()
  return balanceProducer(stats) ?? stats.links.map(balanceLink).find((sum) => sum !== undefined)
}

t.test('a store is given every message with its number, in order, as bytes of its own', async (t) => {
  const { producer, store } = await open()
  const buffer = Buffer.from('one')
  await producer.send('a', buffer)
  buffer.write('two')
  await producer.send('b', buffer)
  await producer.send('é', 'three')
  buffer.fill(0)
  t.same(
    store.stored.map(({ topic, data, number }) => [topic, Buffer.from(data).toString(), number]),
    [
      ['a', 'one', 1],
      ['b', 'two', 2],
      ['é', 'three', 3],
    ],
  )
  t.same(producer.urls, ['memory://box'])
  await producer.close({ drainMs: 0 })
})

t.test('the ledgers of its destinations stand among those of the links', async (t) => {
  const { producer, store } = await open({}, ['memory://one', 'memory://two'])
  await producer.send('a', 'x')
  t.match(producer.stats(), { offered: 1, accepted: 1, refused: 0, unheard: 0 })
  t.match(producer.stats().links, [
    { remote: 'memory://one', kind: 'foreign', state: 'open', considered: 1, waiting: 1, handed: 0 },
    { remote: 'memory://two', kind: 'foreign', state: 'open', considered: 1, waiting: 1, handed: 0 },
  ])
  store.handOut()
  t.match(producer.stats().links, [
    { waiting: 0, handed: 1 },
    { waiting: 0, handed: 1 },
  ])
  t.equal(imbalance(producer), undefined)
  await producer.close()
})

t.test('send() resolves when the store has the message, and counts it neither way before', async (t) => {
  const { producer, store } = await open()
  store.slow = true
  let settled = 0
  const sends = ['x', 'y', 'z'].map((data) => producer.send('a', data).then(() => settled++))
  await new Promise(setImmediate)
  t.equal(settled, 0)
  t.match(producer.stats(), { offered: 0, accepted: 0, refused: 0 })
  t.equal(imbalance(producer), undefined)
  store.commit(2)
  await Promise.all(sends.slice(0, 2))
  t.match(producer.stats(), { offered: 2, accepted: 2, refused: 0 })
  t.equal(imbalance(producer), undefined)
  store.commit()
  await Promise.all(sends)
  store.handOut()
  await producer.close()
})

t.test('what the store refuses nobody got: it is refused, announced, and its number is not used again', async (t) => {
  const { producer, store } = await open()
  const drops: unknown[] = []
  producer.on('drop', ({ reason, count, link }) => drops.push({ reason, count, link }))
  store.slow = true
  const broken = new Error('the disk is full')
  const first = producer.send('a', 'lost')
  const second = producer.send('a', 'kept')
  store.commit(1, broken)
  await t.rejects(first, broken)
  t.match(producer.stats(), { offered: 1, accepted: 0, refused: 1 })
  t.equal(imbalance(producer), undefined)
  store.commit()
  await second
  t.match(producer.stats(), { offered: 2, accepted: 1, refused: 1 })
  t.match(
    store.stored.map(({ number }) => number),
    [2],
  )
  await new Promise(setImmediate)
  t.same(drops, [{ reason: 'refused', count: 1, link: undefined }])
  store.handOut()
  await producer.close()
})

t.test('a refusal that nobody looks at is counted, and ends nothing', async (t) => {
  const { producer, store } = await open()
  store.slow = true
  void producer.send('a', 'forgotten')
  t.equal(producer.trySend('a', 'not waited for'), 'sent')
  store.commit(2, new Error('the disk is full'))
  // An unhandled rejection would end the process now.
  await new Promise(setImmediate)
  t.match(producer.stats(), { offered: 2, accepted: 0, refused: 2 })
  t.equal(imbalance(producer), undefined)
  await producer.close()
})

t.test('a store that is full says so to send() and trySend()', async (t) => {
  const { producer, store } = await open()
  store.room = 1
  t.equal(producer.trySend('a', 'x'), 'sent')
  t.equal(producer.trySend('a', 'x'), 'full')
  await t.rejects(producer.send('a', 'x'), { code: 'BUFFER_FULL' })
  t.match(producer.stats(), { offered: 3, accepted: 1, refused: 2 })
  t.equal(imbalance(producer), undefined)
  await producer.close({ drainMs: 0 })
})

t.test('what is wrong in any case never reaches the store', async (t) => {
  const { producer, store } = await open({ maxMessageBytes: 10 })
  await t.rejects(producer.send('\u0000', 'x'), { code: 'BAD_TOPIC' })
  await t.rejects(producer.send('a', '0123456789'), { code: 'TOO_LONG' })
  await t.rejects(producer.send('a', 7 as never), { code: 'BAD_VALUE' })
  t.throws(() => producer.trySend('\u0000', 'x'), { code: 'BAD_TOPIC' })
  await t.rejects(producer.send('a', 'x', { signal: AbortSignal.abort(new Error('no longer')) }), /no longer/)
  await producer.send('é', '01234567')
  await producer.close({ drainMs: 0 })
  await t.rejects(producer.send('a', 'x'), { code: 'CLOSED' })
  t.equal(producer.trySend('a', 'x'), 'closed')
  t.equal(store.stored.length, 1)
  t.equal(imbalance(producer), undefined)
})

t.test('a codec is asked once for each message', async (t) => {
  let asked = 0
  const { encode, decode } = json<{ price: number }>()
  const codec = {
    decode,
    encode(value: { price: number }) {
      asked++
      return encode(value)
    },
  }
  const { producer, store } = await open({ codec })
  await producer.send('a', { price: 1 })
  t.equal(asked, 1)
  t.equal(Buffer.from(store.stored[0]?.data ?? []).toString(), '{"price":1}')
  await producer.close({ drainMs: 0 })
})

t.test('flush() waits until the store has taken and handed out what was sent, or gives up', async (t) => {
  const { producer, store } = await open()
  store.slow = true
  let flushed = false
  const sent = producer.send('a', 'x')
  const flushing = producer.flush().then(() => {
    flushed = true
  })
  const giveUp = new AbortController()
  const aborted = producer.flush({ signal: giveUp.signal })
  giveUp.abort(new Error('enough'))
  await t.rejects(aborted, /enough/)
  store.commit()
  await sent
  const late = new AbortController()
  const stuck = producer.flush({ signal: late.signal })
  await new Promise(setImmediate)
  t.equal(flushed, false)
  late.abort(new Error('enough'))
  await t.rejects(stuck, /enough/)
  store.handOut()
  await flushing
  await producer.close()
})

t.test('close() hands out what waits, and returns the final ledgers', async (t) => {
  const { producer, store } = await open()
  await producer.send('a', 'x')
  const closing = producer.close()
  await new Promise(setImmediate)
  t.equal(store.closed, false)
  store.handOut()
  const stats = await closing
  t.ok(store.closed)
  t.match(stats.links, [{ state: 'closed', waiting: 0, handed: 1 }])
  t.same(producer.stats(), stats)
})

t.test('close() gives up what is not handed out in time, and what is still being taken', async (t) => {
  const { producer, store } = await open()
  await producer.send('a', 'x')
  store.slow = true
  const pending = producer.send('a', 'y')
  const stats = await producer.close({ drainMs: 10 })
  await t.rejects(pending, { code: 'CLOSED' })
  t.match(stats, { offered: 2, accepted: 1, refused: 1, links: [{ waiting: 1, handed: 0 }] })
  t.equal(imbalance(producer), undefined)
})

t.test('linked() waits for destinations, which want anything', async (t) => {
  const { producer, store } = await open({}, ['memory://one', 'memory://two'])
  t.equal(producer.hasSubscribers('a'), true)
  store.turn(0, 'waiting')
  await producer.linked()
  let both = false
  const linked = producer.linked({ count: 2 }).then(() => {
    both = true
  })
  await new Promise(setImmediate)
  t.equal(both, false)
  store.turn(0, 'open')
  await linked
  await t.rejects(producer.linked({ topic: 'a' }), { code: 'BAD_OPTION' })
  await producer.close()
  t.equal(producer.hasSubscribers('a'), false)
})

t.test('a store and anything else cannot be one producer, and neither stays open', async (t) => {
  const transport = memoryStores()
  for (const urls of [
    ['memory://box', 'inproc://beside-a-store'],
    ['inproc://beside-a-store', 'memory://box'],
  ]) {
    await t.rejects(createProducer(urls, { transport }), { code: 'BAD_OPTION', message: /memory:\/\/box/ })
  }
  t.ok(transport.opened.every(({ closed }) => closed))
  await (await createProducer('inproc://beside-a-store')).close()
})

t.test('a transport may have no consumers', async (t) => {
  await t.rejects(createConsumer('memory://box', { transport: memoryStores() }), { code: 'BAD_OPTION' })
})
