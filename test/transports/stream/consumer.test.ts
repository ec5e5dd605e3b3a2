import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type Test, test } from 'tap'
import { command } from '../../../lib/framing/zmtp/frame.js'
import { writeGreeting } from '../../../lib/framing/zmtp/greeting.js'
import {
  type ConsumerLinkDouble,
  consume,
  fanwireReady,
  hex,
  RawListener,
  RawPeer,
  READY_PUB,
  READY_SUB,
  type Setup,
} from './doubles.js'

const STREAM =
  '0431 06 53545245414d 30313233343536373839 0000000000000007 0000000000000064 000000000000005a 0000000000001000'

function flat(text: string): string {
  return text.replace(/\s+/g, '')
}

/** A consumer that listens, and a peer that has dialled it. */
async function link(t: Test, setup: Setup = {}, minor = 1, ready = READY_PUB) {
  const consumer = await consume('tcp://127.0.0.1:0', setup)
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  t.teardown(async () => {
    peer.socket.destroy()
    await consumer.close()
  })
  await peer.handshake(minor, ready)
  const link = (await consumer.links.until(() => true)) as ConsumerLinkDouble
  return { consumer, peer, link }
}

test('subscribes in the form of the peer’s version, and only after both READYs', async (t) => {
  for (const [minor, expected] of [
    [1, '04 0b 09 535542534352494245 61 04 0a 09 535542534352494245'],
    [0, '00 02 01 61 00 01 01'],
  ] as const) {
    const consumer = await consume('tcp://127.0.0.1:0')
    t.teardown(() => consumer.close())
    const peer = await RawPeer.dial(consumer.urls[0] as string)
    peer.write(writeGreeting('NULL', false, minor))
    await peer.read(64)
    t.equal(await peer.frame(), flat(fanwireReady('SUB', '01 0a 434f4e53554d45523031 00')))
    t.equal(peer.unread, '')
    peer.write(READY_PUB)
    t.equal(await peer.read(flat(expected).length / 2), flat(expected))
    const port = (await consumer.links.until(() => true)) as ConsumerLinkDouble
    t.strictSame(await port.until('connected'), { type: 'connected', peer: { kind: 'foreign' } })
    port.carrier?.unsubscribe(Buffer.from('a'))
    t.equal(await peer.frame(), flat(minor === 1 ? '04 08 06 43414e43454c 61' : '00 02 00 61'))
    peer.socket.destroy()
  }
})

test('asks for an overflow policy in its READY', async (t) => {
  const consumer = await consume('tcp://127.0.0.1:0', { want: 'drop:newest' })
  t.teardown(() => consumer.close())
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  peer.write(writeGreeting())
  await peer.read(64)
  t.equal(await peer.frame(), flat(fanwireReady('SUB', '01 0a 434f4e53554d45523031 0b 64726f703a6e6577657374')))
  peer.socket.destroy()
})

test('passes on foreign messages of one, two and three frames', async (t) => {
  const { peer, link: port } = await link(t)
  peer.write('01 01 41 00 02 6869', '00 01 42', '01 01 43 01 01 64 00 01 65')
  await port.events.until((event) => event.type === 'message' && event.topic === 'C')
  t.strictSame(port.of('message'), [
    { type: 'message', topic: 'A', data: 'hi' },
    { type: 'message', topic: 'B', data: '', frames: ['B'] },
    { type: 'message', topic: 'C', data: 'd', frames: ['C', 'd', 'e'] },
  ])
})

test('takes the frame that dataFrame names', async (t) => {
  const { peer, link: port } = await link(t, { options: { dataFrame: 2 } })
  peer.write('01 01 43 01 01 64 00 01 65')
  t.strictSame(await port.until('message'), { type: 'message', topic: 'C', data: 'e', frames: ['C', 'd', 'e'] })
})

test('cuts a peer whose message is above the limit', async (t) => {
  const { peer, link: port, consumer } = await link(t, { maxMessageBytes: 10 })
  peer.write('01 05 4141414141 00 05 4242424242', '01 05 4141414141 00 06')
  await peer.ended
  t.equal(port.of('message').length, 1)
  t.match(consumer.faults.all, [{ code: 'BAD_PEER', message: /at least 11 bytes, at most 10/ }])
})

test('holds the peer back while the inbox is full, and loses nothing', async (t) => {
  const {
    peer,
    link: port,
    consumer,
  } = await link(t, {
    prepare: (link) => {
      ;(link as ConsumerLinkDouble).room = 3
    },
  })
  const ping = '04 07 04 50494e47 012c'
  peer.write(ping)
  const count = 20_000
  const one = Buffer.concat([hex('01 01 41 00 64'), Buffer.alloc(100, 0x62)])
  peer.socket.write(Buffer.concat(Array.from({ length: count }, () => one)))
  await port.events.until(() => port.count === 3)
  consumer.clock.advance(100_000)
  t.strictSame(consumer.faults.all, [], 'its own pause does not count as the peer’s silence')
  t.equal(port.count, 3)
  await peer.read(flat('04 0b 09 535542534352494245 61 04 0a 09 535542534352494245').length / 2)
  t.equal(await peer.frame(), flat('04 05 04 504f4e47'))
  t.equal(await peer.frame(), flat(ping), 'a producer that has sent a PING may wait for a sign of life')
  let resumed = 0
  while (port.count < count) {
    const before = port.count
    port.room = 7_000
    resumed++
    port.carrier?.resume()
    if (port.count < before + 7_000) {
      await port.events.until(() => port.count >= Math.min(count, before + 7_000), before)
    }
  }
  t.equal(resumed, 3)
  t.equal(port.count, count)
})

test('takes all that a peer has brought before it hears that the peer has died', async (t) => {
  const prepare = (link: object) => Object.assign(link, { room: 3 })
  const { peer, link: port, consumer } = await link(t, { prepare })
  peer.socket.write(Buffer.alloc(2 ** 20, hex('01 01 41 00 01 62')))
  await port.events.until(() => port.count === 3)
  peer.socket.resetAndDestroy()
  await peer.ended
  consumer.clock.advance(10_000)
  t.equal(port.count, 3)
  port.room = 2 ** 20
  port.carrier?.resume()
  await port.until('disconnected')
  t.ok(port.count > 3, 'what had been read is not thrown away')
})

test('takes all that a peer has sent before its goodbye, however long the inbox is full', async (t) => {
  const prepare = (link: object) => Object.assign(link, { room: 3 })
  const { peer, link: port } = await link(t, { prepare })
  const one = hex('01 01 41 00 01 62')
  peer.socket.end(Buffer.concat(Array.from({ length: 12_000 }, () => one)))
  await port.events.until(() => port.count === 3)
  while (port.count < 12_000) {
    const before = port.count
    port.room = 1_000
    port.carrier?.resume()
    await port.events.until(() => port.count >= Math.min(12_000, before + 1_000), before)
  }
  t.match(await port.until('disconnected'), { reason: undefined })
  t.equal(port.count, 12_000)
})

test('keeps its process alive while the inbox is full, although the peer has died', async (t) => {
  const { listener, child, said, exited } = await startPaused(t, 'stay')
  const peer = await listener.peer()
  await once(child, 'message')
  t.strictSame(said, ['full'])
  peer.socket.destroy()
  await peer.ended
  child.kill('SIGUSR2')
  t.strictSame(await exited, [0, null])
  t.strictSame(said, ['full', 'unlinked'])
})

test('lets its process end although the inbox is full, when it is told so', async (t) => {
  const { said, exited } = await startPaused(t, 'unref')
  t.strictSame(await exited, [0, null])
  t.strictSame(said, ['full'])
})

/** A process with nothing but a consumer whose inbox is full, and a peer that has more for it. */
async function startPaused(t: Test, wish: 'stay' | 'unref') {
  const listener = await RawListener.open()
  const child = fork(new URL('paused-consumer.js', import.meta.url), [listener.url, wish])
  const exited = once(child, 'close')
  const said: unknown[] = []
  child.on('message', (word) => said.push(word))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await Promise.all([exited, listener.close()])
  })
  const peer = await listener.peer()
  await peer.handshake(1, READY_PUB)
  peer.socket.write(Buffer.alloc(2 ** 20, hex('01 01 41 00 01 62')))
  return { listener, child, said, exited }
}

test('begins with a fanwire producer: SUBSCRIBE, START, STREAM, messages', async (t) => {
  const prepare = (link: object) => {
    Object.assign(link, { prefixes: ['a'], from: { stream: 'ABCDEFGHIJ', run: 5, next: 9 } })
  }
  const { peer, link: port } = await link(t, { prepare }, 1, fanwireReady('PUB'))
  t.strictSame(await port.until('connected'), { type: 'connected', peer: { kind: 'fanwire' } })
  t.equal(await peer.frame(), flat('04 0b 09 535542534352494245 61'))
  t.equal(await peer.frame(), flat('04 21 05 5354415254 03 4142434445464748494a 0000000000000005 0000000000000009'))
  peer.write(
    STREAM,
    '04 0e 04 534b4950 01 0000000000000005',
    '01 01 61 00 01 62',
    '04 0f 04 50494e47 012c 000000000000006a',
  )
  t.strictSame(await port.until('started'), {
    type: 'started',
    start: { stream: '0123456789', run: 7, next: 100, oldest: 90, allowance: 4096 },
  })
  t.strictSame(await port.until('checkpoint'), { type: 'checkpoint', next: 106 })
  t.equal(await peer.frame(), flat('04 0d 04 504f4e47 000000000000006a'))
  t.strictSame(
    port.events.all.map(({ type }) => type),
    ['connected', 'started', 'skipped', 'message', 'checkpoint'],
  )
  t.strictSame(port.of('skipped'), [{ type: 'skipped', count: 5, reason: 'dropped' }])
  port.carrier?.acknowledge(1)
  t.equal(await peer.frame(), flat('04 0c 03 41434b 0000000000000001'))
})

test('passes on where the stream of a fanwire producer ends, once the numbers are compared', async (t) => {
  const { peer, link: port } = await link(t, {}, 1, fanwireReady('PUB'))
  peer.write(STREAM, '01 01 61 00 01 62', '04 0c 03 454e44 0000000000000065')
  t.strictSame(await port.until('finished'), { type: 'finished', next: 101 })
  t.strictSame(
    port.events.all.map(({ type }) => type),
    ['connected', 'started', 'message', 'checkpoint', 'finished'],
  )
})

test('never says ACK or START to a foreign peer, and takes no SKIP, STREAM, END or number from it', async (t) => {
  const { peer, link: port } = await link(t)
  await peer.read(27 - 1 - 1)
  port.carrier?.acknowledge(1)
  peer.write(STREAM, '04 0e 04 534b4950 01 0000000000000005', '04 0f 04 50494e47 012c 000000000000006a')
  peer.write('04 0c 03 454e44 0000000000000065', '00 01 42')
  await port.until('message')
  t.equal(await peer.frame(), flat('04 0d 04 504f4e47 000000000000006a'))
  t.strictSame(
    port.events.all.map(({ type }) => type),
    ['connected', 'message'],
  )
})

test('cuts fanwire producers that break the rules', async (t) => {
  const cases: [string, string, RegExp][] = [
    ['a message before STREAM', '01 01 61 00 01 62', /message before its handshake/],
    ['SKIP before STREAM', '04 0e 04 534b4950 01 0000000000000005', /SKIP before its STREAM/],
    ['a second STREAM', STREAM + STREAM, /second STREAM/],
    ['a short STREAM', '04 08 06 53545245414d 30', /STREAM with 1 bytes of data, it has 42/],
    ['numbers that differ', `${STREAM}04 0f 04 50494e47 012c 000000000000029a`, /numbers differ/],
    ['END before STREAM', '04 0c 03 454e44 0000000000000065', /END before its STREAM/],
    ['an END elsewhere', `${STREAM}04 0c 03 454e44 000000000000029a`, /numbers differ/],
    ['a short END', `${STREAM}04 05 03 454e44 00`, /END with 1 bytes of data, it has 8/],
    ['a number of 2^53', `${STREAM}04 0f 04 50494e47 012c 0020000000000000`, /not below 2\^53/],
  ]
  for (const [name, bytes, message] of cases) {
    const { peer, link: port, consumer } = await link(t, {}, 1, fanwireReady('PUB'))
    peer.write(bytes)
    await peer.ended
    t.match(consumer.faults.all, [{ code: 'BAD_PEER', message }], name)
    t.match(await port.until('disconnected'), { reason: { code: 'BAD_PEER' } })
  }
})

test('treats a peer of 3.0 that claims to be fanwire’s as foreign', async (t) => {
  const { peer, link: port } = await link(t, {}, 0, fanwireReady('PUB'))
  peer.write('00 01 42')
  await port.until('message')
  t.strictSame(port.of('connected'), [{ type: 'connected', peer: { kind: 'foreign' } }])
})

test('refuses a broken introduction, and understands a later version', async (t) => {
  for (const value of [
    '',
    '00 00 00',
    '01 05 41',
    '01 00 05 41',
    '01 03 414243 00',
    '01 00 01 07',
    '01 00 00 0a 4142',
  ]) {
    const consumer = await consume('tcp://127.0.0.1:0')
    t.teardown(() => consumer.close())
    const peer = await RawPeer.dial(consumer.urls[0] as string)
    peer.write(writeGreeting(), fanwireReady('PUB', value))
    await peer.ended
    t.match(consumer.faults.all, [{ code: 'BAD_PEER' }], value)
  }
  const { link: port } = await link(t, {}, 1, fanwireReady('PUB', '02 00 00 00 ffff'))
  t.match(await port.until('connected'), { peer: { kind: 'fanwire' } })
})

test('tells a SUB that it is in the wrong place', async (t) => {
  const consumer = await consume('tcp://127.0.0.1:0')
  t.teardown(() => consumer.close())
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  peer.write(writeGreeting(), READY_SUB)
  await peer.ended
  t.match(consumer.faults.all, [{ message: /peer is a SUB socket; a consumer \(SUB\) works with PUB and XPUB/ }])
  t.match(Buffer.from(peer.unread, 'hex').toString('latin1'), /ERROR.peer is a SUB socket/)
})

test('asks a silent producer for a sign of life, takes data for one, and gives up in the end', async (t) => {
  const { consumer, peer, link: port } = await link(t, { prepare: (link) => Object.assign(link, { prefixes: [] }) })
  for (let i = 0; i < 5; i++) {
    consumer.clock.advance(10_000)
    const from = port.events.all.length
    peer.write('00 01 42')
    await port.until('message', from)
  }
  t.equal(peer.unread, '', 'data at every beat makes PING needless')
  consumer.clock.advance(20_000)
  t.equal(await peer.frame(), flat('04 07 04 50494e47 012c'))
  consumer.clock.advance(20_000)
  await peer.ended
  t.match(consumer.faults.all, [{ code: 'SILENT' }])
})

test('reads nothing after the core has closed the link from within a message', async (t) => {
  const { peer, link: port } = await link(t)
  const message = port.message.bind(port)
  port.message = (...range) => {
    message(...range)
    port.carrier?.close()
    return true
  }
  peer.write(Buffer.concat([hex('01 01 41 00 01 62'), command('PING', hex('0000')), hex('01 01 41 00 01 62')]))
  await peer.ended
  t.equal(port.of('message').length, 1)
  t.equal(port.of('disconnected').length, 0)
})

test('ends with the peer, whether it hangs up or is reset', async (t) => {
  for (const how of ['end', 'resetAndDestroy'] as const) {
    const { peer, link: port, consumer } = await link(t)
    peer.write('00 01 42')
    await port.until('message')
    peer.socket[how]()
    const { reason } = await port.until('disconnected')
    t.match(reason, how === 'end' ? undefined : { code: 'CONNECT_FAILED', message: /ECONNRESET/ })
    t.strictSame(consumer.faults.all, [])
  }
})
