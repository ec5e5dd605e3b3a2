import { once } from 'node:events'
import { type Test, test } from 'tap'
import { createConsumer, createProducer, type Fault } from '../../../lib/index.js'
import { folderFor, hex, type ProducerLinkDouble, produce, RawPeer, type Setup } from './doubles.js'

const PUB = '0053500000200000'
const SUB = '0053500000210000'

async function link(t: Test, setup: Setup = {}) {
  const producer = await produce('sp+tcp://127.0.0.1:0', setup)
  const peer = await RawPeer.dial(producer.urls[0] as string)
  t.teardown(async () => {
    peer.socket.destroy()
    await producer.close()
  })
  peer.write(SUB)
  t.equal(await peer.read(8), PUB)
  const link = (await producer.links.until(() => true)) as ProducerLinkDouble
  await link.until('start')
  return { producer, peer, link }
}

test('says its header at once, and nothing more before the peer’s', async (t) => {
  const producer = await produce('sp+tcp://127.0.0.1:0')
  t.teardown(() => producer.close())
  const peer = await RawPeer.dial(producer.urls[0] as string)
  t.equal(await peer.read(8), PUB)
  t.equal(producer.links.all.length, 0)
  for (const byte of hex(SUB)) peer.socket.write(Uint8Array.of(byte))
  const link = await producer.links.until(() => true)
  await link.until('start')
  t.strictSame(link.events.all, [
    { type: 'connected', peer: { kind: 'foreign', acknowledges: false } },
    { type: 'subscribe', prefix: '' },
    { type: 'start', from: 'now' },
  ])
  t.match(link.remote, /^sp\+tcp:\/\/127\.0\.0\.1:\d+$/)
  t.equal(link.origin, 'accepted')
  t.equal(peer.unread, '')
  peer.socket.destroy()
  t.match(await link.until('disconnected'), { reason: undefined })
})

test('sends data alone byte for byte as libnanomsg does, with a type in front over UNIX sockets', async (t) => {
  const folder = folderFor(t)
  const cases: [url: string, bytes: string][] = [
    ['sp+tcp://127.0.0.1:0', '0000000000000003 414243 0000000000000000 000000000000000b 746f7069637c68656c6c6f'],
    [`sp+ipc://${folder}/p`, '010000000000000003 414243 010000000000000000 01000000000000000b 746f7069637c68656c6c6f'],
  ]
  for (const [url, bytes] of cases) {
    const producer = await createProducer(url, { body: 'raw' })
    t.teardown(() => producer.close())
    const peer = await RawPeer.dial(producer.urls[0] as string)
    peer.write(SUB)
    await producer.linked()
    for (const data of ['ABC', '', 'topic|hello']) await producer.send('unseen', data)
    const expected = PUB + bytes.replaceAll(' ', '')
    t.equal(await peer.read(expected.length / 2), expected)
    const gone = once(producer, 'unlink')
    peer.socket.end()
    await gone
  }
})

test('stamps its messages when it is told to, over every address with the same numbers', async (t) => {
  const folder = folderFor(t)
  const urls = ['sp+tcp://127.0.0.1:0', `sp+ipc://${folder}/p`]
  const producer = await createProducer(urls, { sequence: true, stream: 'ABCDEFGHI9' })
  t.teardown(() => producer.close())
  const peers = await Promise.all(producer.urls.map((url) => RawPeer.dial(url)))
  for (const peer of peers) peer.write(SUB)
  await producer.linked({ count: 2 })
  const before = Date.now()
  await producer.send('a', 'x')
  await producer.send('a', 'y')
  for (const [i, type] of ['', '01'].entries()) {
    const peer = peers[i] as RawPeer
    t.equal(await peer.read(8), PUB)
    for (const [number, data] of ['78', '79'].entries()) {
      const start = `${type}000000000000001d 6101 41424344454647484939 000000000000000${number + 1}`.replaceAll(' ', '')
      t.equal(await peer.read(start.length / 2), start)
      const ms = Number.parseInt(await peer.read(8), 16) / 1_000
      t.ok(Math.abs(ms - before) < 5_000, `${ms} is about ${before}`)
      t.equal(await peer.read(1), data)
    }
    peer.socket.destroy()
  }
})

test('has no room for a number in front of data alone', async (t) => {
  const opening = createProducer('sp+tcp://127.0.0.1:0', { sequence: true, body: 'raw' })
  await t.rejects(opening, { code: 'BAD_OPTION', message: /sequence cannot be true with body: 'raw'/ })
})

test('names strangers and sockets of the wrong kind, cuts only them, and frees their places', async (t) => {
  const { producer, peer: stays } = await link(t, { options: { maxLinks: 2 } })
  const url = producer.urls[0] as string
  const cases: [name: string, bytes: string | Uint8Array, message: RegExp][] = [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /does not speak SP \(first bytes 47 45 54 20 2f 20 48 54: HTTP\)/],
    ['TLS', '16 03 01', /first bytes 16 03 01: TLS/],
    ['ZeroMQ', 'ff 00 00 00 00 00 00 00 01 7f', /: ZMTP, the protocol of ZeroMQ/],
    ['another version', '00 53 50 01', /version 1 of SP/],
    ['reserved bytes', '00 53 50 00 00 21 00 01', /reserved bytes/],
    ['a PUB', PUB, /peer is a PUB socket; a producer \(PUB\) works with SUB/],
    ['a PULL', '00 53 50 00 00 51 00 00', /peer is a PULL socket/],
    ['a PAIR', '00 53 50 00 00 10 00 00', /peer is a PAIR socket/],
    ['something new', '00 53 50 00 f0 00 00 00', /an endpoint of the unknown kind 0xf000/],
    ['a byte after the header', `${SUB}00`, /sent 1 bytes after its header/],
  ]
  for (const [name, bytes, message] of cases) {
    const before = producer.faults.all.length
    const stranger = await RawPeer.dial(url)
    stranger.write(bytes)
    await stranger.ended
    t.match(producer.faults.all.slice(before), [{ code: 'BAD_PEER', message, remote: /^sp\+tcp:/ }], name)
  }
  const [first] = producer.links.all
  first?.carrier?.write(hex('0000000000000000'), 1, 1)
  t.equal(await stays.read(8), '0000000000000000')
})

test('cuts a subscriber that sends something, however late', async (t) => {
  const { producer, peer, link: port } = await link(t)
  peer.write('0000000000000000')
  await peer.ended
  t.match(await port.until('disconnected'), { reason: { code: 'BAD_PEER' } })
  t.match(producer.faults.all, [{ code: 'BAD_PEER', message: /sent 8 bytes after its header/, remote: port.remote }])
})

test('cuts a peer that does not finish its header in time', async (t) => {
  for (const words of ['', '00', SUB.slice(0, 14)]) {
    const producer = await produce('sp+tcp://127.0.0.1:0', { options: { handshakeMs: 500 } })
    t.teardown(() => producer.close())
    const peer = await RawPeer.dial(producer.urls[0] as string)
    peer.write(words)
    await peer.read(8)
    producer.clock.advance(499)
    t.equal(producer.faults.all.length, 0)
    producer.clock.advance(1)
    await peer.ended
    t.match(producer.faults.all, [{ code: 'BAD_PEER', message: /did not finish its handshake in 500 ms/ }])
  }
})

test('turns away who comes when all links are taken, without a word', async (t) => {
  const { producer } = await link(t, { options: { maxLinks: 1 } })
  const second = await RawPeer.dial(producer.urls[0] as string)
  await second.ended
  t.equal(second.unread, '')
  t.match(producer.faults.all, [{ code: 'CONNECT_FAILED', message: /all of 1 links \(maxLinks\) are taken/ }])
})

test('hangs up on an SP peer without a reset, in the middle of a handshake and when it must hurry', async (t) => {
  for (const words of ['', SUB.slice(0, 6), SUB]) {
    const producer = await produce('sp+tcp://127.0.0.1:0')
    const peer = await RawPeer.dial(producer.urls[0] as string)
    const errors: Error[] = []
    peer.socket.on('error', (error) => errors.push(error))
    peer.socket.allowHalfOpen = true
    peer.write(words)
    await peer.read(8)
    if (words === SUB) {
      const link = await producer.links.until(() => true)
      await link.until('start')
      ;(link as ProducerLinkDouble).carrier?.close(new Error('too slow'))
    }
    const ended = once(peer.socket, 'end')
    const closing = producer.close()
    await ended
    // Unread bytes would make the system reset the connection.
    peer.socket.write('0')
    if (words !== '') peer.socket.end()
    else producer.clock.advance(1_000)
    await closing
    t.strictSame(errors, [], words)
    t.strictSame(producer.faults.all, [])
    peer.socket.destroy()
  }
})

test('tells of a peer that goes in the middle of its header', async (t) => {
  const producer = await produce('sp+tcp://127.0.0.1:0')
  t.teardown(() => producer.close())
  const peer = await RawPeer.dial(producer.urls[0] as string)
  peer.write(SUB.slice(0, 8))
  await peer.read(8)
  peer.socket.end()
  t.match(await producer.faults.until(() => true), { code: 'CONNECT_FAILED', message: /hung up during the handshake/ })
})

test('says when the system has a run, and how far it is while it has not', async (t) => {
  const { producer, peer, link: port } = await link(t)
  t.equal(port.carrier?.write(hex('0000000000000001 41'), 1, 1), 'taken')
  t.equal(await peer.read(9), '000000000000000141')
  peer.socket.pause()
  const large = Buffer.alloc(16 << 20)
  t.equal(port.carrier?.write(large, 2, 0), 'busy')
  let seen = -1
  while (seen !== port.of('progressed').length) {
    seen = port.of('progressed').length
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
    producer.clock.advance(1_000)
  }
  t.equal(port.of('taken').length, 0)
  peer.socket.resume()
  await peer.read(large.length)
  await port.until('taken')
  const { length } = port.of('progressed')
  producer.clock.advance(5_000)
  t.equal(port.of('progressed').length, length)
})

test('warns once of a message that nanomsg would hang up on, and sends it', async (t) => {
  const producer = await createProducer('sp+tcp://127.0.0.1:0?maxMessageBytes=4MiB', { body: 'raw' })
  t.teardown(() => producer.close())
  const faults: Fault[] = []
  producer.on('fault', (fault) => faults.push(fault))
  const peer = await RawPeer.dial(producer.urls[0] as string)
  peer.write(SUB)
  await peer.read(8)
  await producer.linked()
  const most = 1_048_576
  for (const size of [most, most + 1, 2 * most]) {
    await producer.send('', Buffer.alloc(size, 7))
    t.equal(Number.parseInt(await peer.read(8), 16), size)
    t.equal(await peer.read(size), '07'.repeat(size))
  }
  t.match(faults, [{ code: 'TOO_LONG', message: /a message of 1048577 bytes goes to sp\+tcp:.*NN_RCVMAXSIZE/ }])
  peer.socket.destroy()
})

test('sends no body that nanomsg would hang up on, and takes none, unless it is told to', async (t) => {
  const most = 1_048_576
  const cautious = await createProducer('sp+tcp://127.0.0.1:0', { sequence: true })
  const producer = await createProducer('sp+tcp://127.0.0.1:0', { maxMessageBytes: 2 * most })
  t.teardown(() => Promise.all([cautious.close(), producer.close()]))
  await cautious.send('t', Buffer.alloc(most - 28))
  await t.rejects(cautious.send('t', Buffer.alloc(most - 27)), {
    code: 'TOO_LONG',
    message: /maxMessageBytes, 1048549/,
  })

  const [url] = producer.urls as [string]
  const consumer = await createConsumer(url)
  const large = await createConsumer(`${url}?maxMessageBytes=2MiB`)
  t.teardown(() => Promise.all([consumer.close(), large.close()]))
  await producer.linked({ count: 2 })
  const cut = once(consumer, 'unlink')
  const fault = once(consumer, 'fault')
  for (const size of [most - 1, most]) await producer.send('t', Buffer.alloc(size))
  await cut
  t.match(await fault, [{ code: 'BAD_PEER', message: /a message of 1048577 bytes, at most 1048576/ }])
  const sizes: number[] = []
  for await (const { data } of consumer) if (sizes.push(data.length) === 1) break
  for await (const { data } of large) if (sizes.push(data.length) === 3) break
  t.strictSame(sizes, [most - 1, most - 1, most])
})
