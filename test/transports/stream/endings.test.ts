import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type Test, test } from 'tap'
import { writeGreeting } from '../../../lib/framing/zmtp/greeting.js'
import { createProducer } from '../../../lib/index.js'
import {
  type ConsumerLinkDouble,
  consume,
  type EndDouble,
  fanwireReady,
  hex,
  type LinkDouble,
  type ProducerLinkDouble,
  produce,
  RawListener,
  RawPeer,
  READY_PUB,
  READY_SUB,
} from './doubles.js'

/** How connections end, and what is then known of what went through them. */

const ONE = hex('01 01 41 00 01 62')
const PONG = flat('04 05 04 504f4e47')

test('takes what came in one piece with a goodbye, although the inbox is full', async (t) => {
  const { peer, port, socket } = await fullConsumer(t)
  peer.socket.end(messages(20))
  // The stream below tells of the end once its last bytes are taken, whoever had wanted a pause after them.
  await turnsUntil(() => wasEnded(socket))
  port.room = 8
  port.carrier?.resume()
  await port.events.until(() => port.count === 11)
  await turnsUntil(() => socket.readableEnded)
  t.strictSame(port.of('disconnected'), [], 'there is more to take')
  for (const count of [15, 23]) {
    t.equal(port.ended, false)
    port.room = count - port.count
    port.carrier?.resume()
    t.equal(port.count, count)
  }
  port.room = 1
  port.carrier?.resume()
  t.match(await port.until('disconnected'), { reason: undefined })
  t.equal(port.count, 23)
})

test('takes what had come before a reset that it notices while the inbox is full', async (t) => {
  const { peer, port, socket } = await fullConsumer(t, 20)
  peer.socket.resetAndDestroy()
  await peer.ended
  const gone = new Promise((resolve) => socket.once('close', resolve))
  // Who does not read hears of it when he writes.
  port.carrier?.subscribe(Buffer.from('more'))
  await gone
  t.strictSame(port.of('disconnected'), [])
  port.room = 10
  port.carrier?.resume()
  t.equal(port.count, 13)
  port.room = 100
  port.carrier?.resume()
  t.equal(port.count, 20)
  t.match(await port.until('disconnected'), { reason: { code: 'CONNECT_FAILED' } })
})

test('says nothing to a foreign peer that never asked for a sign of life while the inbox is full', async (t) => {
  const { peer, port, consumer } = await fullConsumer(t)
  consumer.clock.advance(100_000)
  port.carrier?.subscribe(Buffer.from('z'))
  t.equal(await peer.frame(), flat('04 0b 09 535542534352494245 7a'), 'no PING stands before it')
})

test('takes all that a foreign peer has sent before it closed, however long the inbox is full', async (t) => {
  const { peer, port, consumer, socket } = await fullConsumer(t, 20)
  peer.socket.write(messages(60_000))
  await turnsUntil(() => socket.readableLength > 0)
  // Closed and not shut down: the system answers whatever comes now with a reset.
  peer.socket.destroySoon()
  await peer.ended
  consumer.clock.advance(100_000)
  await turns(20)
  while (port.of('disconnected').length === 0) {
    port.room = 20_000
    const { length } = port.events.all
    port.carrier?.resume()
    await port.events.until(({ type }) => type === 'disconnected' || port.room <= 0, length)
  }
  t.match(port.of('disconnected'), [{ reason: undefined }])
  t.equal(port.count, 60_020)
})

test('does not take for handed what a socket gives up after a reset', async (t) => {
  const producer = await produce('tcp://127.0.0.1:0')
  const peer = await RawPeer.dial(producer.urls[0] as string)
  t.teardown(() => producer.close())
  await peer.handshake(1, READY_SUB)
  const port = (await producer.links.until(() => true)) as ProducerLinkDouble
  await port.until('start')
  peer.socket.pause()
  const run = Buffer.alloc(256 * 1024)
  for (let i = 0; i < 1_000 && port.carrier?.write(run, 1, 1) === 'taken'; i++);
  const before = port.of('taken').length
  peer.socket.resetAndDestroy()
  await port.until('disconnected')
  t.equal(port.of('taken').length, before)
  t.equal(port.carrier?.write(run, 1, 1), 'busy', 'nor what is written after it')
})

test('does not take for handed what is written between the death of a socket and its close', async (t) => {
  const producer = await produce('tcp://127.0.0.1:0')
  t.teardown(() => producer.close())
  const accepted = nextAccepted()
  const peer = await RawPeer.dial(producer.urls[0] as string)
  const socket = await accepted
  await peer.handshake(1, READY_SUB)
  const port = (await producer.links.until(() => true)) as ProducerLinkDouble
  await port.until('start')
  // As the system does it when a read or a write fails.
  socket.destroy(new Error('broken'))
  t.equal(port.carrier?.write(ONE, 1, 1), 'busy')
  await port.until('disconnected')
  t.strictSame(port.of('taken'), [])
})

test('a backlog does not count as handed once the peer has been reset', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0', { overflow: 'buffer:60MiB' })
  t.teardown(() => producer.close({ drainMs: 0 }))
  const peer = await RawPeer.dial(producer.urls[0] as string)
  await peer.handshake(1, READY_SUB)
  peer.write('04 0a 09 535542534352494245')
  await producer.linked({ topic: 'a' })
  peer.socket.pause()
  const count = 40_000
  for (let i = 0; i < count; i++) await producer.send('a', Buffer.alloc(1_000))
  const [link] = producer.links
  const unlinked = once(producer, 'unlink')
  peer.socket.resetAndDestroy()
  await unlinked
  const { considered, handed, inFlight, waiting, unknown } = link?.ledger() ?? {}
  t.match({ considered, unknown }, { considered: count, unknown: undefined })
  // No system takes more than a few MiB for a peer that does not read.
  t.ok((waiting ?? 0) > count / 2, `${waiting} wait, ${inFlight} are in flight, ${handed} are handed`)
})

test('a link that is closed before it is connected leaves no connection behind', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  for (const [i, open] of [consume, produce].entries()) {
    const end = await open(listener.url, { role: 'dial' })
    const [link] = end.links.all
    link?.end(undefined)
    const peer = await listener.peer(i)
    await t.rejects(peer.read(1), /connection ended after $/, 'without a word')
    t.equal(lastState(end), 'closed')
    end.clock.advance(100_000)
    t.strictSame(end.faults.all, [])
    t.equal(listener.peers.all.length, i + 1)
    await end.close()
  }
})

test('a link that is closed during the handshake leaves no connection behind', async (t) => {
  const listener = await RawListener.open()
  t.teardown(() => listener.close())
  const cases = [
    [consume, READY_PUB],
    [consume, fanwireReady('PUB')],
    [produce, READY_SUB],
    [produce, fanwireReady('SUB')],
  ] as const
  for (const [i, [open, ready]] of cases.entries()) {
    const end = await open(listener.url, { role: 'dial', prepare: (link) => Object.assign(link, { prefixes: [] }) })
    const peer = await listener.peer(i)
    await peer.read(1)
    const [link] = end.links.all
    link?.end(undefined)
    await peer.read(63)
    peer.write(writeGreeting(), ready, '04 07 04 50494e47 0000')
    t.notOk((await allFrames(peer)).includes(PONG), 'nobody is there who answers')
    t.equal(lastState(end), 'closed')
    end.clock.advance(100_000)
    t.strictSame(end.faults.all, [])
    t.equal(listener.peers.all.length, i + 1)
    await end.close()
  }
})

/** A consumer whose inbox is full after 3 messages of `count`, with the peer that has sent them in one piece. */
async function fullConsumer(t: Test, count = 3) {
  const prepare = (link: object) => Object.assign(link, { room: 3, prefixes: [] })
  const consumer = await consume('tcp://127.0.0.1:0', { prepare })
  const accepted = nextAccepted()
  const peer = await RawPeer.dial(consumer.urls[0] as string)
  t.teardown(async () => {
    peer.socket.destroy()
    await consumer.close()
  })
  const socket = await accepted
  await peer.handshake(1, READY_PUB)
  peer.write(messages(count))
  const port = (await consumer.links.until(() => true)) as ConsumerLinkDouble
  await port.events.until(() => port.count === 3)
  return { consumer, peer, port, socket }
}

/** The next socket that this process accepts. */
function nextAccepted(): Promise<Socket> {
  return new Promise((resolve) => {
    const hear = (message: unknown) => {
      unsubscribe('net.server.socket', hear)
      resolve((message as { readonly socket: Socket }).socket)
    }
    subscribe('net.server.socket', hear)
  })
}

function messages(count: number): Buffer {
  return Buffer.alloc(count * ONE.length, ONE)
}

/** The system has told of the peer's goodbye, although not all that came before it is taken. */
function wasEnded(socket: Socket): boolean {
  return (Reflect.get(socket, '_readableState') as { readonly ended: boolean }).ended
}

/** Lets the event loop go round until `holds` does: of this no event tells. */
async function turnsUntil(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !holds(); i++) await turns(1)
  if (!holds()) throw new Error(`still not so: ${holds}`)
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** What a peer says until it hangs up, or answers a PING. */
async function allFrames(peer: RawPeer): Promise<string[]> {
  const frames: string[] = []
  while (frames.at(-1) !== PONG) {
    const frame = await peer.frame().catch(() => undefined)
    if (frame === undefined) break
    frames.push(frame)
  }
  return frames
}

function lastState(end: Pick<EndDouble<LinkDouble>, 'clock'>): unknown {
  return end.clock.diagnosed.map(({ message }) => ('to' in message ? message.to : undefined)).at(-1)
}

function flat(text: string): string {
  return text.replace(/\s+/g, '')
}
