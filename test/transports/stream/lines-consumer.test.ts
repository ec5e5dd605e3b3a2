import { once } from 'node:events'
import { type Test, test } from 'tap'
import { createConsumer, createProducer, json } from '../../../lib/index.js'
import { type ConsumerLinkDouble, consume, RawListener, RawPeer, type Setup } from './doubles.js'

const URL = 'lines+tcp://127.0.0.1:0'

/** A consumer that listens, and a peer that has dialled it. */
async function link(t: Test, setup: Setup = {}) {
  const consumer = await consume(URL, setup)
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  t.teardown(async () => {
    peer.socket.destroy()
    await consumer.close()
  })
  const link = (await consumer.links.until(() => true)) as ConsumerLinkDouble
  return { consumer, peer, link }
}

function dataOf(port: ConsumerLinkDouble): readonly string[] {
  return port.of('message').map(({ data }) => data)
}

test('reads lines with any end, empty ones, and the last one without its end', async (t) => {
  const { consumer, peer, link: port } = await link(t)
  peer.socket.end('ABC\nwith a return\r\n\n\r\n\0\xff\nthe last', 'latin1')
  t.match(await port.until('disconnected'), { reason: undefined })
  t.strictSame(dataOf(port), ['ABC', 'with a return', '', '', '\0\xff', 'the last'])
  t.ok(port.of('message').every(({ topic }) => topic === ''))
  t.strictSame(consumer.faults.all, [])
})

test('reads records with their size in front, whatever is in them', async (t) => {
  const { peer, link: port } = await link(t, { options: { frame: 'u32' } })
  peer.socket.end('\0\0\0\x03a\nb\0\0\0\0\0\0\0\x02\r\n', 'latin1')
  await port.until('disconnected')
  t.strictSame(dataOf(port), ['a\nb', '', '\r\n'])
})

test('reads the same of whom it dials, cut at every offset', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const bytes = Buffer.from('ab\r\n\ncd')
  for (let at = 0; at <= bytes.length; at++) {
    const consumer = await consume(`lines+${listener.url}`, { role: 'dial' })
    const peer = await listener.peer(at)
    peer.socket.write(bytes.subarray(0, at))
    const [port] = consumer.links.all as [ConsumerLinkDouble]
    await port.until('connected')
    await new Promise((resolve) => setImmediate(resolve))
    peer.socket.end(bytes.subarray(at))
    await port.until('disconnected')
    t.strictSame(dataOf(port), ['ab', '', 'cd'], `cut at ${at}`)
    t.equal(port.origin, 'dialled')
    await consumer.close()
  }
})

test('says nothing, whatever the core asks for and however long it is silent', async (t) => {
  const { consumer, peer, link: port } = await link(t)
  t.strictSame(await port.until('connected'), { type: 'connected', peer: { kind: 'foreign' } })
  const { carrier } = port
  carrier?.subscribe(Buffer.from('x'))
  carrier?.unsubscribe(Buffer.from('x'))
  carrier?.acknowledge(5)
  port.room = 1
  peer.socket.write('a\nb\n')
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

test('keeps what it has no room for, the last line without its end, too, after the peer has gone', async (t) => {
  const { peer, link: port } = await link(t)
  port.room = 1
  peer.socket.end('a\nb\nc')
  await peer.ended
  t.strictSame(dataOf(port), ['a'])
  for (const expected of [
    ['a', 'b'],
    ['a', 'b', 'c'],
  ]) {
    t.equal(port.of('disconnected').length, 0)
    port.room = 1
    port.carrier?.resume()
    t.strictSame(dataOf(port), expected)
  }
  port.carrier?.resume()
  await port.until('disconnected')
  t.equal(port.count, 3)
})

test('makes no message of what a broken connection has left behind, and counts it', async (t) => {
  const cases: [name: string, query: string, words: string, breakOff: (peer: RawPeer) => void][] = [
    ['half a line before a reset', '', 'whole\nhalf of a', ({ socket }) => socket.resetAndDestroy()],
    ['half a record', '?frame=u32', '\0\0\0\x05whole\0\0\0\x05half', ({ socket }) => socket.end()],
    ['half a size', '?frame=u32', '\0\0\0\x05whole\0\0', ({ socket }) => socket.end()],
  ]
  for (const [name, query, words, breakOff] of cases) {
    const consumer = await createConsumer(`${URL}${query}`, { role: 'listen' })
    t.teardown(() => consumer.close())
    const peer = await RawPeer.dial(consumer.urls[0] as string)
    peer.socket.write(words, 'latin1')
    const gone = once(consumer, 'unlink')
    for await (const message of consumer) {
      t.equal(message.text(), 'whole')
      break
    }
    breakOff(peer)
    await gone
    t.strictSame(consumer.stats().ends, [{ bare: 0, unnamed: 0, unfinished: 1 }], name)
    t.match(consumer.stats().unsequenced, [{ received: 1 }])
  }
})

test('gets nothing but whole lines of a producer that is cut off in the middle of one', async (t) => {
  const consumer = await createConsumer(URL, { role: 'listen', overflow: 'backpressure' })
  const producer = await createProducer(consumer.urls[0] as string, {
    role: 'dial',
    overflow: { policy: 'buffer', limit: { bytes: 32 << 20 } },
    reconnectMinMs: 60_000,
    reconnectMaxMs: 60_000,
  })
  t.teardown(() => Promise.all([consumer.close(), producer.close({ drainMs: 0 })]))
  await Promise.all([producer.linked(), consumer.linked()])
  const line = Buffer.alloc(1_000, 'x')
  for (let i = 0; i < 30_000; i++) void producer.send('', line)
  await new Promise((resolve) => setImmediate(resolve))
  const gone = once(consumer, 'unlink')
  producer.links[0]?.close(new Error('no more'))
  const reading = (async () => {
    for await (const { data } of consumer) if (data.length !== 1_000) t.fail(`a line of ${data.length} bytes`)
  })()
  const [, reason] = await gone
  t.match(reason, { message: /connection lost/ })
  await consumer.close()
  await reading
})

test('cuts only who sends a line or a record that is too long, and takes what came before', async (t) => {
  for (const [frame, good, bad, message] of [
    ['newline', `${'x'.repeat(100)}\r\n`, 'y'.repeat(102), /a line of at least 10[12] bytes, at most 100/],
    ['newline', `${'x'.repeat(100)}\r\n`, `${'y'.repeat(101)}\n`, /a line of at least 101 bytes, at most 100/],
    ['u32', `\0\0\0\x64${'x'.repeat(100)}`, '\0\0\0\x65', /announces a body of 101 bytes, at most 100/],
    ['u32', '', 'GET / HTTP/1.1\r\n', /announces a body of 1195725856 bytes/],
  ] as const) {
    const { consumer, peer: stays, link: first } = await link(t, { options: { frame }, maxMessageBytes: 100 })
    const peer = await RawPeer.dial(consumer.urls[0] as string)
    const port = await consumer.links.until((link) => link !== first)
    peer.socket.write(`${good}${bad}`, 'latin1')
    await peer.ended
    t.match(await port.until('disconnected'), { reason: { code: 'BAD_PEER' } })
    t.strictSame(dataOf(port), good === '' ? [] : ['x'.repeat(100)])
    t.match(consumer.faults.all, [{ code: 'BAD_PEER', message, remote: port.remote }])
    if (good === '') continue
    stays.socket.write(good, 'latin1')
    await first.until('message')
    t.strictSame(dataOf(first), ['x'.repeat(100)])
  }
})

test('counts topic and data together against the limit', async (t) => {
  for (const [frame, words] of [
    ['newline', ['to\0xxxx\n', 'to\0xxxxx\n']],
    ['u32', ['\0\0\0\x07to\0xxxx', '\0\0\0\x08to\0xxxxx']],
  ] as const) {
    const { peer, link: port } = await link(t, { options: { frame, body: 'topic' }, maxMessageBytes: 6 })
    peer.socket.write(words.join(''), 'latin1')
    t.match(await port.until('disconnected'), { reason: { code: 'BAD_PEER', message: /7 bytes|8 bytes/ } })
    t.strictSame(
      port.of('message').map(({ topic, data }) => [topic, data]),
      [['to', 'xxxx']],
    )
  }
})

test('names the topics of lines by a function of them, and reads JSON', async (t) => {
  const topicOf = (data: Uint8Array) => `trades.${JSON.parse(Buffer.from(data).toString()).symbol}`
  const consumer = await createConsumer(URL, {
    role: 'listen',
    topicOf,
    topics: ['trades.A'],
    codec: json<{ readonly price: number }>(),
  })
  t.teardown(() => consumer.close())
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  const fault = once(consumer, 'fault')
  peer.socket.write('{"symbol":"AAPL","price":1}\n{"symbol":"MSFT","price":2}\r\nno JSON\n{"symbol":"A","price":3}')
  peer.socket.end()
  const seen: [string, number][] = []
  for await (const { topic, value } of consumer) {
    seen.push([topic, value.price])
    if (seen.length === 2) break
  }
  t.strictSame(seen, [
    ['trades.AAPL', 1],
    ['trades.A', 3],
  ])
  t.match(await fault, [{ code: 'UNDECODABLE', message: /topicOf failed/ }])
  t.match(consumer.stats(), {
    ends: [{ unnamed: 1, unfinished: 0 }],
    unsequenced: [{ received: 4, delivered: 2, unwanted: 2 }],
  })
})

test('is held back by what the application has not taken', async (t) => {
  const consumer = await createConsumer(URL, {
    role: 'listen',
    overflow: { policy: 'backpressure', limit: { messages: 10 } },
  })
  t.teardown(() => consumer.close())
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  const lines = Array.from({ length: 1_000 }, (_, i) => `${i}`)
  peer.socket.end(lines.join('\n'))
  const seen: string[] = []
  for await (const message of consumer) {
    if (consumer.stats().inbox.messages > 10) t.fail('more than its limit is in the inbox')
    seen.push(message.text())
    if (seen.length === lines.length) break
  }
  t.strictSame(seen, lines)
})
