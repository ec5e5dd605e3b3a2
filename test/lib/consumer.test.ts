import t from 'tap'
import { json } from '../../lib/codec.js'
import {
  Consumer,
  type ConsumerSettings,
  type Gap,
  type InboxDrop,
  type Slow,
  type Source,
} from '../../lib/consumer.js'
import { createConsumer, createProducer, type Message } from '../../lib/index.js'
import type { Loop } from '../../lib/loop.js'
import type { ConsumerCarrier, ConsumerPort, Fault, SourcePeer, StartFrom, Transport } from '../../lib/transport.js'
import { FakePlatform, settled } from './support/fake-platform.js'

const text = new TextDecoder()

/** A connection of which a test plays the producer's part. */
class Feed implements ConsumerCarrier {
  readonly heard: string[] = []
  readonly acknowledged: number[] = []
  resumes = 0
  closed: Error | undefined | null = null
  from: StartFrom | undefined
  prefixes: string[] = []

  constructor(readonly port: ConsumerPort) {}

  connect(peer: SourcePeer = { kind: 'fanwire' }): this {
    const { prefixes, from } = this.port.connected(this, peer)
    this.prefixes = prefixes.map((prefix) => text.decode(prefix))
    this.from = from
    return this
  }

  start(next = 1, stream = 'STREAM0001', run = 1): this {
    this.port.started({ stream, run, next, oldest: 1, allowance: 1_000 })
    return this
  }

  bring(...messages: readonly string[]): boolean[] {
    return messages.map((message) => {
      const [topic = '', data = ''] = message.split(':')
      const chunk = Buffer.from(topic + data)
      return this.port.message(chunk, 0, topic.length, topic.length, chunk.length)
    })
  }

  resume(): void {
    this.resumes++
  }

  subscribe(prefix: Uint8Array): void {
    this.heard.push(`+${text.decode(prefix)}`)
  }

  unsubscribe(prefix: Uint8Array): void {
    this.heard.push(`-${text.decode(prefix)}`)
  }

  acknowledge(messages: number): void {
    this.acknowledged.push(messages)
  }

  close(reason?: Error): void {
    this.closed = reason
  }
}

function scene(settings: Partial<ConsumerSettings> = {}) {
  const platform = new FakePlatform()
  const consumer = new Consumer(platform, {
    id: 'CONSUMER01',
    topics: [''],
    overflow: {
      policy: 'backpressure',
      limit: { messages: 4, bytes: 1_000_000 },
      timeoutMs: Infinity,
      then: 'disconnect',
    },
    from: 'now',
    acknowledge: 'taken',
    onLoss: 'skip',
    lines: 'arbitrate',
    holdMs: 1_000,
    codec: undefined,
    ...settings,
  })
  const feed = (remote = 'source', origin: 'accepted' | 'dialled' = 'dialled') =>
    new Feed(consumer.open(remote, origin))
  return { platform, consumer, feed }
}

/** What a loop takes until nothing is left. */
async function taken(consumer: Consumer): Promise<string[]> {
  const seen: string[] = []
  const loop: Loop<Message> = consumer.messages()
  const take = async () => {
    for await (const message of loop) seen.push(`${message.topic}:${message.text()}`)
  }
  const done = take()
  await settled(50)
  await loop.return()
  await done
  return seen
}

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
  t.match(faults[0]?.message, /a message of a cannot be decoded/)
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
  const unlinked = new Promise((resolve) => consumer.once('unlink', resolve))
  await later.close()
  await unlinked
  const stats = await consumer.close()
  t.match(
    stats.streams.find(({ stream }) => stream === producer.stream),
    { delivered: 2, filtered: 1, lost: 0 },
  )
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
