import { type Test, test } from 'tap'
import { frame } from '../../../lib/framing/zmtp/frame.js'
import { writeGreeting } from '../../../lib/framing/zmtp/greeting.js'
import type { Handshake } from '../../../lib/framing/zmtp/mechanism.js'
import {
  type Consumer,
  createConsumer,
  createCurveKeys,
  createProducer,
  type Fault,
  type Producer,
} from '../../../lib/index.js'
import { bodyOf, clientPair, curveClient, curveServer, serverPair } from '../../lib/framing/zmtp/curve-peers.js'
import { clientKeys, serverKeys } from '../../support/curve-keys.js'
import { RawListener, RawPeer } from './doubles.js'
import { mechanisms } from './mechanisms.js'

const { server, client } = mechanisms.CURVE

/** A producer with one good consumer, which must never notice what others do. */
async function scene(t: Test) {
  const faults: Fault[] = []
  const producer = await createProducer('tcp://127.0.0.1:0', server)
  producer.on('fault', (fault) => faults.push(fault))
  const consumer = await createConsumer(producer.urls, client)
  t.teardown(async () => {
    await producer.close()
    await consumer.close()
  })
  await producer.linked()
  return { producer, consumer, faults }
}

/** What the good consumer has is what was sent, whatever happened beside it. */
async function stillWorks(t: Test, { producer, consumer }: { producer: Producer; consumer: Consumer }) {
  await producer.send('still', 'here')
  for await (const message of consumer) {
    t.strictSame([message.topic, message.text(), message.missed], ['still', 'here', 0])
    break
  }
}

/** Frames of any size from a raw peer. */
async function command(peer: RawPeer): Promise<Uint8Array> {
  const flags = Number.parseInt(await peer.read(1), 16)
  const size = Number.parseInt(await peer.read((flags & 2) === 0 ? 1 : 8), 16)
  return Buffer.from(await peer.read(size), 'hex')
}

async function greeted(url: string): Promise<RawPeer> {
  const peer = await RawPeer.dial(url)
  peer.write(writeGreeting('CURVE'))
  await peer.read(64)
  return peer
}

/** Goes through the handshake as `own` would; `change` may spoil what is said, by turn. */
async function shake(peer: RawPeer, own: Handshake, change = (said: Uint8Array, _turn: number) => said): Promise<void> {
  peer.write(change(own.begin(), 0))
  for (let turn = 1; ; turn++) {
    const step = own.receive(await command(peer))
    if (step.kind === 'done') return
    if (step.kind !== 'answer') throw new Error(step.kind)
    peer.write(change(step.words, turn))
  }
}

function spoilt(at: number): (said: Uint8Array) => Uint8Array {
  return (said) => {
    const other = said.slice()
    other[at] = (other[at] as number) ^ 1
    return other
  }
}

const bad: [what: string, fault: object, act: (peer: RawPeer) => Promise<void>][] = [
  [
    'the key of another server',
    { code: 'BAD_PEER', message: /HELLO that does not open/ },
    async (peer) => {
      peer.write(curveClient({ serverKey: clientPair.publicKey }).begin())
    },
  ],
  [
    'a key that is not on the list',
    { code: 'REFUSED', message: `peer is not accepted (${serverKeys.publicKey})` },
    async (peer) => {
      const own = curveClient({ own: serverPair })
      peer.write(own.begin())
      const initiate = own.receive(await command(peer))
      if (initiate.kind === 'answer') peer.write(initiate.words)
      const refused = own.receive(await command(peer))
      if (refused.kind !== 'refused' || refused.reason !== '400') throw new Error(refused.kind)
    },
  ],
  [
    'a key that is another’s',
    { code: 'BAD_PEER', message: /vouch that does not open/ },
    (peer) => expectCut(shake(peer, curveClient({ own: { ...clientPair, secretKey: serverPair.secretKey } }))),
  ],
  [
    'another cookie',
    { code: 'BAD_PEER', message: /another cookie/ },
    (peer) => expectCut(shake(peer, curveClient(), (said, turn) => (turn === 1 ? spoilt(9 + 9)(said) : said))),
  ],
  [
    'a nonce that was used',
    { code: 'BAD_PEER', message: /peer used nonce 3 after 3/ },
    async (peer) => {
      const own = curveClient()
      await shake(peer, own)
      const subscribe = own.traffic().sealer.seal(frame(4, Buffer.from('\x09SUBSCRIBEx')))
      peer.write(subscribe, subscribe)
    },
  ],
  [
    'a frame in the clear after the handshake',
    { code: 'BAD_PEER', message: /in the clear after its handshake/ },
    async (peer) => {
      await shake(peer, curveClient())
      peer.write(frame(4, Buffer.from('\x09SUBSCRIBEx')))
    },
  ],
  [
    'traffic in the middle of the handshake',
    { code: 'BAD_PEER', message: /sent SUBSCRIBE where INITIATE was expected/ },
    async (peer) => {
      peer.write(curveClient().begin(), frame(4, Buffer.from('\x09SUBSCRIBEx')))
    },
  ],
  [
    'another mechanism',
    { code: 'BAD_PEER', message: /wants the mechanism PLAIN, this end has CURVE/ },
    async () => undefined,
  ],
]

async function expectCut(shaking: Promise<void>): Promise<void> {
  try {
    await shaking
  } catch (error) {
    if (/connection ended/.test(`${error}`)) return
    throw error
  }
  throw new Error('the handshake was accepted')
}

for (const [what, fault, act] of bad) {
  test(`${what} costs that link, and no other`, async (t) => {
    const stage = await scene(t)
    const url = stage.producer.urls[0] as string
    const peer = await RawPeer.dial(url)
    peer.write(writeGreeting(what === 'another mechanism' ? 'PLAIN' : 'CURVE'))
    await peer.read(64)
    await act(peer)
    await peer.ended
    await stillWorks(t, stage)
    t.match(stage.faults, [fault])
    t.equal(stage.producer.links.length, 1)
    t.notMatch(JSON.stringify(stage.faults), serverKeys.secretKey)
  })
}

test('counts with gaps, and commands or messages outside, are taken as libzmq and others send them', async (t) => {
  const { producer } = await scene(t)
  const peer = await greeted(producer.urls[0] as string)
  const own = curveClient()
  await shake(peer, own)
  const { sealer, opener } = own.traffic()
  for (let i = 0; i < 1_000; i++) sealer.seal(frame(0, new Uint8Array(0)))
  const subscribe = (topic: string) => bodyOf(sealer.seal(frame(4, Buffer.from(`\x09SUBSCRIBE${topic}`))))
  peer.write(frame(0, subscribe('a.')), frame(4, subscribe('b.')))
  // libzmq does the same in the form of ZMTP 3.0.
  peer.write(sealer.seal(frame(0, Buffer.from('\x01c.'))))
  for (const topic of ['a.1', 'b.1', 'c.1']) {
    await producer.linked({ topic, count: 2 })
    await producer.send(topic, 'data')
    const frames = [opener.open(await command(peer)), opener.open(await command(peer))]
    t.strictSame(
      frames.map(({ flags, body }) => [flags, Buffer.from(body).toString()]),
      [
        [1, topic],
        [0, 'data'],
      ],
    )
  }
  peer.socket.destroy()
})

test('a client does not tell who it is to a server with another key', async (t) => {
  const listener = await RawListener.open()
  const consumer = await createConsumer(listener.url, client)
  const fault = new Promise((resolve) => consumer.once('fault', resolve))
  const peer = await listener.peer()
  await peer.read(64)
  peer.write(writeGreeting('CURVE'))
  await command(peer)
  const welcome = curveServer().receive(bodyOf(curveClient().begin()))
  if (welcome.kind === 'answer') peer.write(welcome.words)
  await peer.ended
  t.equal(peer.unread, '')
  t.match(await fault, { code: 'BAD_PEER', message: /WELCOME that does not open/ })
  await consumer.close()
  await listener.close()
})

test('messages of every size arrive as they were, larger than a run too', async (t) => {
  const { producer, consumer } = await scene(t)
  const sizes = [0, 1, 254, 255, 256, 65_535, 262_144, 1_048_576, 3_000_001]
  const sending = (async () => {
    for (const size of sizes) await producer.send('t'.repeat(size % 300), Buffer.alloc(size, size))
  })()
  const seen: [number, number][] = []
  for await (const { topic, data } of consumer) {
    const size = sizes[seen.length] as number
    t.ok(Buffer.alloc(size, size).equals(data), `${size} bytes`)
    seen.push([topic.length, data.length])
    if (seen.length === sizes.length) break
  }
  await sending
  t.strictSame(
    seen,
    sizes.map((size) => [size % 300, size]),
  )
})

test('a client without a key of its own is known by one that is made for it', async (t) => {
  const { publicKey, secretKey } = createCurveKeys()
  const producer = await createProducer('tcp://127.0.0.1:0', { curve: 'server', secretKey, clientKeys: 'any' })
  const consumer = await createConsumer(producer.urls, { curve: 'client', serverKey: publicKey })
  await producer.linked()
  const user = producer.links[0]?.peer?.user
  t.match(user, /^\S{40}$/)
  t.not(user, clientKeys.publicKey)
  await producer.close()
  await consumer.close()
})
