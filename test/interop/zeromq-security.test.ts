import { once } from 'node:events'
import {
  type Consumer,
  createConsumer,
  createCurveKeys,
  createProducer,
  type Fault,
  type SecurityOptions,
} from 'fanwire'
import t, { type Test } from 'tap'
import { curveKeyPair, Publisher, Subscriber, XPublisher } from 'zeromq'
import { frame } from '../../lib/framing/zmtp/frame.js'
import { decodeZ85, encodeZ85 } from '../../lib/framing/zmtp/z85.js'
import { bodyOf, clientPair, serverPair } from '../lib/framing/zmtp/curve-peers.js'
import * as vectors from '../support/curve-keys.js'
import { CurvePeer, flipped, subscribe } from './curve-peer.js'
import { DOMAIN, openZap } from './zap.js'
import {
  freshUrl,
  heard,
  isProbe,
  type Meeting,
  meet,
  meetings,
  messagesOf,
  PUBLISHER,
  SUBSCRIBER,
  turn,
} from './zeromq-peers.js'

const COUNT = 1_000
const numbers = Array.from({ length: COUNT }, (_, i) => i)
const serverKeys = createCurveKeys()
const clientKeys = createCurveKeys()
const large = Buffer.alloc(1_048_576, 'x')

/** What each end takes, by who is the server. */
interface Mechanism {
  readonly name: string
  readonly fanwire: { readonly server: SecurityOptions; readonly client: SecurityOptions }
  readonly zeromq: { readonly server: object; readonly client: object }
}

const mechanisms: readonly Mechanism[] = [
  {
    name: 'PLAIN',
    fanwire: {
      server: { plain: 'server', authenticate: ({ username, password }) => username === 'bob' && password === 'pw' },
      client: { plain: 'client', username: 'bob', password: 'pw' },
    },
    zeromq: {
      server: { plainServer: true, zapDomain: DOMAIN },
      client: { plainUsername: 'bob', plainPassword: 'pw' },
    },
  },
  {
    name: 'CURVE',
    fanwire: {
      server: { curve: 'server', secretKey: serverKeys.secretKey, clientKeys: [clientKeys.publicKey] },
      client: { curve: 'client', serverKey: serverKeys.publicKey, secretKey: clientKeys.secretKey },
    },
    zeromq: {
      server: { curveServer: true, curveSecretKey: serverKeys.secretKey, zapDomain: DOMAIN },
      client: {
        curvePublicKey: clientKeys.publicKey,
        curveSecretKey: clientKeys.secretKey,
        curveServerKey: serverKeys.publicKey,
      },
    },
  },
]

t.before(() =>
  openZap(t, (mechanism, first, second) =>
    mechanism === 'PLAIN'
      ? `${first}` === 'bob' && `${second}` === 'pw'
      : [clientKeys.publicKey, vectors.clientKeys.publicKey].includes(encodeZ85(first as Buffer)),
  ),
)

for (const { name, fanwire, zeromq } of mechanisms) {
  for (const meeting of meetings) {
    for (const [serves, own, others] of [
      ['fanwire is the server', fanwire.server, zeromq.client],
      ['zeromq is the server', fanwire.client, zeromq.server],
    ] as const) {
      const how = `with ${name} over ${meeting.scheme}, where fanwire ${meeting.role}s and ${serves}`

      t.test(`a zeromq subscriber gets everything in order, ${how}`, async (t) => {
        const subscriber = new Subscriber({ ...SUBSCRIBER, ...others })
        const producer = await meet(t, subscriber, meeting, (url, role) => createProducer(url, { role, ...own }))
        subscriber.subscribe('trades.')
        const reading = (async () => {
          const read: string[][] = []
          for (const _ of [...numbers, large]) read.push((await subscriber.receive()).map(String))
          return read
        })()
        await producer.linked({ topic: 'trades.AAPL' })
        for (const i of numbers) {
          await producer.send('trades.AAPL', `${i}`)
          await producer.send('quotes.AAPL', `${i}`)
        }
        await producer.send('trades.large', large)
        t.strictSame(await reading, [...numbers.map((i) => ['trades.AAPL', `${i}`]), ['trades.large', `${large}`]])
        const { links } = await producer.close()
        t.match(links, [{ kind: 'foreign', considered: 2 * COUNT + 1, filtered: COUNT, handed: COUNT + 1 }])
      })

      t.test(`everything of a zeromq publisher arrives in order, ${how}`, async (t) => {
        const publisher = new Publisher({ ...PUBLISHER, ...others })
        const consumer = await meet(t, publisher, meeting, (url, role) =>
          createConsumer(url, { role, topics: ['trades.'], ...own }),
        )
        await heard(publisher, 'trades.AAPL', consumer)
        const sending = (async () => {
          for (const i of numbers) {
            await publisher.send(['trades.AAPL', `${i}`])
            await publisher.send(['quotes.AAPL', `${i}`])
            if (i % 64 === 0) await turn()
          }
          await publisher.send(['trades.large', large])
        })()
        const read: string[] = []
        for await (const message of messagesOf(consumer)) {
          if (isProbe(message)) continue
          if (message.topic === 'trades.large') {
            t.ok(large.equals(message.data))
            break
          }
          read.push(message.text())
        }
        await sending
        t.strictSame(read, numbers.map(String))
      })
    }
  }
}

const tcp: Meeting = { scheme: 'tcp', role: 'listen' }

for (const { name, fanwire, zeromq } of mechanisms) {
  t.test(`a link with ${name} stays while both ask for heartbeats, and one says nothing else`, async (t) => {
    const beats = { heartbeatInterval: 50, heartbeatTimeout: 400, heartbeatTimeToLive: 400 }
    const subscriber = new Subscriber({ ...SUBSCRIBER, ...zeromq.client, ...beats })
    const unlinked: unknown[] = []
    const producer = await meet(t, subscriber, tcp, (url, role) =>
      createProducer(url, { role, ...fanwire.server, heartbeatMs: 60 }),
    )
    producer.on('unlink', (_, reason) => unlinked.push(reason))
    subscriber.subscribe('')
    await producer.linked({ topic: '' })
    // Longer than either would wait for a sign of life.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    await producer.send('a', 'b')
    t.strictSame((await subscriber.receive()).map(String), ['a', 'b'])
    t.strictSame(unlinked, [])
  })
}

t.test(
  'a zeromq client with a wrong password, or an unknown key, is refused by fanwire and not dialled back',
  async (t) => {
    const [plain, curve] = mechanisms as [Mechanism, Mechanism]
    const pair = curveKeyPair()
    const unknown = {
      curvePublicKey: pair.publicKey,
      curveSecretKey: pair.secretKey,
      curveServerKey: serverKeys.publicKey,
    }
    for (const [server, client, event] of [
      // A correctly spelled ERROR is one that libzmq's PLAIN does not know.
      [plain.fanwire.server, { plainUsername: 'bob', plainPassword: 'hunter2' }, 'handshake:error:protocol'],
      [curve.fanwire.server, unknown, 'handshake:error:auth'],
    ] as const) {
      const producer = await createProducer('tcp://127.0.0.1:0', server)
      t.teardown(() => producer.close())
      const subscriber = new Subscriber({ linger: 0, ...client })
      t.teardown(() => subscriber.close())
      const seen = (async () => {
        for await (const { type, ...rest } of subscriber.events)
          if (type.startsWith('handshake')) return { type, ...rest }
        return undefined
      })()
      const faults: Fault[] = []
      producer.on('fault', (fault) => faults.push(fault))
      subscriber.connect(producer.urls[0] as string)
      t.match(await seen, { type: event })
      // It would come back some ten times meanwhile, if it did.
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      t.match(faults, [{ code: 'REFUSED' }])
      t.equal(faults.length, 1)
      t.notMatch(faults[0]?.message, 'hunter2')
    }
  },
)

t.test('a fanwire client is told when zeromq refuses its password, misspelt, or its key', async (t) => {
  const [plain, curve] = mechanisms as [Mechanism, Mechanism]
  for (const [server, client] of [
    [plain.zeromq.server, { ...plain.fanwire.client, password: 'hunter2' }],
    [curve.zeromq.server, { ...curve.fanwire.client, secretKey: createCurveKeys().secretKey }],
  ] as const) {
    const fault = await faultAgainst(t, server, client)
    t.match(fault, { code: 'REFUSED', message: /authentication failed \(400\)/ })
    t.notMatch(fault.message, 'hunter2')
  }
})

t.test('with the key of another server neither side gets anywhere', async (t) => {
  const [, curve] = mechanisms as [Mechanism, Mechanism]
  const other = createCurveKeys().publicKey
  const fault = await faultAgainst(t, curve.zeromq.server, { ...curve.fanwire.client, serverKey: other })
  t.match(fault, { code: 'CONNECT_FAILED', message: /hung up during the handshake/ })

  const producer = await createProducer('tcp://127.0.0.1:0', curve.fanwire.server)
  t.teardown(() => producer.close())
  const subscriber = new Subscriber({ linger: 0, ...curve.zeromq.client, curveServerKey: other })
  t.teardown(() => subscriber.close())
  const told = once(producer as never, 'fault') as Promise<[Fault]>
  subscriber.connect(producer.urls[0] as string)
  t.match(await told, [{ code: 'BAD_PEER', message: /HELLO that does not open/ }])
})

t.test('ends with different mechanisms part, and say so', async (t) => {
  const [plain, curve] = mechanisms as [Mechanism, Mechanism]
  // libzmq hangs up as soon as it sees the mechanism of the other, and often before it has told its own.
  for (const [server, client, theirs] of [
    [curve.zeromq.server, plain.fanwire.client, 'CURVE'],
    [plain.zeromq.server, {}, 'PLAIN'],
    [{}, curve.fanwire.client, 'NULL'],
  ] as const) {
    const { message } = await faultAgainst(t, server, client)
    t.match(message, new RegExp(`wants another mechanism|peer wants the mechanism ${theirs}`))
  }
})

t.test('keys are those of zeromq, both ways', async (t) => {
  const theirs = curveKeyPair()
  t.equal(encodeZ85(decodeZ85(theirs.publicKey)), theirs.publicKey)
  const producer = await createProducer('tcp://127.0.0.1:0', {
    curve: 'server',
    secretKey: theirs.secretKey,
    clientKeys: 'any',
  })
  t.teardown(() => producer.close())
  const consumer = await createConsumer(producer.urls, { curve: 'client', serverKey: theirs.publicKey })
  t.teardown(() => consumer.close())
  await producer.linked()
})

/** What a client of CURVE may do wrong, or only oddly, and whether it is still there after that. */
const acts: readonly (readonly [what: string, kept: boolean, act: (peer: CurvePeer) => Promise<void>])[] = [
  ['the key of another server', false, (peer) => peer.hello({ serverKey: clientPair.publicKey })],
  ['a key that is another’s', false, (peer) => peer.shake({ own: { ...clientPair, secretKey: serverPair.secretKey } })],
  ['another cookie', false, (peer) => peer.shake({}, (said) => flipped(said, 20))],
  [
    'a nonce that was used',
    false,
    async (peer) => {
      await peer.shake()
      const sealed = peer.sealed('a')
      peer.raw.write(sealed, sealed)
    },
  ],
  [
    'nonces with a gap',
    true,
    async (peer) => {
      await peer.shake()
      for (let i = 0; i < 1_000; i++) peer.sealed('a')
      peer.raw.write(peer.sealed('topic'))
    },
  ],
  [
    'a frame in the clear after the handshake',
    false,
    async (peer) => {
      await peer.shake()
      peer.raw.write(frame(4, subscribe('topic')))
    },
  ],
  [
    'a sealed command as a command',
    true,
    async (peer) => {
      await peer.shake()
      peer.raw.write(frame(4, bodyOf(peer.sealed('topic'))))
    },
  ],
  [
    'a sealed command as libzmq sends it',
    true,
    async (peer) => {
      await peer.shake()
      peer.raw.write(peer.sealed('topic'))
    },
  ],
]

for (const [what, kept, act] of acts) {
  t.test(`libzmq and fanwire agree on a client of CURVE with ${what}`, async (t) => {
    const { secretKey } = vectors.serverKeys
    const publisher = new XPublisher({ linger: 0, curveServer: true, curveSecretKey: secretKey })
    t.teardown(() => publisher.close())
    await publisher.bind(freshUrl(t, 'tcp'))
    const producer = await createProducer('tcp://127.0.0.1:0', { curve: 'server', secretKey, clientKeys: 'any' })
    t.teardown(() => producer.close())
    const ends: [url: string, subscribed: () => Promise<unknown>][] = [
      [publisher.lastEndpoint as string, () => publisher.receive()],
      [producer.urls[0] as string, () => producer.linked({ topic: 'topic' })],
    ]
    for (const [url, subscribed] of ends) {
      const peer = await CurvePeer.dial(url)
      await act(peer)
      if (kept) await subscribed()
      else await peer.raw.ended
      t.equal(peer.raw.socket.destroyed, !kept)
      peer.raw.socket.destroy()
    }
  })
}

/** What a fanwire consumer first says of a zeromq server. */
async function faultAgainst(t: Test, server: object, client: SecurityOptions): Promise<Fault> {
  const publisher = new XPublisher({ linger: 0, ...server })
  t.teardown(() => publisher.close())
  await publisher.bind(freshUrl(t, 'tcp'))
  const consumer: Consumer = await createConsumer(publisher.lastEndpoint as string, client)
  t.teardown(() => consumer.close())
  const [fault] = (await once(consumer as never, 'fault')) as [Fault]
  return fault
}
