import t from 'tap'
import type { Gap, Source } from '../../lib/consumer.js'
import { settled } from './support/fake-platform.js'
import { scene, taken } from './support/feed.js'

t.test(
  'tells producers what it wants, each prefix once, and takes it back with the last of those who wanted it',
  async (t) => {
    const { consumer, feed } = scene({ topics: ['a', 'a', 'b'] })
    const source = feed().connect().start()
    t.strictSame(source.prefixes, ['a', 'b'])
    consumer.subscribe('c').subscribe('c').subscribe(Buffer.from('c'))
    consumer.unsubscribe('a').unsubscribe('c').unsubscribe('c').unsubscribe('never')
    t.strictSame(source.heard, ['+c'])
    consumer.unsubscribe('c').unsubscribe('a')
    t.strictSame(source.heard, ['+c', '-c', '-a'])
    t.strictSame(feed('other').connect().prefixes, ['b'])
    await consumer.close()
  },
)

t.test('refuses what is no prefix, and more than 10,000 of them', async (t) => {
  const { consumer, feed } = scene({ topics: [] })
  const source = feed().connect().start()
  t.throws(() => consumer.subscribe('a\u0000'), { code: 'BAD_TOPIC' })
  t.throws(() => consumer.subscribe(5 as never), { code: 'BAD_OPTION' })
  for (let i = 0; i < 10_000; i++) consumer.subscribe(`t${i}`)
  t.throws(() => consumer.subscribe('one more'), { code: 'BAD_OPTION', message: /at most 10000 prefixes/ })
  consumer.subscribe('t5')
  t.equal(source.heard.length, 10_000)
  await consumer.close()
})

t.test('waits for sources, and for a topic', async (t) => {
  const { consumer, feed } = scene({ topics: ['a'] })
  let linked = 0
  const both = consumer.linked({ count: 2 }).then(() => linked++)
  const topical = consumer.linked({ topic: 'b.c' }).then(() => linked++)
  const abort = new AbortController()
  const aborted = consumer.linked({ count: 3, signal: abort.signal })
  const never = consumer.linked({ count: 3 })
  const first = feed('first').connect()
  await settled()
  t.equal(linked, 0, 'a handshake is no link yet')
  first.start()
  consumer.subscribe('b')
  await topical
  feed('second').connect().start(1, 'STREAM0002')
  await both
  abort.abort(new Error('no longer'))
  await t.rejects(aborted, { message: 'no longer' })
  const closing = consumer.close()
  await t.rejects(never, { code: 'CLOSED' })
  await closing
})

t.test('asks for the rest of a stream that it knows, through whatever link the producer comes back', async (t) => {
  const carries = { stream: 'STREAM0001', run: 1 }
  for (const lines of ['arbitrate', 'separate'] as const) {
    const { consumer, feed } = scene({ lines })
    const first = feed('guest 1', 'accepted').connect({ kind: 'fanwire', carries })
    t.equal(first.from, 'now', 'nothing of it is known yet')
    first.start(5).bring('a:5', 'a:6')
    first.port.disconnected(undefined)
    const second = feed('guest 2', 'accepted').connect({ kind: 'fanwire', carries })
    t.strictSame(second.from, lines === 'separate' ? 'now' : { ...carries, next: 7 })
    const restarted = feed('guest 3', 'accepted').connect({ kind: 'fanwire', carries: { ...carries, run: 2 } })
    t.strictSame(restarted.from, lines === 'separate' ? 'now' : { ...carries, next: 7 }, 'and all of its new life')
    const stranger = feed('guest 4', 'accepted').connect({
      kind: 'fanwire',
      carries: { ...carries, stream: 'ANOTHER001' },
    })
    t.equal(stranger.from, 'now')
    await consumer.close()
  }
})

t.test('hangs up on a peer whose link was closed before it had introduced itself', async (t) => {
  const { consumer, feed } = scene()
  const guest = feed('guest', 'accepted')
  consumer.links[0]?.close()
  guest.connect()
  t.equal(guest.closed, undefined)
  t.same(consumer.links, [])
  await consumer.close()
})

t.test('goes on with a stream where it stopped, and tells streams and runs apart', async (t) => {
  const { consumer, feed } = scene({ from: 'oldest' })
  const streams: string[] = []
  consumer.on('stream', ({ stream, run, first }) => streams.push(`${stream} ${run} from ${first}`))
  const source = feed().connect()
  t.equal(source.from, 'oldest')
  source.start(5)
  source.bring('a:5', 'a:6')
  source.port.disconnected(undefined)
  t.strictSame(source.connect().from, { stream: 'STREAM0001', run: 1, next: 7 })
  source.start(7)
  t.strictSame(streams, ['STREAM0001 1 from 5'], 'it is the same')
  source.port.disconnected(undefined)
  source.connect().start(1, 'STREAM0001', 2)
  source.bring('a:1')
  t.strictSame(streams, ['STREAM0001 1 from 5', 'STREAM0001 2 from 1'])
  t.match(consumer.stats().streams, [
    { run: 1, live: false, first: 5, next: 7, received: 2, tail: 'unknown' },
    { run: 2, live: true, first: 1, next: 2, received: 1 },
  ])
  t.strictSame(await taken(consumer), ['a:5', 'a:6', 'a:1'])
  await consumer.close()
})

t.test('asks for the lowest number that is missing, and not for what other lines have brought', async (t) => {
  const { consumer, feed } = scene()
  const [behind, ahead] = [feed('behind').connect().start(), feed('ahead').connect().start(4)]
  ahead.bring('a:4', 'a:5')
  behind.bring('a:1')
  ahead.port.disconnected(undefined)
  t.match(ahead.connect().from, { next: 2 })
  ahead.start(2).bring('a:2', 'a:3', 'a:4', 'a:5', 'a:6')
  t.match(consumer.stats().streams, [{ received: 6, lost: 0, missing: 0, duplicates: 2 }])
  t.strictSame(await taken(consumer), ['a:1', 'a:2', 'a:3', 'a:4', 'a:5', 'a:6'])
  await consumer.close()
})

t.test('resumes a stream of an earlier life, and counts what the producer no longer has', async (t) => {
  const { consumer, feed } = scene({ from: { stream: 'STREAM0001', run: 1, next: 10 } })
  const gaps: Gap[] = []
  consumer.on('gap', (gap) => gaps.push(gap))
  const source = feed().connect()
  t.strictSame(source.from, { stream: 'STREAM0001', run: 1, next: 10 })
  source.start(15)
  t.strictSame(gaps, [{ stream: 'STREAM0001', from: 10, to: 15, missing: 5, state: 'lost' }])
  source.bring('a:15')
  const loop = consumer.messages()
  t.match(await loop.next(), { value: { sequence: 15, missed: 5 } })
  t.match(consumer.stats().streams, [{ first: 10, next: 16, lost: 5, delivered: 1 }])
  const other = feed('other').connect().start(3, 'STREAM0002')
  t.match(consumer.stats().streams[1], { first: 3, next: 3, lost: 0 }, 'another stream begins where it begins')
  other.port.disconnected(undefined)
  await consumer.close()
})

t.test('gives each message once that several lines bring, or to each line its own', async (t) => {
  for (const lines of ['arbitrate', 'separate'] as const) {
    const { consumer, feed } = scene({
      lines,
      overflow: { policy: 'buffer', limit: { messages: 100, bytes: 1e6 }, then: 'drop' },
    })
    const [first, second] = [feed('first').connect().start(), feed('second').connect().start()]
    first.bring('a:1', 'a:2')
    second.bring('a:1', 'a:2', 'a:3')
    const all = lines === 'arbitrate' ? ['a:1', 'a:2', 'a:3'] : ['a:1', 'a:2', 'a:1', 'a:2', 'a:3']
    t.strictSame(await taken(consumer), all, lines)
    t.equal(consumer.stats().streams.length, lines === 'arbitrate' ? 1 : 2)
    await consumer.close()
  }
})

t.test('forgets the oldest of many streams that nobody carries, and knows one that comes back as new', async (t) => {
  const { consumer, feed } = scene()
  let known = 0
  consumer.on('stream', () => known++)
  const name = (i: number) => `STREAM${String(i).padStart(4, '0')}`
  const first = feed('first').connect().start(1, name(0))
  first.port.disconnected(undefined)
  const other = feed('other')
  for (let i = 1; i <= 1_000; i++) {
    other.connect().start(1, name(i))
    other.port.disconnected(undefined)
  }
  t.equal(consumer.stats().streams.length, 1_000)
  first.connect().start(1, name(0))
  t.equal(known, 1_002)
  t.match(consumer.stats().streams.at(-1), { stream: name(0), live: true })
  await consumer.close()
})

t.test('counts what comes without numbers by link, also when that has ended', async (t) => {
  const { platform, consumer, feed } = scene({ topics: ['a'] })
  const source = feed('foreign', 'accepted').connect({ kind: 'foreign' })
  platform.turn()
  source.bring('a:1', 'b:2', 'a:3')
  t.match(consumer.stats(), {
    streams: [],
    unsequenced: [{ remote: 'foreign', received: 3, unwanted: 1, inboxWaiting: 2 }],
    links: [{ remote: 'foreign', kind: 'foreign', state: 'open', received: 3, acknowledged: undefined }],
  })
  source.port.disconnected(undefined)
  t.match(consumer.stats(), { unsequenced: [{ remote: '', received: 3, inboxWaiting: 2 }], links: [] })
  t.strictSame(await taken(consumer), ['a:1', 'a:3'])
  t.match(consumer.stats().unsequenced, [{ received: 3, unwanted: 1, delivered: 2, inboxWaiting: 0 }])
  await consumer.close()
})

t.test('tells of links in pairs, of foreign ones once they can be told what is wanted', async (t) => {
  const { platform, consumer, feed } = scene()
  const told: string[] = []
  consumer.on('link', ({ remote }) => told.push(`+${remote}`))
  consumer.on('unlink', ({ remote }, reason) => told.push(`-${remote} ${reason?.message}`))
  const fanwire = feed('fanwire').connect()
  t.strictSame(told, [])
  fanwire.start()
  const foreign = feed('foreign', 'accepted').connect({ kind: 'foreign' })
  const short = feed('short', 'accepted').connect({ kind: 'foreign' })
  short.port.disconnected(undefined)
  t.strictSame(told, ['+fanwire'])
  platform.turn()
  foreign.port.disconnected(new Error('gone'))
  fanwire.port.disconnected(undefined)
  const failed = feed('failed').connect()
  failed.port.disconnected(new Error('no handshake'))
  t.strictSame(told, ['+fanwire', '+foreign', '-foreign gone', '-fanwire undefined'])
  await consumer.close()
})

t.test('leaves a link closed that was closed by whoever was told of it', async (t) => {
  for (const event of ['stream', 'gap', 'link'] as const) {
    const { consumer, feed } = scene({ from: { stream: 'STREAM0001', run: 1, next: 1 } })
    const source = feed().connect()
    consumer.on(event, () => (source.port as unknown as Source).close())
    let linked = 0
    consumer.on('link', () => linked++)
    consumer.on('unlink', () => linked--)
    source.start(5)
    t.equal(source.port.ended, true, event)
    t.equal(source.closed, undefined)
    t.equal(linked, 0)
    t.strictSame(consumer.links, [])
    t.notOk(consumer.stats().streams.some(({ live }) => live))
    await consumer.close()
  }
})

t.test('closes once: ends loops, tells producers what is taken, and gives its last account', async (t) => {
  const { platform, consumer, feed } = scene()
  const source = feed().connect().start()
  const loop = consumer.messages()
  source.bring('a:1')
  t.match(await loop.next(), { value: { sequence: 1 } })
  const waits = loop.next()
  await settled()
  source.bring('a:2')
  const closing = consumer.close()
  t.equal(consumer.close(), closing)
  t.strictSame(await waits, { done: true, value: undefined })
  t.strictSame(source.acknowledged, [2], 'what is in the inbox was taken')
  t.equal(source.closed, undefined)
  const stats = await closing
  t.match(stats, {
    id: 'CONSUMER01',
    inbox: { messages: 1 },
    streams: [{ live: true, received: 2, delivered: 1, inboxWaiting: 1 }],
    links: [{ remote: 'source', state: 'open', received: 2, acknowledged: 2 }],
  })
  t.strictSame(consumer.links, [])
  t.strictSame(source.bring('a:3'), [true])
  t.match(consumer.stats().streams, [{ received: 2 }])
  t.equal(consumer.open('late', 'accepted').ended, true)
  t.strictSame(consumer.links, [])
  platform.turn()
  t.equal(platform.timers, 0)
  await consumer[Symbol.asyncDispose]()
})

t.test('closes a link for good when asked', async (t) => {
  const { consumer, feed } = scene()
  const source = feed().connect().start()
  const [link] = consumer.links
  link?.close()
  t.equal(source.port.ended, true)
  t.equal(source.closed, undefined)
  t.strictSame(consumer.links, [])
  link?.close()
  t.strictSame(source.connect().prefixes, [''], 'a carrier that comes too late is not in the way')
  source.start()
  t.match(link, { state: 'closed' })
  await consumer.close()
})
