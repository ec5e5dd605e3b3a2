import { type Test, test } from 'tap'
import { command } from '../../../lib/framing/zmtp/frame.js'
import { writeGreeting } from '../../../lib/framing/zmtp/greeting.js'
import {
  fanwireReady,
  hex,
  type ProducerLinkDouble,
  produce,
  RawPeer,
  READY_PUB,
  READY_SUB,
  type Setup,
} from './doubles.js'

async function link(t: Test, setup: Setup = {}, minor = 1, ready = READY_SUB) {
  const producer = await produce('tcp://127.0.0.1:0', setup)
  const peer = await RawPeer.dial(producer.urls[0] as string)
  t.teardown(async () => {
    peer.socket.destroy()
    await producer.close()
  })
  await peer.handshake(minor, ready)
  const link = (await producer.links.until(() => true)) as ProducerLinkDouble
  return { producer, peer, link }
}

const STREAM =
  '0431 06 53545245414d 30313233343536373839 0000000000000007 0000000000000064 000000000000005a 0000000000001000'
const START_NOW = '04 07 05 5354415254 00'

function flat(text: string): string {
  return text.replace(/\s+/g, '')
}

test('greets and introduces itself at once, and sends nothing more before the peer’s READY', async (t) => {
  const producer = await produce('tcp://127.0.0.1:0')
  t.teardown(() => producer.close())
  const peer = await RawPeer.dial(producer.urls[0] as string)
  t.equal(await peer.read(64), Buffer.from(writeGreeting()).toString('hex'))
  t.equal(await peer.frame(), flat(fanwireReady('PUB', '01 00 00 0a 53545245414d30303031 0000000000000007')))
  t.equal(producer.links.all.length, 0)
  peer.write(writeGreeting(), READY_SUB)
  const link = await producer.links.until(() => true)
  t.equal(link.origin, 'accepted')
  t.match(link.remote, /^tcp:\/\/127\.0\.0\.1:\d+$/)
  t.strictSame(await link.until('connected'), { type: 'connected', peer: { kind: 'foreign', acknowledges: false } })
  t.strictSame(await link.until('start'), { type: 'start', from: 'now' })
  t.equal(peer.unread, '')
  peer.socket.destroy()
  await link.until('disconnected')
})

test('takes subscriptions in both forms, on connections of 3.1 and of 3.0', async (t) => {
  for (const minor of [1, 0]) {
    const { peer, link: port } = await link(t, {}, minor)
    peer.write(
      command('SUBSCRIBE', Buffer.from('a')),
      '00 02 01 62',
      command('CANCEL', Buffer.from('a')),
      '00 02 00 62',
    )
    peer.write('00 02 05 62', '01 01 01 00 01 01', '00 01 01')
    await port.events.until((event) => event.type === 'subscribe' && event.prefix === '')
    t.strictSame(
      port.events.all.filter(({ type }) => type.endsWith('subscribe')),
      [
        { type: 'subscribe', prefix: 'a' },
        { type: 'subscribe', prefix: 'b' },
        { type: 'unsubscribe', prefix: 'a' },
        { type: 'unsubscribe', prefix: 'b' },
        { type: 'subscribe', prefix: '' },
      ],
    )
  }
})

test('answers PING with its context, cut at 16 bytes', async (t) => {
  const { peer } = await link(t)
  peer.write('04 07 04 50494e47 0001', '04 17 04 50494e47 028f 000102030405060708090a0b0c0d0e0f')
  peer.write('04 18 04 50494e47 028f 000102030405060708090a0b0c0d0e0f10')
  t.equal(await peer.frame(), flat('04 05 04 504f4e47'))
  t.equal(await peer.frame(), flat('04 15 04 504f4e47 000102030405060708090a0b0c0d0e0f'))
  t.equal(await peer.frame(), flat('04 15 04 504f4e47 000102030405060708090a0b0c0d0e0f'))
})

test('cuts a peer whose PING has no time to live', async (t) => {
  const { peer, producer, link: port } = await link(t)
  peer.write('04 06 04 50494e47 00')
  await peer.ended
  t.match(producer.faults.all, [{ code: 'BAD_PEER', message: /PING of 6 bytes/, remote: port.remote }])
  t.match(await port.until('disconnected'), { reason: { code: 'BAD_PEER' } })
})

test('ignores unknown commands, a second READY and an ERROR after the handshake', async (t) => {
  const { peer, producer } = await link(t)
  peer.write(
    command('JOIN', Buffer.from('g')),
    READY_SUB,
    command('ERROR', hex('03 343030')),
    command('SKIP'),
    command('STREAM'),
  )
  peer.write('04 07 04 50494e47 0000')
  t.equal(await peer.frame(), flat('04 05 04 504f4e47'))
  t.strictSame(producer.faults.all, [])
})

test('lets a fanwire peer begin with START, and answers STREAM before all else', async (t) => {
  const value = '01 0a 434f4e53554d45523031 0b 64726f703a6e6577657374'
  const { peer, link: port } = await link(t, {}, 1, fanwireReady('SUB', value))
  t.strictSame(await port.until('connected'), {
    type: 'connected',
    peer: { kind: 'fanwire', acknowledges: true, id: 'CONSUMER01', want: 'drop:newest' },
  })
  peer.write(command('SUBSCRIBE'), '04 07 04 50494e47 0000')
  t.equal(await peer.frame(), flat('04 05 04 504f4e47'))
  t.equal(port.of('start').length, 0)
  peer.write(START_NOW)
  t.equal(await peer.frame(), flat(STREAM))
  t.strictSame(port.of('start'), [{ type: 'start', from: 'now' }])
  peer.write('04 0c 03 41434b 0000000000000003')
  t.strictSame(await port.until('acknowledged'), { type: 'acknowledged', messages: 3 })
})

test('tells a fanwire peer where the stream ends, and a foreign one nothing', async (t) => {
  const { peer, link: port } = await link(t, {}, 1, fanwireReady('SUB'))
  await port.until('connected')
  peer.write(START_NOW)
  t.equal(await peer.frame(), flat(STREAM))
  port.carrier?.finish?.(100)
  port.carrier?.close()
  t.equal(await peer.frame(), flat('04 0c 03 454e44 0000000000000064'))
  await peer.ended
  t.equal(peer.unread, '')

  const foreign = await link(t)
  await foreign.link.until('start')
  foreign.link.carrier?.finish?.(100)
  foreign.link.carrier?.close()
  await foreign.peer.ended
  t.equal(foreign.peer.unread, '')
})

test('cuts fanwire peers that break the rules', async (t) => {
  const cases: [string, string, RegExp][] = [
    ['a second START', START_NOW + START_NOW, /second START/],
    ['an ACK before START', '04 0c 03 41434b 0000000000000003', /ACK before its START/],
    ['a START from nowhere', '04 07 05 5354415254 04', /START from 4/],
    ['an ACK of too much', `${START_NOW}04 0c 03 41434b 0000000001000000`, /more than was sent/],
  ]
  for (const [name, bytes, message] of cases) {
    const { peer, producer } = await link(t, {}, 1, fanwireReady('SUB'))
    peer.write(bytes)
    await peer.ended
    t.match(producer.faults.all, [{ code: 'BAD_PEER', message }], name)
  }
})

test('names strangers, cuts only them, and frees their places', async (t) => {
  const producer = await produce('tcp://127.0.0.1:0', { options: { maxLinks: 2 } })
  t.teardown(() => producer.close())
  const url = producer.urls[0] as string
  const stays = await RawPeer.dial(url)
  await stays.handshake()
  const cases: [string, Uint8Array, RegExp][] = [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /does not speak ZMTP 3 \(first bytes 47 45 54 20 .*: HTTP\)/],
    ['TLS', hex('16 03 01 02 00 01 00'), /first bytes 16 03 01 02 00 01 00: TLS/],
    ['SP', hex('00 53 50 00 00 21 00 00'), /: SP/],
    ['ZMTP 1.0', hex('01 00'), /: ZMTP 1\.0/],
    ['ZMTP 1.0 with a long identity', hex('ff 0000000000000101 00'), /: ZMTP 1\.0/],
    ['ZMTP 2.0', hex('ff 0000000000000001 7f 01'), /speaks ZMTP 2\.0/],
    ['PLAIN', writeGreeting('PLAIN'), /mechanism PLAIN, this end has NULL/],
    ['a message before READY', Buffer.concat([writeGreeting(), hex('00 01 41')]), /before its handshake/],
    ['SUBSCRIBE before READY', Buffer.concat([writeGreeting(), command('SUBSCRIBE')]), /SUBSCRIBE before its READY/],
    ['half a property', Buffer.concat([writeGreeting(), command('READY', hex('05 41'))]), /within a property/],
    ['an ERROR', Buffer.concat([writeGreeting(), command('ERROR', hex('02 6e6f'))]), /refused the connection: no/],
  ]
  for (const [name, bytes, message] of cases) {
    const before = producer.faults.all.length
    const stranger = await RawPeer.dial(url)
    stranger.write(bytes)
    await stranger.ended
    const code = name === 'an ERROR' ? 'REFUSED' : 'BAD_PEER'
    t.match(producer.faults.all.slice(before), [{ code, message, remote: /^tcp:/ }], name)
  }
  stays.write('04 07 04 50494e47 0000')
  t.equal(await stays.frame(), flat('04 05 04 504f4e47'))
  t.equal(producer.links.all.length, 1)
  stays.socket.destroy()
})

test('tells a peer of the wrong type with an ERROR', async (t) => {
  const producer = await produce('tcp://127.0.0.1:0')
  t.teardown(() => producer.close())
  const peer = await RawPeer.dial(producer.urls[0] as string)
  peer.write(writeGreeting(), READY_PUB)
  await peer.read(64)
  await peer.frame()
  const error = Buffer.from((await peer.frame()).slice(4), 'hex').toString('latin1')
  t.match(error, /ERROR.peer is a PUB socket; a producer \(PUB\) works with SUB and XSUB$/)
  await peer.ended
  t.match(producer.faults.all, [{ code: 'BAD_PEER', message: /peer is a PUB socket/ }])
})

test('accepts a READY without a type, without case, and without the flag of a command', async (t) => {
  const readies = [
    '04 06 05 5245414459',
    READY_SUB.replace('536f636b65742d54797065', '736f636b65742d74797065'),
    `00${READY_SUB.slice(2)}`,
  ]
  for (const ready of readies) {
    const { link: port } = await link(t, {}, 1, ready)
    t.match(await port.until('connected'), { peer: { kind: 'foreign' } })
  }
})

test('turns away who comes when all links are taken, and says so', async (t) => {
  const { producer, peer } = await link(t, { options: { maxLinks: 1 } })
  const second = await RawPeer.dial(producer.urls[0] as string)
  await second.ended
  t.equal(second.unread, '')
  t.match(producer.faults.all, [{ code: 'CONNECT_FAILED', message: /all of 1 links \(maxLinks\) are taken/ }])
  peer.socket.destroy()
  await producer.links.all[0]?.until('disconnected')
  const third = await RawPeer.dial(producer.urls[0] as string)
  await third.handshake()
  t.equal((await producer.links.until((link) => link !== producer.links.all[0])).origin, 'accepted')
  third.socket.destroy()
})

test('cuts a peer that does not finish its handshake in time', async (t) => {
  for (const words of ['', 'ff', Buffer.from(writeGreeting()).toString('hex')]) {
    const producer = await produce('tcp://127.0.0.1:0', { options: { handshakeMs: 500 } })
    t.teardown(() => producer.close())
    const peer = await RawPeer.dial(producer.urls[0] as string)
    peer.write(words)
    await peer.read(64)
    producer.clock.advance(499)
    t.equal(producer.faults.all.length, 0)
    producer.clock.advance(1)
    await peer.ended
    t.match(producer.faults.all, [{ code: 'BAD_PEER', message: /did not finish its handshake in 500 ms/ }])
  }
  const { producer, peer } = await link(t, { options: { handshakeMs: 500 } }, 1, fanwireReady('SUB'))
  producer.clock.advance(500)
  await peer.ended
  t.match(producer.faults.all, [{ message: /handshake/ }], 'a fanwire peer has to say START')
})

test('tells of a peer that goes in the middle of its handshake', async (t) => {
  const producer = await produce('tcp://127.0.0.1:0')
  t.teardown(() => producer.close())
  const leave = { end: 'hung up during the handshake', resetAndDestroy: 'connection lost: read ECONNRESET' } as const
  for (const [how, why] of Object.entries(leave)) {
    const before = producer.faults.all.length
    const peer = await RawPeer.dial(producer.urls[0] as string)
    peer.write(writeGreeting())
    await peer.read(64)
    peer.socket[how as keyof typeof leave]()
    const fault = await producer.faults.until(() => producer.faults.all.length > before, before)
    t.match(fault, { code: 'CONNECT_FAILED', message: why, remote: /^tcp:/ })
    t.ok(fault.message.includes(fault.remote as string), fault.message)
  }
  t.equal(producer.faults.all.length, 2, 'once each')
  t.strictSame(producer.links.all, [])
  const early = await RawPeer.dial(producer.urls[0] as string)
  await early.handshake(1, fanwireReady('SUB'))
  await producer.links.until(() => true)
  early.socket.end()
  t.match(await producer.faults.until(() => producer.faults.all.length > 2, 2), { message: /hung up during/ })
})

test('says nothing of a peer that it leaves itself in the middle of the handshake', async (t) => {
  const producer = await produce('tcp://127.0.0.1:0')
  const peer = await RawPeer.dial(producer.urls[0] as string)
  await peer.read(64)
  await producer.close()
  await peer.ended
  t.strictSame(producer.faults.all, [])
})

test('passes runs to the system, and says when it has them', async (t) => {
  const { peer, link: port } = await link(t)
  const run = hex('01 01 41 00 01 42')
  t.equal(port.carrier?.write(run, 0, 1), 'taken')
  t.equal(await peer.read(6), run.toString('hex'))
  peer.socket.pause()
  const large = Buffer.alloc(262_144, 7)
  let writes = 1
  while (port.carrier?.write(large, 0, 1) === 'taken') writes++
  t.equal(port.of('taken').length, 0)
  peer.socket.resume()
  await peer.read(writes * large.length)
  await port.until('taken')
  t.equal(port.of('taken').length, 1)
})

test('tells of progress while a write is outstanding, and of none when there is none', async (t) => {
  const { producer, peer, link: port } = await link(t)
  peer.socket.pause()
  const large = Buffer.alloc(16 << 20, 7)
  t.equal(port.carrier?.write(large, 0, 1), 'busy')
  // The kernels fill up at their own pace; then the write stands still.
  let seen = -1
  while (seen !== port.of('progressed').length) {
    seen = port.of('progressed').length
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
    producer.clock.advance(1_000)
  }
  peer.socket.resume()
  await peer.read(8 << 20)
  producer.clock.advance(1_000)
  t.ok(port.of('progressed').length > seen, 'half of it was read')
  await peer.read(8 << 20)
  await port.until('taken')
  const { length } = port.of('progressed')
  producer.clock.advance(5_000)
  t.equal(port.of('progressed').length, length)
})

test('keeps its commands out of a half-written message', async (t) => {
  const { peer, link: port } = await link(t)
  port.midMessage = true
  t.equal(port.carrier?.write(hex('01 01 41 00 03 42'), 0, 0), 'taken')
  peer.write('04 07 04 50494e47 0000')
  t.equal(await peer.read(6), '010141000342')
  // The PING has been read by the time that a later subscription is seen.
  peer.write(command('SUBSCRIBE'))
  await port.until('subscribe')
  port.midMessage = false
  t.equal(port.carrier?.write(hex('43 44'), 0, 1), 'taken')
  t.equal(await peer.read(2 + 7), flat('4344 04 05 04 504f4e47'))
})

test('asks an idle foreign peer of 3.1 for a sign of life, and gives up after three beats of silence', async (t) => {
  const { producer, peer, link: port } = await link(t)
  const ping = flat('04 07 04 50494e47 012c')
  producer.clock.advance(10_000)
  t.equal(peer.unread, '')
  producer.clock.advance(10_000)
  t.equal(await peer.frame(), ping)
  peer.write('04 05 04 504f4e47', command('SUBSCRIBE', Buffer.from('z')))
  await port.until('subscribe')
  producer.clock.advance(20_000)
  t.equal(await peer.frame(), ping)
  producer.clock.advance(10_000)
  t.equal(await peer.frame(), ping)
  t.equal(producer.faults.all.length, 0)
  producer.clock.advance(10_000)
  await peer.ended
  t.match(producer.faults.all, [{ code: 'SILENT', message: /no sign of life for 30000 ms/ }])
  t.match(await port.until('disconnected'), { reason: { code: 'SILENT' } })
})

test('never sends PING to a peer of 3.0, however silent', async (t) => {
  const { producer, peer, link: port } = await link(t, {}, 0)
  producer.clock.advance(100_000)
  peer.write('00 02 01 41')
  await port.until('subscribe')
  port.carrier?.write(hex('00 00'), 0, 1)
  t.equal(await peer.read(2), '0000')
  t.strictSame(producer.faults.all, [])
})

test('never says a time to live above 65.5 s', async (t) => {
  const { producer, peer } = await link(t, { options: { heartbeatMs: 30_000 } })
  producer.clock.advance(60_000)
  t.equal(await peer.frame(), flat('04 07 04 50494e47 0000'))
})

test('tells a fanwire peer the next number at every beat, but not while a write is outstanding', async (t) => {
  const { producer, peer, link: port } = await link(t, {}, 1, fanwireReady('SUB'))
  peer.write(START_NOW)
  await peer.frame()
  producer.clock.advance(10_000)
  t.equal(await peer.frame(), flat('04 0f 04 50494e47 012c 0000000000000064'))
  port.next = undefined
  peer.socket.pause()
  while (port.carrier?.write(Buffer.alloc(262_144), 0, 0) === 'taken');
  producer.clock.advance(100_000)
  t.strictSame(producer.faults.all, [], 'the silence of a peer that has much to read is no fault')
})

test('cuts a peer that sends PINGs and does not read the answers', async (t) => {
  const { producer, peer, link: port } = await link(t)
  peer.socket.pause()
  while (port.carrier?.write(Buffer.alloc(262_144), 0, 0) === 'taken');
  peer.write(Buffer.concat(Array.from({ length: 1_001 }, () => hex('04 07 04 50494e47 0000'))))
  t.match(await port.until('disconnected'), { reason: { message: /PINGs without reading the answers/ } })
  t.equal(producer.faults.all.length, 1)
})

test('closed by the core, sends what was written first, and lingers no longer than a second', async (t) => {
  const { peer, link: port, producer } = await link(t)
  // An unread byte would make the system reset the connection.
  peer.write('04 05 04 504f4e47')
  port.carrier?.write(hex('01 01 41 00 01 42'), 0, 1)
  port.carrier?.close()
  t.equal(await peer.read(6), '010141000142')
  await peer.ended
  const other = await RawPeer.dial(producer.urls[0] as string)
  await other.handshake()
  const second = await producer.links.until((one) => one !== port)
  await second.until('connected')
  other.socket.allowHalfOpen = true
  second.carrier?.close()
  await new Promise((resolve) => other.socket.once('end', resolve))
  producer.clock.advance(1_000)
  // Only a connection that is gone answers with a reset, which the next write meets.
  while (!other.socket.destroyed) {
    other.write('00')
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal(second.of('disconnected').length, 0)
})

test('cuts at once when the core has a reason', async (t) => {
  const { peer, link: port, producer } = await link(t)
  port.carrier?.close(new Error('too slow'))
  await peer.ended
  t.equal(port.of('disconnected').length, 0, 'the core knows already')
  t.equal(producer.faults.all.length, 0)
})
