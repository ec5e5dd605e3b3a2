import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Test, test } from 'tap'
import { parseAddress } from '../../lib/address.js'
import { writeGreeting } from '../../lib/framing/zmtp/greeting.js'
import { writeReady } from '../../lib/framing/zmtp/handshake.js'
import {
  balanceLink,
  balanceProducer,
  balanceStream,
  type Consumer,
  createConsumer,
  createProducer,
  type Fault,
  type Producer,
} from '../../lib/index.js'

const PEERS = 500
const COUNT = 10_000
const EACH = COUNT / PEERS
const VICTIM = 'tcp://127.0.0.1:0?handshakeMs=1s&heartbeatMs=1s'

/** What a peer sends, and what is said of it. */
interface BadPeer {
  readonly name: string
  readonly bytes: (type: 'SUB' | 'PUB', place: number) => Uint8Array
  readonly code: 'BAD_PEER' | 'SILENT'
  readonly says: RegExp
}

const badPeers: readonly BadPeer[] = [
  {
    name: 'HTTP',
    bytes: () => Buffer.from('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n'),
    code: 'BAD_PEER',
    says: /first bytes 47 ?45 ?54 ?20.*: HTTP/,
  },
  {
    name: 'TLS hello',
    bytes: (_, place) => Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), noise(506, place)]),
    code: 'BAD_PEER',
    says: /first bytes 16 ?03 ?01.*: TLS/,
  },
  {
    name: 'random bytes',
    bytes: (_, place) => Buffer.concat([Buffer.from([place % 255]), noise(1_000, place)]),
    code: 'BAD_PEER',
    says: /first bytes [0-9a-f]/,
  },
  {
    name: 'half a greeting',
    bytes: (_, place) => writeGreeting().subarray(0, 1 + (place % 63)),
    code: 'BAD_PEER',
    says: /did not finish its handshake in 1000 ms/,
  },
  {
    name: 'half a READY',
    bytes: (type, place) => Buffer.concat([writeGreeting(), writeReady(type).subarray(0, 1 + (place % 20))]),
    code: 'BAD_PEER',
    says: /did not finish its handshake in 1000 ms/,
  },
  {
    name: 'an oversize frame',
    // The size of a long frame: 2^40.
    bytes: (type) => Buffer.concat([writeGreeting(), writeReady(type), Buffer.from('020000010000000000', 'hex')]),
    code: 'BAD_PEER',
    says: /message of at least 1099511627776 bytes, at most \d+ are accepted/,
  },
  {
    name: 'silence',
    bytes: () => Buffer.alloc(0),
    code: 'BAD_PEER',
    says: /did not finish its handshake in 1000 ms/,
  },
  {
    name: 'silence after the handshake',
    bytes: (type) => Buffer.concat([writeGreeting(), writeReady(type)]),
    code: 'SILENT',
    says: /no sign of life for \d+ ms/,
  },
]

test('500 bad peers at a producer cost a good subscriber nothing', async (t) => {
  const producer = await createProducer(VICTIM)
  const url = producer.urls[0] as string
  const consumer = await createConsumer(url)
  await suffer(t, producer, consumer, producer, url, 'SUB')
})

test('500 bad peers at a consumer that listens cost a good producer nothing', async (t) => {
  const consumer = await createConsumer(VICTIM, { role: 'listen' })
  const url = consumer.urls[0] as string
  const producer = await createProducer(url, { role: 'dial' })
  await suffer(t, producer, consumer, consumer, url, 'PUB')
})

/** Lets bad peers come, one after the other, between the messages of two good ones. */
async function suffer(
  t: Test,
  producer: Producer,
  consumer: Consumer,
  victim: Producer | Consumer,
  url: string,
  type: 'SUB' | 'PUB',
): Promise<void> {
  t.teardown(() => Promise.all([producer.close({ drainMs: 0 }), consumer.close()]))
  const faults: Fault[] = []
  const others: Fault[] = []
  const told = new Promise<void>((resolve) => {
    const count = (fault: Fault) => faults.push(fault) === PEERS && resolve()
    const note = (fault: Fault) => others.push(fault)
    consumer.on('fault', consumer === victim ? count : note)
    producer.on('fault', producer === victim ? count : note)
  })
  await Promise.all([producer.linked(), consumer.linked()])
  const taken = takeAll(consumer)
  const expected = new Map<string, BadPeer>()
  const closed: Promise<unknown>[] = []
  for (let place = 0; place < PEERS; place++) {
    const peer = badPeers[place % badPeers.length] as BadPeer
    const socket = await dial(url)
    closed.push(once(socket, 'close'))
    socket.write(peer.bytes(type, place))
    expected.set(`tcp://127.0.0.1:${socket.localPort}`, peer)
    for (let i = 0; i < EACH; i++) await producer.send('good', String(place * EACH + i + 1))
  }
  t.strictSame(await taken, { messages: COUNT, wrong: [] }, 'all messages, in order')
  await told
  await Promise.all(closed)

  const wrong = faults.filter(({ code, message, remote = '' }) => {
    const peer = expected.get(remote)
    expected.delete(remote)
    return peer === undefined || peer.code !== code || !peer.says.test(message)
  })
  t.strictSame(wrong, [], 'each is named with what was seen')
  t.strictSame([...expected], [], 'each is counted')
  t.strictSame(others, [], 'the other side has nothing to complain of')

  await producer.flush()
  const [link, ...links] = producer.stats().links
  t.strictSame(links, [])
  t.match(link, { state: 'open', considered: COUNT, handed: COUNT, acknowledged: COUNT })
  t.equal(link && balanceLink(link), undefined)
  t.equal(balanceProducer(producer.stats()), undefined)
  const [stream, ...streams] = consumer.stats().streams
  t.strictSame(streams, [])
  t.match(stream, { live: true, delivered: COUNT, lost: 0, declared: 0, duplicates: 0 })
  t.equal(stream && balanceStream(stream), undefined)
  t.equal(consumer.links.length, 1)
}

async function takeAll(consumer: Consumer): Promise<{ messages: number; wrong: string[] }> {
  const wrong: string[] = []
  let messages = 0
  for await (const message of consumer) {
    messages++
    if (message.sequence !== messages || message.text() !== String(messages)) wrong.push(message.text())
    if (messages === COUNT) break
  }
  return { messages, wrong }
}

/** A connection that reads, says nothing of its own accord, and stays until it is thrown out. */
async function dial(url: string): Promise<Socket> {
  const { host, port } = parseAddress(url)
  const socket = connect({ host: host as string, port: port as number })
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'connect')
  return socket
}

/** Bytes without sense, the same in every run. */
function noise(size: number, seed: number): Uint8Array {
  let state = seed + 1
  return Uint8Array.from({ length: size }, () => {
    state = (state * 48_271) % 2_147_483_647
    return state & 0xff
  })
}
