import dns from 'node:dns'
import { Socket } from 'node:net'
import { test } from 'tap'
import { writeGreeting } from '../../../lib/framing/zmtp/greeting.js'
import { ownHost } from '../../support/host.js'
import { consume, fanwireReady, hex, produce, RawListener, READY_PUB } from './doubles.js'

const STREAM =
  '0431 06 53545245414d 30313233343536373839 0000000000000007 0000000000000064 000000000000005a 0000000000001000'
const FAST = { reconnectMinMs: 100, reconnectMaxMs: 800 }

test('keeps dialling, waiting longer after every failure, and tells of each', async (t) => {
  const listener = await RawListener.open()
  const { url } = listener
  await listener.close()
  const consumer = await consume(url, { role: 'dial', options: FAST })
  t.teardown(() => consumer.close())
  const link = await consumer.links.until(() => true)
  t.equal(link.origin, 'dialled')
  t.equal(link.remote, url)
  // The longest that each wait can be; half of it is the shortest.
  for (const [i, longest] of [100, 200, 400, 800, 800].entries()) {
    const fault = await consumer.faults.until(() => consumer.faults.all.length > i, i)
    t.match(fault, { code: 'CONNECT_FAILED', message: /cannot connect to tcp:.*ECONNREFUSED/, remote: url })
    const attempts = () =>
      consumer.clock.diagnosed.filter(({ message }) => 'to' in message && message.to === 'connecting')
    t.equal(attempts().length, i + 1)
    consumer.clock.advance(longest / 2 - 1)
    t.equal(attempts().length, i + 1, 'too early')
    consumer.clock.advance(longest / 2 + 1)
    t.equal(attempts().length, i + 2)
  }
  await consumer.faults.until(() => consumer.faults.all.length > 5, 5)
  t.strictSame(link.events.all, [], 'one link over all attempts, never connected')
})

test('tells of every address of a name', async (t) => {
  const listener = await RawListener.open()
  const { port } = new URL(listener.url)
  await listener.close()
  const addresses = [ownHost, '127.0.0.2'].map((address) => ({ address, family: 4 }))
  const lookup = (_name: string, _options: object, found: (error: null, all: object[]) => void) =>
    found(null, addresses)
  t.intercept(dns, 'lookup', { value: lookup })
  const consumer = await consume(`tcp://both.example:${port}`, { role: 'dial', options: FAST })
  t.teardown(() => consumer.close())
  const { message } = await consumer.faults.until(() => true)
  for (const { address } of addresses) t.match(message, `ECONNREFUSED ${address}:${port}`)
})

test('takes a socket that has met itself for a failed connect', async (t) => {
  const listener = await RawListener.open()
  const { url } = listener
  await listener.close()
  const port = Number(new URL(url).port)
  // The system would choose this port once in some ten thousand attempts.
  const { connect } = Socket.prototype
  const value = function (this: Socket, given: [object, () => void]) {
    const own = { ...given[0], localPort: port, localAddress: ownHost }
    return Reflect.apply(connect, this, [own, given[1]])
  }
  t.intercept(Socket.prototype, 'connect', { value })
  const consumer = await consume(url, { role: 'dial', options: FAST })
  t.teardown(() => consumer.close())
  const fault = await consumer.faults.until(() => true)
  t.match(fault, { code: 'CONNECT_FAILED', message: /cannot connect to tcp:.*met itself/, remote: url })
  const states = consumer.clock.diagnosed.map(({ message }) => 'to' in message && message.to)
  t.strictSame(states, ['connecting', 'waiting'])
})

test('shows its states on a diagnostics channel', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const consumer = await consume(listener.url, { role: 'dial', options: FAST })
  const states = () => consumer.clock.diagnosed.map(({ name, message }) => [name, 'to' in message && message.to])
  const peer = await listener.peer()
  await peer.handshake(1, READY_PUB)
  const link = await consumer.links.until(() => true)
  await link.until('connected')
  peer.socket.end()
  await link.until('disconnected')
  await consumer.close()
  t.strictSame(states(), [
    ['dial', 'connecting'],
    ['dial', 'handshaking'],
    ['dial', 'open'],
    ['dial', 'waiting'],
    ['dial', 'closed'],
  ])
  t.equal(link.ended, true)
  consumer.clock.advance(10_000)
  t.equal(states().length, 5)
})

test('comes back after the peer has gone, with one link and its subscriptions sent anew', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const consumer = await consume(listener.url, { role: 'dial', options: FAST })
  t.teardown(() => consumer.close())
  for (let i = 0; i < 20; i++) {
    const peer = await listener.peer(i)
    await peer.handshake(1, READY_PUB)
    const [link] = consumer.links.all
    t.equal(await peer.frame(), '040b0953554253435249424561')
    t.equal(await peer.frame(), '040a09535542534352494245')
    const before = link?.events.all.length
    // It has lasted as long as was waited for it.
    consumer.clock.advance(100)
    if (i % 2 === 0) peer.socket.destroy()
    else peer.socket.resetAndDestroy()
    await link?.until('disconnected', before)
    consumer.clock.advance(100)
  }
  t.equal(consumer.links.all.length, 1)
})

test('waits longer every time for a peer that leaves as soon as it is there', async (t) => {
  for (const [what, ready] of [
    ['a foreign peer', READY_PUB],
    ['a fanwire peer that does not say STREAM', fanwireReady('PUB')],
  ] as const) {
    const listener = await RawListener.open()
    const consumer = await consume(listener.url, { role: 'dial', options: FAST })
    t.teardown(async () => {
      await consumer.close()
      await listener.close()
    })
    const link = await consumer.links.until(() => true)
    for (const [i, longest] of [100, 200, 400, 800, 800].entries()) {
      const peer = await listener.peer(i)
      await peer.handshake(1, ready)
      const before = link.events.all.length
      peer.socket.end()
      await link.until('disconnected', before)
      consumer.clock.advance(longest / 2 - 1)
      t.equal(listener.peers.all.length, i + 1, `${what} is not called yet`)
      consumer.clock.advance(longest / 2 + 1)
    }
    await listener.peer(5)
  }
})

test('comes back soon to a fanwire peer that has said STREAM, however short it was there', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const consumer = await consume(listener.url, { role: 'dial', options: FAST })
  t.teardown(() => consumer.close())
  const link = await consumer.links.until(() => true)
  for (let i = 0; i < 5; i++) {
    const peer = await listener.peer(i)
    await peer.handshake(1, fanwireReady('PUB'))
    const before = link.events.all.length
    peer.write(hex(STREAM))
    await link.until('started', i === 0 ? 0 : before)
    peer.socket.end()
    await link.until('disconnected', before)
    consumer.clock.advance(100)
  }
  await listener.peer(5)
})

test('names maxLinks as a possible cause where the peer hung up without a word, and only there', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const consumer = await consume(listener.url, { role: 'dial', options: FAST })
  t.teardown(() => consumer.close())
  const silent = await listener.peer(0)
  await silent.read(64)
  silent.socket.end()
  t.match(await consumer.faults.until(() => true), { code: 'CONNECT_FAILED', message: /hung up.*maxLinks/ })
  consumer.clock.advance(100)
  const other = await listener.peer(1)
  other.write(writeGreeting())
  await other.read(64)
  other.socket.end()
  const fault = await consumer.faults.until(() => true, 1)
  t.match(fault, { code: 'CONNECT_FAILED', message: /hung up during the handshake$/ })
})

test('names another mechanism as a possible cause where the peer hung up within its greeting', async (t) => {
  for (const security of [{}, { plain: 'client', username: 'bob', password: 'pw' }]) {
    const listener = await RawListener.open()
    const consumer = await consume(listener.url, { role: 'dial', options: { ...FAST, ...security } })
    const peer = await listener.peer(0)
    await peer.read(64)
    peer.write(writeGreeting().subarray(0, 11))
    peer.socket.end()
    t.match(await consumer.faults.until(() => true), {
      code: 'CONNECT_FAILED',
      message: /greeting, as .* another mechanism$/,
    })
    await consumer.close()
    await listener.close()
  }
})

test('waits long after a peer that broke the protocol, or hung up in the handshake', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const consumer = await consume(listener.url, { role: 'dial', options: FAST })
  t.teardown(() => consumer.close())
  const first = await listener.peer(0)
  first.write('48545450')
  await first.ended
  await consumer.faults.until(({ code, message }) => code === 'BAD_PEER' && message.includes(': HTTP'))
  consumer.clock.advance(399)
  t.equal(listener.peers.all.length, 1)
  consumer.clock.advance(401)
  const second = await listener.peer(1)
  second.write(writeGreeting())
  await second.read(64)
  second.socket.end()
  await consumer.faults.until(({ code, message }) => code === 'CONNECT_FAILED' && message.includes('hung up during'))
  consumer.clock.advance(200)
  await listener.peer(2)
})

test('does not dial again once the core has ended the link, and does when it has only cut the connection', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const producer = await produce(listener.url, { role: 'dial', options: FAST })
  t.teardown(() => producer.close())
  const link = await producer.links.until(() => true)
  const first = await listener.peer(0)
  await first.handshake()
  await link.until('connected')
  link.carrier?.close(new Error('stalled'))
  await first.ended
  producer.clock.advance(100)
  const second = await listener.peer(1)
  await second.handshake()
  await link.until('connected', 3)
  link.ended = true
  link.carrier?.close()
  await second.ended
  producer.clock.advance(100_000)
  const states = producer.clock.diagnosed.map(({ message }) => 'to' in message && message.to)
  t.equal(states.at(-1), 'closed')
  t.equal(listener.peers.all.length, 2)
  t.strictSame(producer.faults.all, [])
})

test('gives up on a listener that accepts and never speaks', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const consumer = await consume(listener.url, { role: 'dial', options: { ...FAST, handshakeMs: 500 } })
  t.teardown(() => consumer.close())
  const peer = await listener.peer()
  await peer.read(64)
  consumer.clock.advance(500)
  await peer.ended
  t.match(consumer.faults.all, [{ code: 'BAD_PEER', message: /did not finish its handshake/ }])
})

test('closes in every state', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const connecting = await consume(listener.url, { role: 'dial' })
  await connecting.close()
  const handshaking = await consume(listener.url, { role: 'dial' })
  const peer = await listener.peer(listener.peers.all.length)
  await peer.read(64)
  await handshaking.close()
  await peer.ended
  const open = await consume(listener.url, { role: 'dial' })
  const other = await listener.peer(listener.peers.all.length)
  await other.handshake(1, READY_PUB)
  await open.links.all[0]?.until('connected')
  await open.close()
  await other.ended
  for (const { links, faults } of [connecting, handshaking, open]) {
    t.equal(links.all[0]?.ended, true)
    t.strictSame(faults.all, [])
  }
})
