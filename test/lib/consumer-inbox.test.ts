import t from 'tap'
import { json } from '../../lib/codec.js'
import type { InboxDrop, Slow } from '../../lib/consumer.js'
import type { Fault } from '../../lib/transport.js'
import { scene, taken } from './support/feed.js'

t.test('has carriers wait while its inbox is full, and tells of it once a second at most', async (t) => {
  const { platform, consumer, feed } = scene()
  const slow: Slow[] = []
  consumer.on('slow', (event) => slow.push(event))
  const [first, second] = [feed('first').connect().start(), feed('second').connect().start(1, 'STREAM0002')]
  t.strictSame(first.bring('a:1', 'a:2', 'a:3', 'a:4'), [true, true, true, false])
  t.strictSame(second.bring('a:5'), [false])
  platform.turn()
  t.match(slow, [{ reason: 'inbox', link: { remote: 'first' } }])
  const loop = consumer.messages()
  for (let i = 0; i < 2; i++) await loop.next()
  platform.turn()
  t.equal(first.resumes, 0, 'more than half is left')
  await loop.next()
  t.equal(first.resumes, 0, 'not in the middle of taking')
  platform.turn()
  t.strictSame([first.resumes, second.resumes], [1, 1])
  t.strictSame(first.bring('a:6', 'a:7'), [true, false])
  platform.turn()
  t.equal(slow.length, 1)
  platform.advance(1_000)
  await loop.return()
  await taken(consumer)
  platform.turn()
  first.bring('a:1', 'a:2', 'a:3', 'a:4')
  platform.turn()
  t.equal(slow.length, 2)
  await consumer.close()
})

t.test('keeps the first message outside of who connects while the inbox is full', async (t) => {
  const { platform, consumer, feed } = scene()
  const first = feed('first').connect().start()
  first.bring('a:1', 'a:2', 'a:3', 'a:4')
  const second = feed('second')
  for (let i = 0; i < 5; i++) {
    second.connect().start(1, 'STREAM0002')
    t.strictSame(second.bring('b:1'), [false])
    second.port.disconnected(undefined)
  }
  t.equal(consumer.stats().inbox.messages, 4)
  second.connect()
  t.match(second.from, { next: 1 }, 'it was not received')
  second.start(1, 'STREAM0002')
  second.bring('b:1')
  t.strictSame(await taken(consumer), ['a:1', 'a:2', 'a:3', 'a:4'])
  platform.turn()
  t.equal(second.resumes, 1)
  t.strictSame(await taken(consumer), ['b:1'])
  await consumer.close()
})

t.test('cuts off who exceeds its buffer, refuses everybody while it is full, and lets them come again', async (t) => {
  const { platform, consumer, feed } = scene({
    overflow: { policy: 'buffer', limit: { messages: 2, bytes: 1_000_000 }, then: 'disconnect' },
  })
  const unlinked: string[] = []
  consumer.on('unlink', ({ remote }, reason) => unlinked.push(`${remote}: ${reason?.message}`))
  const [first, second] = [feed('first').connect().start(), feed('second').connect().start(1, 'STREAM0002')]
  first.bring('a:1', 'a:2')
  t.strictSame(second.bring('b:1'), [false])
  platform.turn()
  t.match(second.closed, { code: 'BUFFER_FULL' })
  t.strictSame(unlinked, ['second: [BUFFER_FULL] the inbox is at the limit of its buffer'])
  t.equal(first.closed, null, 'the other did not exceed it')
  for (let i = 0; i < 3; i++) {
    second.closed = null
    second.connect().start(2, 'STREAM0002')
    second.bring('b:2')
    platform.turn()
    t.match(second.closed, { code: 'BUFFER_FULL' })
  }
  t.match(consumer.stats(), { inbox: { messages: 3 }, links: [{}, { state: 'waiting' }] })
  await taken(consumer)
  second.closed = null
  t.match(second.connect().from, { next: 2 })
  second.start(2, 'STREAM0002')
  t.strictSame(second.bring('b:2'), [true])
  platform.turn()
  t.equal(second.closed, null)
  await consumer.close()
})

t.test('announces what it drops together, and counts each', async (t) => {
  const { platform, consumer, feed } = scene({
    overflow: { policy: 'drop', keep: 'newest', limit: { messages: 2, bytes: 1_000_000 } },
  })
  const drops: InboxDrop[] = []
  consumer.on('drop', (drop) => drops.push(drop))
  const source = feed().connect().start()
  source.bring('a:1', 'a:2', 'a:3', 'a:4', 'a:5')
  t.strictSame(drops, [])
  platform.turn()
  t.strictSame(drops, [{ reason: 'newest', count: 3 }])
  source.bring('a:6')
  platform.turn()
  t.equal(drops.length, 1)
  platform.advance(1_000)
  t.strictSame(drops[1], { reason: 'newest', count: 1 })
  t.match(consumer.stats().streams, [{ received: 6, inboxDropped: 4, inboxWaiting: 2 }])
  await consumer.close()
})

t.test('counts and announces what cannot be decoded, and goes on', async (t) => {
  const { platform, consumer, feed } = scene({ codec: json() as never })
  const faults: Fault[] = []
  consumer.on('fault', (fault) => faults.push(fault))
  const source = feed().connect().start()
  source.bring('a:1', 'a:{', 'a:null')
  const batches = consumer.batches()
  const { value } = await batches.next()
  t.strictSame(
    value?.map((message) => message.value as unknown),
    [1, null],
  )
  await batches.return()
  source.bring('a:{', 'a:"text"')
  const loop = consumer.messages()
  t.match(await loop.next(), { value: { value: 'text' } })
  platform.turn()
  t.strictSame(
    faults.map(({ code, stream }) => [code, stream]),
    [
      ['UNDECODABLE', 'STREAM0001'],
      ['UNDECODABLE', 'STREAM0001'],
    ],
  )
  t.match(faults[0]?.message, /^a message of a cannot be decoded: the data is not JSON/)
  t.match(consumer.stats().streams, [{ received: 5, delivered: 3, undecodable: 2 }])
  await consumer.close()
})

t.test('ends a loop where a loss lies, and the next goes on behind it', async (t) => {
  for (const way of ['messages', 'batches'] as const) {
    const { consumer, feed } = scene({ onLoss: 'fail' })
    const source = feed().connect().start()
    source.bring('a:1', 'a:2')
    source.port.skipped(3, 'dropped')
    source.bring('a:6')
    const seen: string[] = []
    const read = async () => {
      for await (const item of consumer[way]()) for (const message of [item].flat()) seen.push(message.text())
    }
    await t.rejects(read(), { code: 'LOST', message: /numbers 3 to 5 of the stream STREAM0001 are dropped/ })
    t.strictSame(seen, ['1', '2'], way)
    const loop = consumer[way]()
    t.match([(await loop.next()).value].flat(), [{ sequence: 6, missed: 3 }])
    await consumer.close()
  }
})

t.test('tells who waits for acknowledgements of what it could be', async (t) => {
  const { consumer, feed } = scene({
    acknowledge: 'manual',
    overflow: { policy: 'buffer', limit: { messages: 1_000, bytes: 1_000_000 }, then: 'drop' },
  })
  const slow: Slow[] = []
  consumer.on('slow', (event) => slow.push(event))
  const source = feed().connect().start()
  source.bring(`a:${'x'.repeat(400)}`, `a:${'x'.repeat(400)}`)
  t.equal(slow.length, 1)
  t.match(slow[0], { reason: 'acknowledge', link: { remote: 'source' }, message: /message\.ack\(\).*'manual'/ })
  await consumer.close()
})
