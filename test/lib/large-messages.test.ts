import { type Test, test } from 'tap'
import { createConsumer, createProducer, type ProducerOptions } from '../../lib/index.js'
import { balanceLink, countDropped } from '../../lib/ledger.js'
import { settled } from './support/fake-platform.js'
import { ProducerScene } from './support/producer-scene.js'

/** Messages of which a few fill the memory: they leave in many writes, and hold it meanwhile. */

const MIB = 2 ** 20
/** 12 MiB of it are for messages, of which the largest may be half of that. */
const SMALL = { memoryBytes: 16 * MIB, maxMessageBytes: 16 * MIB }
/** More than a quarter of the memory. */
const large = () => new Uint8Array(5 * MIB)

test('a link that holds much memory is cut once it has stood still for three seconds, though nothing more is sent', (t) => {
  const scene = new ProducerScene('drop', SMALL)
  const { link, peer } = scene.join({ kernelBytes: 0 })
  void scene.producer.send('a', large())
  scene.platform.turn()
  t.ok(link.holdsOutside)
  scene.platform.advance(2_999)
  link.progressed()
  scene.platform.advance(2_999)
  t.equal(link.state, 'open', 'its peer took some bytes of the write meanwhile')
  scene.platform.advance(1)
  t.equal(link.state, 'closed')
  t.match(peer.closed, { code: 'STALLED', message: /held memory without progress/ })
  t.equal(scene.producer.stats().memory.used < MIB, true, 'and the memory is free again')
  t.end()
})

test('a link that may hold send() back is left to its own policy, however much it holds', (t) => {
  const scene = new ProducerScene('backpressure:20s', SMALL)
  const { link } = scene.join({ kernelBytes: 0 })
  void scene.producer.send('a', large())
  scene.platform.turn()
  scene.platform.advance(3_000)
  void scene.producer.send('a', large())
  void scene.producer.send('a', large())
  scene.platform.turn()
  t.equal(link.full, true)
  scene.platform.advance(19_999)
  t.equal(link.state, 'open')
  scene.platform.advance(1)
  t.equal(link.state, 'closed')
  t.end()
})

test('send() waits for memory that a link holds in the middle of a message, and everything arrives', async (t) => {
  const scene = new ProducerScene('backpressure', SMALL)
  const { link, peer } = scene.join({ kernelBytes: 0 })
  let sent = 0
  let most = 0
  for (let i = 0; i < 2; i++) void scene.producer.send('a', large()).then(() => sent++)
  scene.platform.breath()
  await settled()
  t.equal(sent, 1)
  t.ok(link.holdsOutside)
  for (let i = 0; i < 1_000 && (sent < 2 || peer.read.length < 2); i++) {
    scene.platform.breath()
    most = Math.max(most, scene.producer.stats().memory.used)
    peer.receive()
    peer.acknowledge()
    await settled()
  }
  t.same([sent, peer.read.length, link.state, countDropped(link.ledger().dropped)], [2, 2, 'open', 0])
  t.ok(most > 10 * MIB && most <= SMALL.memoryBytes, `${most} bytes at most`)
})

test('a link that drops keeps its connection in the middle of a message, and counts what it drops', (t) => {
  const scene = new ProducerScene('drop:newest:1', SMALL)
  const { link, peer } = scene.join({ kernelBytes: 0 })
  for (let i = 0; i < 10; i++) {
    void scene.producer.send('a', large())
    scene.platform.turn()
    t.ok(scene.producer.stats().memory.used <= SMALL.memoryBytes)
  }
  t.match(link.ledger(), { considered: 10, inFlight: 1, waiting: 1 })
  scene.settle(peer)
  t.strictSame(
    peer.read.map(({ number }) => number),
    [1, 10],
  )
  t.match(link.ledger(), { handed: 2, waiting: 0 })
  t.equal(countDropped(link.ledger().dropped), 8)
  t.equal(balanceLink(link.ledger()), undefined)
  t.end()
})

test('where no link may hold send() back, the one that stood longest is cut when all memory is held', (t) => {
  const scene = new ProducerScene('drop', SMALL)
  const links = [1, 2].map(() => {
    const { link } = scene.join({ kernelBytes: 0 })
    void scene.producer.send('a', large())
    scene.platform.turn()
    scene.platform.advance(1)
    return link
  })
  t.strictSame(
    links.map(({ state }) => state),
    ['open', 'open'],
  )
  void scene.producer.send('a', large())
  t.strictSame(
    links.map(({ state }) => state),
    ['closed', 'open'],
  )
  t.ok(scene.producer.stats().memory.used <= SMALL.memoryBytes)
  t.end()
})

test('a dialled link that loses its connection in the middle of a message lets send() go on', async (t) => {
  const scene = new ProducerScene('backpressure', SMALL)
  const link = scene.dial()
  scene.connect(link, { kernelBytes: 0 })
  void scene.producer.send('a', large())
  scene.platform.turn()
  let sent = false
  void scene.producer.send('a', large()).then(() => {
    sent = true
  })
  scene.platform.breath()
  await settled()
  t.strictSame([link.full, sent], [true, false])
  link.disconnected(undefined)
  scene.platform.breath()
  await settled()
  scene.platform.breath()
  await settled()
  t.strictSame([link.full, sent], [false, true])
})

test('a message that could not wait beside another is too long, and the error names the memory', async (t) => {
  const scene = new ProducerScene('backpressure', SMALL)
  const most = 6 * MIB - 1024
  await scene.producer.send('a', new Uint8Array(most - 1))
  const message = new RegExp(`memory.bytes, ${SMALL.memoryBytes}, has room for, ${most}; raise memory.bytes`)
  await t.rejects(scene.producer.send('a', new Uint8Array(most)), { code: 'TOO_LONG', message })
})

for (const { mib, count, options } of [
  { mib: 15, count: 4, options: {} },
  { mib: 60, count: 3, options: { maxMessageBytes: 60 * MIB + 1 } },
]) {
  test(`${count} messages of ${mib} MiB arrive whole over TCP, and memory is never above its limit`, async (t) => {
    const { producer, consumer } = await pair(t, options)
    const reading = (async () => {
      const read: string[] = []
      for await (const { sequence, data } of consumer) {
        read.push(`${sequence} of ${data.length}: ${data[0]} to ${data[data.length - 1]}`)
        if (read.length === count) break
      }
      return read
    })()
    for (let i = 1; i <= count; i++) {
      await producer.send('x', new Uint8Array(mib * MIB).fill(i))
      const { used, limit } = producer.stats().memory
      t.ok(used <= limit)
    }
    await producer.flush()
    t.strictSame(
      await reading,
      Array.from({ length: count }, (_, i) => `${i + 1} of ${mib * MIB}: ${i + 1} to ${i + 1}`),
    )
  })
}

test('a link that drops newest keeps its connection over TCP, and every large message is accounted for', async (t) => {
  const { producer, consumer } = await pair(t, { overflow: 'drop:newest' })
  const count = 6
  const reading = (async () => {
    let missed = 0
    let read = 0
    for await (const message of consumer) {
      missed += message.missed
      read++
      if (message.sequence === count) break
    }
    return { missed, read }
  })()
  // All before the system has taken the first.
  await Promise.all(Array.from({ length: count }, () => producer.send('x', new Uint8Array(15 * MIB))))
  await producer.flush()
  const { missed, read } = await reading
  const { links } = producer.stats()
  t.ok(missed > 0)
  t.match(links, [{ state: 'open', handed: read }])
  t.strictSame(
    links.map(({ dropped }) => countDropped(dropped)),
    [missed],
  )
  t.equal(read + missed, count)
})

async function pair(t: Test, options: ProducerOptions) {
  const producer = await createProducer('tcp://127.0.0.1:0', options)
  const consumer = await createConsumer(producer.urls, { maxMessageBytes: 64 * MIB })
  t.teardown(() => Promise.all([producer.close({ drainMs: 0 }), consumer.close()]))
  await producer.linked()
  return { producer, consumer }
}
