import { once } from 'node:events'
import { type Test, test } from 'tap'
import { balanceStream, createConsumer } from '../../../lib/index.js'
import { type ConsumerLinkDouble, consume, folderFor, hex, RawListener, RawPeer, type Setup } from './doubles.js'

const PUB = '0053500000200000'
const SUB = '0053500000210000'
/** Number 5 and number 7 of one stream, number 1 of another, and a message that has no number. */
const STAMPED = {
  five: '000000000000001e 6101 41424344454647484939 0000000000000005 0006474846204000 7935',
  seven: '000000000000001e 6101 41424344454647484939 0000000000000007 0006474846204000 7937',
  other: '000000000000001e 6101 5858585858585858585a 0000000000000001 0006474846204000 7a31',
  plain: '0000000000000004 61 00 7031',
}

/** A consumer that listens, and a peer that has dialled it. */
async function link(t: Test, setup: Setup = {}) {
  const consumer = await consume('sp+tcp://127.0.0.1:0', setup)
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  t.teardown(async () => {
    peer.socket.destroy()
    await consumer.close()
  })
  peer.write(PUB)
  t.equal(await peer.read(8), SUB)
  const link = (await consumer.links.until(() => true)) as ConsumerLinkDouble
  return { consumer, peer, link }
}

function messages(port: ConsumerLinkDouble): readonly (readonly [topic: string, data: string])[] {
  return port.of('message').map(({ topic, data }) => [topic, data])
}

test('says nothing after its header, whatever the core asks for and however long it is silent', async (t) => {
  const { consumer, peer, link: port } = await link(t)
  t.strictSame(await port.until('connected'), { type: 'connected', peer: { kind: 'foreign' } })
  const { carrier } = port
  carrier?.subscribe(Buffer.from('x'))
  carrier?.unsubscribe(Buffer.from('x'))
  carrier?.acknowledge(5)
  port.room = 1
  peer.write(STAMPED.plain, STAMPED.plain)
  await port.until('message')
  consumer.clock.advance(1_000_000)
  port.room = 10
  carrier?.resume()
  await port.events.until(() => port.count === 2)
  consumer.clock.advance(1_000_000)
  t.strictSame(consumer.faults.all, [], 'silence is no fault where nobody can be asked')
  carrier?.close()
  await peer.ended
  t.equal(peer.unread, '')
})

test('reads header and messages cut at every offset', async (t) => {
  const text = `${PUB} 0000000000000003 414243  0000000000000000  0000000000000004 61 00 6869`
  const bytes = hex(text)
  for (let at = 1; at < bytes.length; at++) {
    const consumer = await consume('sp+tcp://127.0.0.1:0')
    const peer = await RawPeer.dial(consumer.urls[0] as string)
    peer.socket.write(bytes.subarray(0, at))
    await peer.read(8)
    await new Promise((resolve) => setImmediate(resolve))
    peer.socket.write(bytes.subarray(at))
    const port = (await consumer.links.until(() => true)) as ConsumerLinkDouble
    await port.events.until(() => port.count === 3)
    t.strictSame(
      messages(port),
      [
        ['', 'ABC'],
        ['', ''],
        ['a', 'hi'],
      ],
      `cut at ${at}`,
    )
    peer.socket.destroy()
    await consumer.close()
  }
})

test('takes a truncated message for none, and says that the connection is lost', async (t) => {
  const bytes = hex('0000000000000003 414243')
  for (let length = 0; length < bytes.length; length++) {
    const { consumer, peer, link: port } = await link(t)
    peer.socket.end(bytes.subarray(0, length))
    t.match(await port.until('disconnected'), { reason: undefined })
    t.equal(port.count, 0)
    t.strictSame(consumer.faults.all, [])
  }
})

test('tells of the first body without a topic, and counts them all', async (t) => {
  const consumer = await createConsumer('sp+tcp://127.0.0.1:0', { role: 'listen' })
  t.teardown(() => consumer.close())
  const fault = once(consumer, 'fault')
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  peer.write(PUB, '0000000000000003 414243', '0000000000000000', '0000000000000004 61 00 6869')
  const seen: [string, string][] = []
  for await (const message of consumer) {
    seen.push([message.topic, message.text()])
    if (seen.length === 3) break
  }
  t.strictSame(seen, [
    ['', 'ABC'],
    ['', ''],
    ['a', 'hi'],
  ])
  t.match(await fault, [{ code: 'BAD_PEER', message: /^sp\+tcp:.*:\d+: a message has no topic.*body: 'raw'/ }])
  t.strictSame(consumer.stats().ends, [{ bare: 2, unnamed: 0 }])
  peer.socket.destroy()
})

test('names the topics of data alone by a function of it', async (t) => {
  const topicOf = (data: Uint8Array) => {
    if (data.length === 0) throw new Error('nothing to go by')
    return `é${String.fromCharCode(data[0] as number)}`
  }
  const consumer = await createConsumer('sp+tcp://127.0.0.1:0', {
    role: 'listen',
    body: 'raw',
    topicOf,
    topics: ['éA', 'éa'],
  })
  t.teardown(() => consumer.close())
  const fault = once(consumer, 'fault')
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  peer.write(PUB, '0000000000000003 414243', '0000000000000000', '0000000000000001 42', '0000000000000002 6100')
  const seen: [string, string][] = []
  for await (const message of consumer) {
    seen.push([message.topic, message.data.toString()])
    if (seen.length === 2) break
  }
  t.strictSame(seen, [
    ['éA', 'ABC'],
    ['éa', 'a\0'],
  ])
  t.match(await fault, [{ code: 'UNDECODABLE', message: /topicOf failed: nothing to go by/ }])
  t.match(consumer.stats(), {
    ends: [{ bare: 0, unnamed: 1 }],
    unsequenced: [{ received: 4, delivered: 2, unwanted: 2 }],
  })
  peer.socket.destroy()
})

test('tells stream and number of stamped messages, and when they change', async (t) => {
  const { peer, link: port } = await link(t)
  const { five, seven, other, plain } = STAMPED
  peer.write(plain, five, seven, other, seven, plain, plain, seven)
  await port.events.until(() => port.count === 8)
  const start = (stream: string, next: number) => ({
    type: 'started',
    start: { stream, run: 0, next, oldest: 1, recovery: { reorderMs: 0 } },
  })
  const message = (data: string) => ({ type: 'message', topic: 'a', data })
  t.strictSame(port.events.all.slice(1), [
    message('p1'),
    start('ABCDEFGHI9', 5),
    message('y5'),
    { type: 'numbered', next: 7 },
    message('y7'),
    start('XXXXXXXXXZ', 1),
    message('z1'),
    start('ABCDEFGHI9', 7),
    message('y7'),
    { type: 'unnumbered' },
    message('p1'),
    message('p1'),
    start('ABCDEFGHI9', 7),
    message('y7'),
  ])
})

test('keeps the streams of a forwarder apart, and what has no number beside them', async (t) => {
  const consumer = await createConsumer('sp+tcp://127.0.0.1:0', { role: 'listen' })
  t.teardown(() => consumer.close())
  const gaps: unknown[] = []
  consumer.on('gap', ({ stream, from, to, state }) => gaps.push([stream, from, to, state]))
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  const { five, seven, other, plain } = STAMPED
  peer.write(PUB, plain, five, other, plain, seven, other, plain)
  const seen: unknown[] = []
  for await (const { stream, sequence, missed } of consumer) {
    seen.push([stream, sequence, missed])
    if (seen.length === 6) break
  }
  t.strictSame(seen, [
    [undefined, undefined, 0],
    ['ABCDEFGHI9', 5, 0],
    ['XXXXXXXXXZ', 1, 0],
    [undefined, undefined, 0],
    ['ABCDEFGHI9', 7, 1],
    [undefined, undefined, 0],
  ])
  t.strictSame(gaps, [['ABCDEFGHI9', 6, 7, 'lost']])
  const { streams, unsequenced, links } = consumer.stats()
  t.match(
    streams.toSorted((a, b) => (a.stream < b.stream ? -1 : 1)),
    [
      { stream: 'ABCDEFGHI9', first: 5, next: 8, received: 2, lost: 1, live: true },
      { stream: 'XXXXXXXXXZ', first: 1, next: 2, received: 1, duplicates: 1, live: true },
    ],
  )
  for (const ledger of streams) t.equal(balanceStream(ledger), undefined)
  t.match(unsequenced, [{ received: 3, delivered: 3 }])
  t.match(links, [{ received: 7, line: { missed: 1, duplicates: 1 } }])
  const gone = once(consumer, 'unlink')
  peer.socket.end()
  await gone
  t.ok(consumer.stats().streams.every(({ live, tail }) => !live && tail === 'unknown'))
})

test('takes a producer that comes back with old numbers for one that has begun anew', async (t) => {
  const consumer = await createConsumer('sp+tcp://127.0.0.1:0', { role: 'listen' })
  t.teardown(() => consumer.close())
  const [url] = consumer.urls as [string]
  const faults: unknown[] = []
  consumer.on('fault', ({ code, stream }) => faults.push([code, stream]))
  const { five, seven } = STAMPED
  const lives = [[five, seven], [five, seven], [seven.replace('0000000000000007 0006', '0000000000000008 0006')]]
  const seen: unknown[] = []
  for (const [life, words] of lives.entries()) {
    const peer = await RawPeer.dial(url)
    peer.write(PUB, ...words)
    for await (const { sequence, missed } of consumer) {
      seen.push([life, sequence, missed])
      if (seen.length === [2, 4, 5][life]) break
    }
    const gone = once(consumer, 'unlink')
    peer.socket.end()
    await gone
  }
  t.strictSame(seen, [
    [0, 5, 0],
    [0, 7, 1],
    [1, 5, 0],
    [1, 7, 1],
    [2, 8, 0],
  ])
  t.strictSame(faults, [['SEQUENCE_RESET', 'ABCDEFGHI9']])
  t.match(consumer.stats().streams, [
    { run: 0, first: 5, next: 8, received: 2, lost: 1, duplicates: 0 },
    { run: 1, first: 5, next: 9, received: 3, lost: 1, duplicates: 0 },
  ])
})

test('carries 64 streams of one connection at a time, however many names come', async (t) => {
  const consumer = await createConsumer('sp+tcp://127.0.0.1:0', { role: 'listen' })
  t.teardown(() => consumer.close())
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  const names = Array.from({ length: 100 }, (_, i) => `STREAM0${String(i).padStart(3, '0')}`)
  peer.write(
    PUB,
    ...names.map((name) => STAMPED.other.replace('5858585858585858585a', Buffer.from(name).toString('hex'))),
  )
  let count = 0
  for await (const { stream } of consumer) {
    t.equal(stream, names[count])
    if (++count === names.length) break
  }
  const { streams, links } = consumer.stats()
  t.equal(streams.filter(({ live }) => live).length, 64)
  t.match(links, [{ received: 100, stream: names.at(-1) }])
  peer.socket.destroy()
})

test('holds the peer back while the inbox is full, and loses nothing', async (t) => {
  const prepare = (link: object) => Object.assign(link, { room: 3 })
  const { peer, link: port } = await link(t, { prepare })
  const count = 20_000
  const one = Buffer.concat([hex('0000000000000066 61 00'), Buffer.alloc(100, 0x62)])
  peer.socket.end(Buffer.concat(Array.from({ length: count }, () => one)))
  await port.events.until(() => port.count === 3)
  while (port.count < count) {
    const before = port.count
    port.room = 7_000
    port.carrier?.resume()
    await port.events.until(() => port.count >= Math.min(count, before + 7_000), before)
  }
  t.match(await port.until('disconnected'), { reason: undefined })
  t.equal(port.count, count)
  t.equal(peer.unread, '')
})

test('names peers that break the rules, and cuts only them', async (t) => {
  const { consumer, link: stays, peer: good } = await link(t, { maxMessageBytes: 10 })
  const cases: [name: string, bytes: string, message: RegExp][] = [
    ['a SUB', SUB, /peer is a SUB socket; a consumer \(SUB\) works with PUB/],
    ['a PUSH', '0053500000500000', /peer is a PUSH socket/],
    ['a message above the limit', `${PUB}000000000000000d 61 00 ${'62'.repeat(11)}`, /message of 12 bytes, at most 10/],
    ['bare data above the limit', `${PUB}000000000000000b ${'62'.repeat(11)}`, /message of 11 bytes, at most 10/],
    ['a size above the limit', `${PUB}0000000000000026`, /announces a body of 38 bytes, at most 37/],
    ['an absurd size', `${PUB}ffffffffffffffff`, /announces a body of 18446744073709552000 bytes/],
  ]
  for (const [name, bytes, message] of cases) {
    const before = consumer.faults.all.length
    const peer = await RawPeer.dial(consumer.urls[0] as string)
    peer.write(bytes)
    await peer.ended
    t.match(consumer.faults.all.slice(before), [{ code: 'BAD_PEER', message, remote: /^sp\+tcp:/ }], name)
    t.equal(peer.unread, SUB)
  }
  good.write('000000000000000b 61 00 626262626262626262')
  await stays.until('message')
})

test('refuses a message of another type over a UNIX socket', async (t) => {
  const consumer = await consume(`sp+ipc://${folderFor(t)}/c`, { options: { body: 'raw' } })
  t.teardown(() => consumer.close())
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  peer.write(PUB, '01 0000000000000001 41', '02 0000000000000001 42')
  await peer.ended
  t.match(consumer.faults.all, [{ code: 'BAD_PEER', message: /a message of the type 2/ }])
  t.strictSame(messages(consumer.links.all[0] as ConsumerLinkDouble), [['', 'A']])
})

test('dials a publisher again after it has gone, and says its header to each', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const consumer = await consume(listener.url.replace('tcp:', 'sp+tcp:'), {
    role: 'dial',
    options: { reconnectMinMs: 100, reconnectMaxMs: 800 },
  })
  t.teardown(() => consumer.close())
  const [port] = consumer.links.all as [ConsumerLinkDouble]
  for (let i = 0; i < 5; i++) {
    const peer = await listener.peer(i)
    t.equal(await peer.read(8), SUB)
    peer.write(PUB, STAMPED.plain)
    await port.events.until(() => port.count === i + 1)
    const before = port.events.all.length
    if (i % 2 === 0) peer.socket.destroy()
    else peer.socket.resetAndDestroy()
    await port.until('disconnected', before)
    consumer.clock.advance(800)
  }
  t.equal(consumer.links.all.length, 1)
})

test('waits long after a publisher of the wrong kind', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const consumer = await consume(listener.url.replace('tcp:', 'sp+tcp:'), {
    role: 'dial',
    options: { reconnectMinMs: 100, reconnectMaxMs: 800 },
  })
  t.teardown(() => consumer.close())
  const peer = await listener.peer()
  peer.write('0053500000500000')
  await peer.ended
  t.match(consumer.faults.all, [{ code: 'BAD_PEER', message: /peer is a PUSH socket/ }])
  consumer.clock.advance(399)
  t.equal(listener.peers.all.length, 1)
  consumer.clock.advance(401)
  await listener.peer(1)
})
