import { once } from 'node:events'
import { type Test, test } from 'tap'
import { createProducer, type Fault, json } from '../../../lib/index.js'
import { type ProducerLinkDouble, produce, RawListener, RawPeer, type Setup } from './doubles.js'

const URL = 'lines+tcp://127.0.0.1:0'

async function link(t: Test, setup: Setup = {}) {
  const producer = await produce(URL, setup)
  const peer = await RawPeer.dial(producer.urls[0] as string)
  t.teardown(async () => {
    peer.socket.destroy()
    await producer.close()
  })
  const link = (await producer.links.until(() => true)) as ProducerLinkDouble
  await link.until('start')
  return { producer, peer, link }
}

function bytesOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex')
}

test('takes whoever connects for a reader of everything, without a word', async (t) => {
  const { producer, peer, link: port } = await link(t)
  t.strictSame(port.events.all, [
    { type: 'connected', peer: { kind: 'foreign', acknowledges: false } },
    { type: 'subscribe', prefix: '' },
    { type: 'start', from: 'now' },
  ])
  t.match(port.remote, /^lines\+tcp:\/\/127\.0\.0\.1:\d+$/)
  t.equal(port.origin, 'accepted')
  producer.clock.advance(1_000_000)
  t.equal(peer.unread, '')
  peer.socket.end()
  t.match(await port.until('disconnected'), { reason: undefined })
  t.strictSame(producer.faults.all, [], 'silence is no fault where nobody can be asked')
})

test('sends each form of record byte for byte, to who dials and to whom it dials', async (t) => {
  const cases: [query: string, bytes: string][] = [
    ['', 'ABC\n\n{"a":1}\n'],
    ['?body=topic', 't\0ABC\nt\0\nt\0{"a":1}\n'],
    ['?frame=u32', '\0\0\0\x03ABC\0\0\0\0\0\0\0\x07{"a":1}'],
    ['?frame=u32&body=topic', '\0\0\0\x05t\0ABC\0\0\0\x02t\0\0\0\0\x09t\0{"a":1}'],
  ]
  for (const [query, bytes] of cases) {
    const listener = await RawListener.open()
    const producers = await Promise.all([
      createProducer(`${URL}${query}`),
      createProducer(`lines+${listener.url}${query}`, { role: 'dial' }),
    ])
    t.teardown(() => Promise.all(producers.map((producer) => producer.close())))
    const [listening, dialling] = producers
    const peers = [await RawPeer.dial(listening.urls[0] as string), await listener.peer()]
    for (const [i, producer] of [listening, dialling].entries()) {
      await producer.linked()
      for (const data of ['ABC', new Uint8Array(0), '{"a":1}']) await producer.send('t', data)
      t.equal(await peers[i]?.read(bytes.length), bytesOf(bytes), query)
      t.match(producer.stats().links, [{ kind: 'foreign', handed: 3, filtered: 0, acknowledged: undefined }])
    }
    await Promise.all(producers.map((producer) => producer.close()))
    await Promise.all(peers.map(({ ended }) => ended))
    await listener.close()
  }
})

test('refuses what a line cannot hold, which then nobody has got and has no number', async (t) => {
  const producer = await createProducer(URL)
  t.teardown(() => producer.close())
  const peer = await RawPeer.dial(producer.urls[0] as string)
  await producer.linked()
  const drop = once(producer, 'drop')
  for (const data of ['two\nlines', Buffer.from('\n'), new Uint8Array([13])]) {
    await t.rejects(producer.send('t', data), { code: 'BAD_VALUE', message: /frame: 'u32'/ })
    t.throws(() => producer.trySend('t', data), { code: 'BAD_VALUE' })
  }
  await producer.send('a topic\nis not sent', 'one line')
  t.equal(await peer.read(9), bytesOf('one line\n'))
  t.match(await drop, [{ reason: 'refused', cause: { code: 'BAD_VALUE' } }])
  t.match(producer.stats(), { next: 2, offered: 7, accepted: 1, refused: 6, links: [{ considered: 1 }] })
  peer.socket.destroy()
})

test('refuses a topic with a newline where it is part of the line, and sends all others', async (t) => {
  const producer = await createProducer(`${URL}?body=topic`)
  t.teardown(() => producer.close())
  const peer = await RawPeer.dial(producer.urls[0] as string)
  await producer.linked()
  for (let i = 0; i < 2; i++) {
    await t.rejects(producer.send('a\nb', 'data'), { code: 'BAD_TOPIC', message: /a topic has a newline in it/ })
  }
  await producer.send('a\r', 'data')
  t.equal(await peer.read(8), bytesOf('a\r\0data\n'))
  t.match(producer.stats(), { next: 2, accepted: 1, refused: 2 })
  peer.socket.destroy()
})

test('refuses at once, although a link holds it back', async (t) => {
  const producer = await createProducer(URL, { overflow: { policy: 'backpressure', limit: { messages: 1 } } })
  t.teardown(() => producer.close({ drainMs: 0 }))
  const peer = await RawPeer.dial(producer.urls[0] as string)
  await producer.linked()
  peer.socket.pause()
  const slow = once(producer, 'slow')
  void (async () => {
    while (producer.trySend('t', Buffer.alloc(100_000)) === 'sent') await new Promise(setImmediate)
  })()
  await slow
  await t.rejects(producer.send('t', 'a\nb'), { code: 'BAD_VALUE' })
  peer.socket.destroy()
})

test('sends values with line breaks as JSON', async (t) => {
  const producer = await createProducer<unknown>(URL, { codec: json() })
  t.teardown(() => producer.close())
  const peer = await RawPeer.dial(producer.urls[0] as string)
  await producer.linked()
  await producer.send('t', { text: 'two\nlines\r' })
  const line = '{"text":"two\\nlines\\r"}\n'
  t.equal(await peer.read(line.length), bytesOf(line))
  peer.socket.destroy()
})

test('goes to nobody when one of several ends cannot carry it', async (t) => {
  const producer = await createProducer(['tcp://127.0.0.1:0', URL])
  t.teardown(() => producer.close())
  await t.rejects(producer.send('t', 'a\nb'), { code: 'BAD_VALUE' })
  t.match(producer.stats(), { next: 1, accepted: 0, refused: 1 })
})

test('has no room for a number but in front of data of known size', async (t) => {
  for (const query of ['', '&body=topic', '&frame=u32']) {
    await t.rejects(createProducer(`${URL}?sequence=true${query}`), {
      code: 'BAD_OPTION',
      message: /sequence cannot be true with frame: .* it needs frame: 'u32' and body: 'topic'/,
    })
  }
  const producer = await createProducer(`${URL}?sequence=true&frame=u32&body=topic`, { stream: 'ABCDEFGHI9' })
  t.teardown(() => producer.close())
  const peer = await RawPeer.dial(producer.urls[0] as string)
  await producer.linked()
  await producer.send('t', 'x')
  t.equal(await peer.read(24), bytesOf('\0\0\0\x1dt\x01ABCDEFGHI9\0\0\0\0\0\0\0\x01'))
  peer.socket.destroy()
})

test('does not know who wants what', async (t) => {
  const producer = await createProducer(URL)
  t.teardown(() => producer.close())
  await t.rejects(producer.linked({ topic: 't' }), { code: 'BAD_OPTION' })
})

test('ignores what a reader sends, counts it, and tells of it once a link', async (t) => {
  const producer = await createProducer(URL)
  t.teardown(() => producer.close())
  const faults: Fault[] = []
  producer.on('fault', (fault) => faults.push(fault))
  const peers = [await RawPeer.dial(producer.urls[0] as string), await RawPeer.dial(producer.urls[0] as string)]
  await producer.linked({ count: 2 })
  const told = once(producer, 'fault')
  peers[0]?.write(Buffer.from('GET / HTTP/1.1\r\n'))
  await told
  peers[0]?.socket.end(Buffer.alloc(100_000))
  await once(producer, 'unlink')
  await producer.send('t', 'x')
  t.equal(await peers[1]?.read(2), bytesOf('x\n'))
  t.match(faults, [{ code: 'BAD_PEER', message: /^lines\+tcp:.* has sent something, which a producer ignores/ }])
  t.equal(faults.length, 1)
  t.strictSame(producer.stats().ends, [{ ignored: 100_016 }])
  peers[1]?.socket.destroy()
})

test('turns away who comes when all links are taken', async (t) => {
  const { producer } = await link(t, { options: { maxLinks: 1 } })
  const second = await RawPeer.dial(producer.urls[0] as string)
  await second.ended
  t.match(producer.faults.all, [{ code: 'CONNECT_FAILED', message: /all of 1 links \(maxLinks\) are taken/ }])
})

/** How a connection ended: by a reset, or as one that has said all. A reset may look like an end until one answers. */
async function endingOf({ socket }: RawPeer): Promise<'reset' | 'end'> {
  socket.allowHalfOpen = true
  const ending = new Promise<'reset' | 'end'>((resolve) => {
    socket.on('error', () => resolve('reset'))
    socket.on('end', () => socket.write('?', (error) => resolve(error ? 'reset' : 'end')))
  })
  socket.resume()
  return await ending
}

/** A link whose peer takes nothing, with a line under way that is more than the system takes for it. */
async function stalledLink(t: Test, frame: 'newline' | 'u32' = 'newline') {
  const all = await link(t, { options: { frame } })
  all.peer.socket.pause().removeAllListeners('data')
  t.equal(all.link.carrier?.write(Buffer.alloc(16 << 20), 1, 1), 'busy')
  return all
}

test('resets a connection that it cuts in the middle of a line, which would look whole', async (t) => {
  for (const [frame, expected] of [
    ['newline', 'reset'],
    ['u32', 'end'],
  ] as const) {
    const { peer, link: port } = await stalledLink(t, frame)
    port.carrier?.close(new Error('too slow'))
    t.equal(await endingOf(peer), expected, frame)
  }
})

test('resets it also when there was time to write all, and the time is over', async (t) => {
  const { producer, peer, link: port } = await stalledLink(t)
  port.carrier?.close()
  producer.clock.advance(1_000)
  t.equal(await endingOf(peer), 'reset')
})

test('resets it when a large message has begun and will not go on', async (t) => {
  for (const reason of [undefined, new Error('too slow')]) {
    const { peer, link: port } = await link(t)
    t.equal(port.carrier?.write(Buffer.from('half of'), 1, 0), 'taken')
    await peer.read(7)
    port.carrier?.close(reason)
    t.equal(await endingOf(peer), 'reset')
  }
})

test('hangs up behind whole lines, however much it hurries', async (t) => {
  for (const reason of [undefined, new Error('too slow')]) {
    const { peer, link: port } = await link(t)
    t.equal(port.carrier?.write(Buffer.from('a line\n'), 1, 1), 'taken')
    t.equal(port.carrier?.write(Buffer.from('half of a'), 2, 0), 'taken')
    t.equal(port.carrier?.write(Buffer.from(' line\n'), 2, 1), 'taken')
    port.carrier?.close(reason)
    t.equal(await endingOf(peer), 'end')
    t.equal(peer.unread, bytesOf('a line\nhalf of a line\n'))
  }
})
