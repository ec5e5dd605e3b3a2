import { type Test, test } from 'tap'
import { readRequest } from '../../../lib/framing/moldudp64/request.js'
import { balanceStream } from '../../../lib/ledger.js'
import type { Message } from '../../../lib/message.js'
import { Happened, plainSocket } from './ends.js'
import { Feed } from './packets.js'
import { openConsumer, openProducer, passing, readAll, STREAM, sendTo, turns } from './scene.js'

const feed = new Feed()

interface Asked {
  readonly first: number
  readonly count: number
}

/** A feed of another make: a line that a test speaks for, and a request server that answers as the test says. */
async function openFeed(
  t: Test,
  answer: (asked: Asked, nth: number) => readonly Uint8Array[],
  options: Readonly<Record<string, unknown>> = {},
  reads = true,
) {
  const asked = new Happened<Asked>()
  const server = await plainSocket(t)
  server.on('message', (bytes, { port, address }) => {
    const request = readRequest(bytes)
    if (typeof request === 'string') throw new Error(`a request has a flaw: ${request}`)
    asked.push(request)
    for (const packet of answer(request, asked.all.length)) server.send(packet, port, address)
  })
  const requests = `127.0.0.1:${server.address().port}`
  const opened = await openConsumer(t, 'udp://127.0.0.1:0', { body: 'raw', requests, ...options })
  const line = await plainSocket(t)
  const send = (...packets: readonly Uint8Array[]) => sendTo(line, opened.url, ...packets)
  const reading = reads ? readAll(opened.consumer) : { taken: new Happened<Message>(), failed: Promise.resolve() }
  return { ...opened, ...reading, asked, send, requests }
}

const texts = ({ all }: Happened<Message>) => all.map((message) => message.text())
const numbers = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => `${first + i}`)
const all = ({ first, count }: Asked) => [feed.numbers(first, first + count - 1)]

/** Lets time pass in small steps, with the sockets having their turns, until there are `count` messages. */
async function reach(scene: { taken: Happened<Message>; clock: Parameters<typeof passing>[0] }, count: number) {
  await passing(scene.clock, scene.taken.reach(count), 1)
}

test('asks for what is missing, from a socket of its own, and delivers in order', async (t) => {
  const scene = await openFeed(t, all)
  await scene.send(feed.numbers(1, 3), feed.numbers(7, 9))
  await scene.told.reach(2)
  t.same(scene.asked.all, [], 'not before datagrams may have overtaken each other')
  await reach(scene, 9)
  t.same(texts(scene.taken), numbers(1, 9))
  t.same(scene.asked.all, [{ first: 4, count: 3 }])
  t.same(scene.told.all.slice(1), ['gap open 4-6', 'gap recovered 4-6'])
  t.match(scene.consumer.stats().streams, [{ received: 9, lost: 0, missing: 0, duplicates: 0 }])
  t.match(scene.consumer.stats().links, [{ line: { missed: 3 } }], 'the line has not brought them')
})

test('asks for nothing when datagrams only overtook each other', async (t) => {
  const scene = await openFeed(t, all)
  await scene.send(feed.numbers(1, 2), feed.numbers(5, 6), feed.numbers(3, 4), feed.numbers(7, 7))
  await scene.taken.reach(7)
  scene.clock.advance(10_000)
  t.same(texts(scene.taken), numbers(1, 7))
  t.same(scene.asked.all, [])
})

test('asks for several gaps at once, and together for those that are near', async (t) => {
  const scene = await openFeed(t, all)
  await scene.send(feed.numbers(1, 1), feed.numbers(3, 3), feed.numbers(5, 20), feed.numbers(22, 22))
  await reach(scene, 22)
  t.same(scene.asked.all, [
    { first: 2, count: 3 },
    { first: 21, count: 1 },
  ])
  t.match(scene.consumer.stats().streams, [{ received: 22, duplicates: 1 }])
})

test('learns of the loss of the last messages by a heartbeat, and asks for them', async (t) => {
  const scene = await openFeed(t, all)
  await scene.send(feed.numbers(1, 2), feed.heartbeat(6))
  await reach(scene, 5)
  t.same(texts(scene.taken), numbers(1, 5))
})

test('fills what an end of session shows to be missing before it tells of the end', async (t) => {
  const scene = await openFeed(t, all)
  await scene.send(feed.numbers(1, 2), feed.end(6))
  await reach(scene, 5)
  t.same(scene.told.all.slice(1), ['gap open 3-5', 'gap recovered 3-5', `end ${STREAM} before 6`])
})

const servers: Record<string, { answer: Parameters<typeof openFeed>[1]; recovers: boolean; mostMs: number }> = {
  'answers one message at a time': { answer: ({ first }) => [feed.numbers(first, first)], recovers: true, mostMs: 500 },
  'answers everything twice': { answer: (asked) => [...all(asked), ...all(asked)], recovers: true, mostMs: 100 },
  'answers more than was asked for, on both sides': {
    answer: ({ first, count }) => [feed.numbers(Math.max(1, first - 3), Math.min(199, first + count + 3))],
    recovers: true,
    mostMs: 100,
  },
  'answers every third request': {
    answer: (asked, nth) => (nth % 3 === 0 ? all(asked) : []),
    recovers: true,
    mostMs: 3_500,
  },
  'answers at last': { answer: (asked, nth) => (nth > 12 ? all(asked) : []), recovers: true, mostMs: 3_500 },
  'never answers': { answer: () => [], recovers: false, mostMs: 3_100 },
  'answers for another session': {
    answer: ({ first, count }) => [new Feed('ANOTHER001').numbers(first, first + count - 1)],
    recovers: false,
    mostMs: 3_100,
  },
  'answers with heartbeats': { answer: () => [feed.heartbeat(150)], recovers: false, mostMs: 3_100 },
  'answers with damaged packets': {
    answer: (asked) => all(asked).map((packet) => packet.subarray(0, -1)),
    recovers: false,
    mostMs: 3_100,
  },
  'answers with what nobody asked for': { answer: () => [feed.numbers(1, 2)], recovers: false, mostMs: 3_100 },
}
for (const [name, { answer, recovers, mostMs }] of Object.entries(servers)) {
  test(`a request server that ${name}: bounded time, right account`, async (t) => {
    const scene = await openFeed(t, answer)
    await scene.send(feed.numbers(1, 50), feed.numbers(101, 110), feed.numbers(121, 150), feed.heartbeat(151))
    await scene.told.reach(3)
    const begun = scene.clock.now()
    await reach(scene, recovers ? 150 : 90)
    t.ok(scene.clock.now() - begun <= mostMs, `${scene.clock.now() - begun} ms`)
    const [stream] = scene.consumer.stats().streams
    t.equal(stream && balanceStream(stream), undefined)
    t.match(stream, recovers ? { received: 150, lost: 0 } : { received: 90, lost: 60, missing: 0 })
    t.same(
      texts(scene.taken),
      recovers ? numbers(1, 150) : [...numbers(1, 50), ...numbers(101, 110), ...numbers(121, 150)],
    )
    t.ok(scene.asked.all.length < 100, `${scene.asked.all.length} requests`)
    t.equal(
      scene.taken.all.reduce((sum, { missed }) => sum + missed, 0),
      recovers ? 0 : 60,
    )
  })
}

test('goes to the next server when one does not answer', async (t) => {
  const silent = await plainSocket(t)
  const other = await openFeed(t, all)
  const requests = `127.0.0.1:${silent.address().port},${other.requests}`
  const scene = await openConsumer(t, 'udp://127.0.0.1:0', { body: 'raw', requests })
  const { taken } = readAll(scene.consumer)
  await sendTo(await plainSocket(t), scene.url, feed.numbers(1, 1), feed.numbers(3, 3))
  await reach({ ...scene, taken }, 3)
  t.same(texts(taken), numbers(1, 3))
  t.same(other.asked.all, [{ first: 2, count: 1 }])
})

test('counts what comes after its gap was given up as late, and goes on', async (t) => {
  const scene = await openFeed(t, () => [])
  await scene.send(feed.numbers(1, 1), feed.numbers(4, 4))
  await reach(scene, 2)
  await scene.send(feed.numbers(2, 3), feed.numbers(3, 6))
  await reach(scene, 4)
  t.same(texts(scene.taken), ['1', '4', '5', '6'])
  t.match(scene.consumer.stats().streams, [{ received: 4, lost: 2, late: 3, duplicates: 1 }])
})

test('takes of a packet what it does not have yet', async (t) => {
  const scene = await openFeed(t, all)
  await scene.send(feed.numbers(1, 4), feed.numbers(3, 6), feed.numbers(1, 2), feed.numbers(6, 7))
  await scene.taken.reach(7)
  t.same(texts(scene.taken), numbers(1, 7))
  t.match(scene.consumer.stats().streams, [{ received: 7, duplicates: 5, lost: 0 }])
})

test('keeps the first of two messages with one number', async (t) => {
  const scene = await openFeed(t, all)
  await scene.send(feed.data(1, 'first'), feed.data(1, 'other'), feed.data(2, 'end'))
  await scene.taken.reach(2)
  t.same(texts(scene.taken), ['first', 'end'])
})

test('loses what the wire loses, and stalls for nothing, when it holds nothing back', async (t) => {
  const scene = await openFeed(t, all, { holdMs: 0, reorderMs: 0 })
  await scene.send(feed.numbers(1, 1), feed.numbers(3, 3), feed.numbers(5, 6))
  await scene.taken.reach(4)
  t.same(texts(scene.taken), ['1', '3', '5', '6'])
  t.same(
    scene.taken.all.map(({ missed }) => missed),
    [0, 1, 1, 0],
  )
  t.same(scene.asked.all, [])
  t.match(scene.consumer.stats().streams, [{ received: 4, lost: 2, missing: 0 }])
})

test('ends the loop after a loss where that is wanted, once what came before is delivered', async (t) => {
  const scene = await openFeed(t, () => [], { onLoss: 'fail' })
  await scene.send(feed.numbers(1, 2), feed.numbers(5, 6))
  await scene.told.reach(2)
  const failure = await passing(scene.clock, scene.failed, 1)
  t.match(failure, { code: 'LOST', message: new RegExp(`numbers 3 to 4 of the stream ${STREAM} are lost`) })
  t.same(texts(scene.taken), ['1', '2'])
})

test('gives a gap of a million up in the same time as any other', async (t) => {
  const scene = await openFeed(t, () => [])
  await scene.send(feed.numbers(1, 1), feed.numbers(1_000_002, 1_000_003))
  await scene.told.reach(2)
  const begun = scene.clock.now()
  await reach(scene, 3)
  t.ok(scene.clock.now() - begun <= 3_100)
  t.match(scene.consumer.stats().streams, [{ received: 3, lost: 1_000_000 }])
  t.ok(scene.asked.all.length <= 60, `${scene.asked.all.length} requests`)
})

test('gives the oldest gap up when more waits behind it than there is room for', async (t) => {
  const scene = await openFeed(t, () => [], { overflow: { policy: 'backpressure', limit: { messages: 50 } } })
  await scene.send(feed.numbers(1, 1), feed.numbers(3, 40), feed.numbers(41, 60))
  await scene.taken.reach(59)
  t.match(scene.consumer.stats().streams, [{ received: 59, lost: 1 }])
})

test('two receivers on one host get their own answers, and nothing of the other', async (t) => {
  const group = 'multicast://239.192.32.1:0'
  const lo = { interface: '127.0.0.1', body: 'raw' } as const
  const server = await openProducer(t, 'udp://127.0.0.1:9', { body: 'raw', requests: '127.0.0.1:0' })
  for (let i = 1; i <= 6; i++) server.producer.trySend('', `${i}`)
  await server.producer.flush()
  const requests = server.counts().requests?.url as string
  const one = await openConsumer(t, group, { ...lo, requests })
  const two = await openConsumer(t, one.url, { ...lo, requests })
  const readings = [readAll(one.consumer), readAll(two.consumer)] as const
  const line = await plainSocket(t)
  line.setMulticastInterface('127.0.0.1')
  await sendTo(line, one.url, feed.numbers(1, 2), feed.numbers(6, 6))
  for (const [i, { clock }] of [one, two].entries()) {
    const reading = readings[i] as (typeof readings)[0]
    await reach({ taken: reading.taken, clock }, 6)
    t.same(texts(reading.taken), numbers(1, 6))
  }
  t.match(server.counts().requests, { answered: 2 })
  for (const { consumer } of [one, two]) t.match(consumer.stats().streams, [{ duplicates: 0, received: 6 }])
})

/** A producer that retains, with a consumer that comes late. */
async function joinLate(
  t: Test,
  options: Readonly<Record<string, unknown>>,
  producing: Readonly<Record<string, unknown>> = {},
) {
  const early = await openConsumer(t, 'udp://127.0.0.1:0', { body: 'raw' })
  const { url } = early
  await early.consumer.close()
  const scene = await openProducer(t, url, { body: 'raw', requests: '127.0.0.1:0', ...producing })
  for (let i = 1; i <= 500; i++) scene.producer.trySend('', `${i}`)
  await scene.producer.flush()
  await turns()
  const requests = scene.counts().requests?.url as string
  const late = await openConsumer(t, url, { body: 'raw', requests, ...options }, scene)
  const { taken } = readAll(late.consumer)
  scene.producer.trySend('', '501')
  await scene.producer.flush()
  await late.told.reach(1)
  return { ...scene, late, taken, requests }
}

test('who comes late begins with the present', async (t) => {
  const { taken, late, counts } = await joinLate(t, {})
  await taken.reach(1)
  t.same(texts(taken), ['501'])
  t.match(late.consumer.stats().streams, [{ first: 501, received: 1, lost: 0 }])
  t.match(counts().requests, { answered: 0 })
})

test('who comes late may ask for all that the producer retains', async (t) => {
  const { taken, late, clock } = await joinLate(t, { from: 'oldest' })
  await reach({ taken, clock }, 501)
  t.same(texts(taken), numbers(1, 501))
  t.match(late.consumer.stats().streams, [{ first: 1, next: 502, received: 501, lost: 0, missing: 0 }])
  t.notOk(
    late.told.all.some((line) => line.startsWith('gap')),
    'the past is no gap',
  )
})

test('who comes late and asks for more than is retained begins with what is, and has lost nothing', async (t) => {
  const early = await openConsumer(t, 'udp://127.0.0.1:0', { body: 'raw' })
  const { url } = early
  await early.consumer.close()
  const producing = { body: 'raw', requests: '127.0.0.1:0', retain: { messages: 500 } } as const
  const scene = await openProducer(t, url, producing)
  for (let i = 1; i <= 600; i++) {
    scene.producer.trySend('', `${i}`.padStart(1_000, '0'))
    if (i % 50 === 0) await turns(1)
  }
  await scene.producer.flush()
  await turns()
  const requests = scene.counts().requests?.url as string
  // The first answers are lost, so that later ones come before them.
  const impair = (index: number) => (index < 2 ? [] : [{ delayMs: 0, overtakenBy: 0 }])
  const late = await openConsumer(t, url, { body: 'raw', requests, from: 'oldest', impair }, scene)
  const { taken } = readAll(late.consumer)
  for (let i = 601; i <= 603; i++) {
    scene.producer.trySend('', `${i}`.padStart(1_000, '0'))
    await scene.producer.flush()
  }
  await late.told.reach(1)
  const oldest = await passing(
    scene.clock,
    taken.reach(1).then(([message]) => message?.sequence ?? 0),
    1,
  )
  // A slab leaves as a whole, the first after some 16 messages: the second request asks for what is there.
  t.ok(oldest > 1 && oldest < 33, `${oldest}`)
  await reach({ taken, clock: scene.clock }, 604 - oldest)
  t.same(
    taken.all.map(({ sequence }) => sequence),
    Array.from({ length: 604 - oldest }, (_, i) => oldest + i),
  )
  t.match(late.consumer.stats().streams, [{ first: oldest, lost: 0, missing: 0 }])
})

test('who comes back after a restart of its own goes on where it was', async (t) => {
  const from = { stream: STREAM, run: 0, next: 480 }
  const { taken, clock, late } = await joinLate(t, { from })
  await reach({ taken, clock }, 22)
  t.same(texts(taken), numbers(480, 501))
  t.match(late.consumer.stats().streams, [{ first: 480, received: 22, lost: 0 }])
})

test('a consumer that does not read stops its line, and loses what the system has no room for', async (t) => {
  const scene = await openConsumer(t, 'udp://127.0.0.1:0', {
    body: 'raw',
    receiveBufferBytes: 65_536,
    overflow: { policy: 'backpressure', limit: { messages: 10 } },
  })
  const { producer, close } = await openProducer(t, scene.url, { body: 'raw', overflow: 'backpressure' }, scene)
  for (let i = 1; i <= 1_000; i++) {
    await producer.send('', `${i}`.padStart(1_000, '0'))
    await producer.flush()
    if (i % 20 === 0) await turns(1)
  }
  t.match(producer.stats(), { accepted: 1_000, links: [{ handed: 1_000 }] })
  const { inbox } = scene.consumer.stats()
  t.ok(inbox.messages >= 10 && inbox.messages < 15, `${inbox.messages} wait`)
  const { taken } = readAll(scene.consumer)
  const ended = new Promise<void>((settled) => scene.consumer.once('end', () => settled()))
  await close(5_000)
  await passing(scene.clock, ended, 1)
  const [stream] = scene.consumer.stats().streams
  t.ok((stream?.lost ?? 0) > 0, `${stream?.lost} lost`)
  t.equal((stream?.received ?? 0) + (stream?.lost ?? 0), 1_000)
  t.equal(taken.all.length, stream?.received)
})

test('what a request server still has is not lost while the consumer does not read', async (t) => {
  const scene = await openFeed(t, all, { overflow: { policy: 'backpressure', limit: { messages: 10 } } }, false)
  await scene.send(feed.numbers(1, 2), feed.numbers(4, 4))
  await scene.told.reach(2)
  // Another sender fills the inbox meanwhile.
  await sendTo(await plainSocket(t), scene.url, new Feed('OTHER').numbers(1, 10))
  while (scene.consumer.stats().inbox.messages < 10) await turns(1)
  scene.clock.advance(20_000)
  t.same(scene.asked.all, [])
  const { taken } = readAll(scene.consumer)
  await reach({ ...scene, taken }, 14)
  t.same(texts(taken).slice(-2), ['3', '4'])
  t.match(scene.consumer.stats().streams, [{ received: 4, lost: 0 }, { received: 10 }])
})

test('an answer goes to whoever asked, and to nobody else', async (t) => {
  // Answers come when the test says so.
  const waiting = new Happened<Asked>()
  const server = await plainSocket(t)
  let port = 0
  server.on('message', (bytes, from) => {
    port = from.port
    const request = readRequest(bytes)
    if (typeof request !== 'string') waiting.push(request)
  })
  const answer = (...packets: readonly Uint8Array[]) => sendTo(server, `udp://127.0.0.1:${port}`, ...packets)
  const scene = await openConsumer(t, 'udp://127.0.0.1:0', {
    body: 'raw',
    requests: `127.0.0.1:${server.address().port}`,
    from: 'oldest',
    lines: 'separate',
    pipelined: 1,
  })
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, scene.url, feed.numbers(9, 9))
  await scene.told.reach(1)
  scene.clock.advance(5)
  await waiting.reach(1)
  // The first that it still has.
  await answer(feed.numbers(4, 6))
  while (scene.consumer.stats().streams[0]?.first !== 4) await turns(1)
  await sendTo(b, scene.url, feed.numbers(9, 9))
  await scene.told.reach(2)
  scene.clock.advance(5)
  await waiting.reach(3)
  t.same(waiting.all, [
    { first: 1, count: 8 },
    { first: 7, count: 2 },
    { first: 1, count: 8 },
  ])
  await answer(feed.numbers(7, 8), feed.numbers(4, 4))
  const { taken } = readAll(scene.consumer)
  await taken.reach(7)
  await turns(20)
  t.match(scene.consumer.stats().streams, [
    { first: 4, received: 6, lost: 0, duplicates: 0 },
    { first: 4, received: 2, lost: 0, missing: 4, duplicates: 0 },
  ])
})

test('what an answer says otherwise than the line is counted on the line that asked', async (t) => {
  const scene = await openFeed(
    t,
    ({ first, count }) => [feed.numbers(first, first + count)].concat(feed.data(first + count, 'other')),
    {},
  )
  const twin = await plainSocket(t)
  await sendTo(twin, scene.url, feed.heartbeat(1))
  await scene.send(feed.numbers(1, 1), feed.data(3, 'three'))
  await reach(scene, 3)
  t.same(texts(scene.taken), ['1', '2', 'three'])
  await scene.faults.reach(1)
  t.match(scene.faults.all, [{ code: 'DIVERGENCE', message: /brings the number 3 with other bytes/ }])
  const lines = scene.consumer.stats().links.map(({ line }) => line?.divergent)
  t.same(lines.sort(), [0, 1])
})
