import t from 'tap'
import { parseAddress } from '../../lib/address.js'
import { spFraming } from '../../lib/framing/sp/message.js'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import { balanceLink, balanceShare, createConsumer, createProducer } from '../../lib/index.js'
import { checkOverflow, type OverflowText } from '../../lib/overflow.js'
import { Producer } from '../../lib/producer.js'
import { Retention } from '../../lib/retention.js'
import type { Share } from '../../lib/share.js'
import type { ShareLink } from '../../lib/share-link.js'
import { FakePeer } from './support/fake-peer.js'
import { FakePlatform } from './support/fake-platform.js'

const MIB = 1024 * 1024

interface Setup {
  readonly overflow?: OverflowText
  readonly prefetch?: { readonly messages?: number; readonly bytes?: number }
}

/** A producer that shares with peers that the test plays. */
function scene({ overflow = 'backpressure', prefetch = {} }: Setup = {}) {
  const platform = new FakePlatform()
  const policy = checkOverflow(overflow, 'producer', 64 * MIB)
  const producer = new Producer(platform, {
    stream: 'STREAM0001',
    policy,
    overflow: () => policy,
    memoryBytes: 64 * MIB,
    maxMessageBytes: 16 * MIB,
    stallMs: 30_000,
    unacknowledgedBytes: undefined,
    retention: new Retention(undefined),
    codec: undefined,
  })
  const share = producer.share(zmtpFraming, { policy, prefetch: { messages: 64, bytes: 65_536, ...prefetch } })
  const join = (options: ConstructorParameters<typeof FakePeer>[0] = {}) => {
    const link = share.open('peer', 'accepted')
    const peer = new FakePeer(options).connect(link, [], 'now')
    platform.turn()
    return { link, peer }
  }
  const send = (...data: readonly string[]) => {
    for (const each of data) producer.send('task', each)
    platform.turn()
  }
  return { platform, producer, share, join, send }
}

function readBy({ read }: FakePeer): string[] {
  return read.map(({ data, redelivered }) => `${new TextDecoder().decode(data)}${redelivered ? ' again' : ''}`)
}

function leave({ link, peer }: { link: ShareLink; peer: FakePeer }): void {
  peer.close()
  link.disconnected(undefined)
}

/** Lets all go on that waits for a promise. */
function promises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** The first sum that does not hold. */
function imbalance(producer: Producer): string | undefined {
  const { links, ended, ...ledger } = producer.stats()
  const all = [...links, ...ended]
  return balanceShare(ledger, all) ?? all.map(balanceLink).find((sum) => sum !== undefined)
}

t.test('a few messages go to many who are idle, one after the other', async (t) => {
  const { join, send } = scene()
  const all = [join(), join(), join()]
  send('1', '2', '3', '4', '5')
  for (const { peer } of all) peer.receive()
  t.strictSame(
    all.map(({ peer }) => readBy(peer)),
    [['1', '2'], ['3', '4'], ['5']],
  )
  send('6')
  for (const { peer } of all) peer.receive()
  t.strictSame(readBy(all[2]?.peer as FakePeer), ['5', '6'], 'who has least to do is next')
})

t.test('nobody has more than prefetch, and who acknowledges gets what comes next', async (t) => {
  const { producer, join, send } = scene({ prefetch: { messages: 2 } })
  const one = join()
  const two = join()
  send('1', '2', '3', '4', '5', '6')
  t.equal(producer.stats().waiting, 2)
  for (const { peer } of [one, two]) peer.receive()
  two.peer.acknowledge(1)
  two.peer.receive()
  t.strictSame(
    [readBy(one.peer), readBy(two.peer)],
    [
      ['1', '2'],
      ['3', '4', '5'],
    ],
  )
  t.equal(producer.stats().waiting, 1)
  t.equal(imbalance(producer), undefined)
})

t.test('bytes bound what one has as well, and a larger message goes alone', async (t) => {
  const { producer, join, send } = scene({ prefetch: { bytes: 1_024 } })
  const { peer } = join()
  send('a'.repeat(600), 'b'.repeat(600), 'c'.repeat(5_000), 'd')
  const sizes = () => peer.read.map(({ data }) => data.length)
  peer.receive()
  t.strictSame(sizes(), [600])
  peer.acknowledge()
  peer.receive()
  t.strictSame(sizes(), [600, 600])
  peer.acknowledge()
  peer.receive()
  t.strictSame(sizes(), [600, 600, 5_000])
  peer.acknowledge()
  peer.receive()
  t.strictSame(sizes(), [600, 600, 5_000, 1])
  t.equal(imbalance(producer), undefined)
})

t.test('what a link leaves unacknowledged goes to the front, under its numbers and marked', async (t) => {
  const { producer, join, send } = scene({ prefetch: { messages: 3 } })
  const gone = join()
  send('1', '2', '3', '4')
  gone.peer.receive()
  gone.peer.acknowledge(1)
  gone.peer.receive()
  t.strictSame(readBy(gone.peer), ['1', '2', '3', '4'])
  leave(gone)
  t.match(producer.stats(), { waiting: 3, returned: 3, redelivered: 0, ended: [{ considered: 4, returned: 3 }] })
  send('5')
  const { peer } = join()
  peer.receive()
  peer.acknowledge()
  peer.receive()
  t.strictSame(readBy(peer), ['2 again', '3 again', '4 again', '5'])
  t.strictSame(
    peer.read.map(({ number }) => number),
    [2, 3, 4, 5],
  )
  t.match(producer.stats(), { waiting: 0, returned: 3, redelivered: 3 })
  t.equal(imbalance(producer), undefined)
})

t.test('what a foreign peer was being written when it left is unknown, and goes to nobody', async (t) => {
  const { producer, join, send } = scene()
  const gone = join({ kind: 'foreign', kernelBytes: 0 })
  send('1', '2')
  t.match(producer.stats(), { waiting: 0, links: [{ considered: 2, inFlight: 2, handed: 0 }] })
  send('3')
  leave(gone)
  t.match(producer.stats(), { waiting: 1, returned: 0, ended: [{ considered: 2, inFlight: 2, unknown: 2 }] })
  t.equal(imbalance(producer), undefined)
})

t.test('foreign peers are served in turn, and so are others beside them', async (t) => {
  const { join, send } = scene()
  const foreign = join({ kind: 'foreign' })
  const fanwire = join()
  for (let i = 0; i < 10; i++) {
    send(`${i}`)
    fanwire.peer.receive()
    fanwire.peer.acknowledge()
    foreign.peer.receive()
  }
  t.strictSame([foreign.peer.read.length, fanwire.peer.read.length], [5, 5])
})

t.test('a link that acknowledges nothing while more waits is cut, and others get what it had', async (t) => {
  const { platform, producer, join, send } = scene({ prefetch: { messages: 1 } })
  const stuck = join()
  send('1', '2')
  stuck.peer.receive()
  const told = new Promise((resolve) => producer.once('unlink', (_, reason) => resolve(reason)))
  platform.advance(29_999)
  t.equal(stuck.peer.closed, null)
  platform.advance(1)
  t.match(await told, { code: 'STALLED', message: /peer acknowledged nothing for 30000 ms/ })
  const { peer } = join()
  peer.receive()
  peer.acknowledge()
  peer.receive()
  t.strictSame(readBy(peer), ['1 again', '2'])
})

t.test('a link that has what there is may take its time', async (t) => {
  const { platform, join, send } = scene()
  const slow = join()
  send('1')
  platform.advance(3_600_000)
  t.equal(slow.peer.closed, null)
})

t.test('send() waits while too much waits, until half of it has gone', async (t) => {
  const { platform, producer, join, send } = scene({ overflow: 'backpressure:5s:disconnect:4' })
  send('1', '2', '3', '4', '5')
  t.match(producer.stats(), { accepted: 4, offered: 4, waiting: 4 })
  platform.advance(3_600_000)
  t.equal(producer.stats().refused, 0, 'without end, since nobody is to blame')
  t.equal(producer.trySend('task', 'x'), 'full')
  const { peer } = join()
  platform.turn()
  peer.receive()
  t.strictSame(readBy(peer), ['1', '2', '3', '4', '5'])
})

t.test('send() is rejected after its time, or at once, where that was asked for', async (t) => {
  const waits = scene({ overflow: 'backpressure:2s:reject:1' })
  waits.send('1')
  const late = waits.producer.send('task', '2')
  waits.platform.advance(2_000)
  await t.rejects(late, { code: 'TIMEOUT' })
  const refuses = scene({ overflow: 'buffer:1:refuse' })
  refuses.send('1')
  await t.rejects(refuses.producer.send('task', '2'), {
    code: 'BUFFER_FULL',
    message: '[BUFFER_FULL] 1 messages wait for a link already; nobody got the message',
  })
  t.match(refuses.producer.stats(), { offered: 2, accepted: 1, refused: 1, waiting: 1 })
})

t.test('flush() waits for acknowledgements, and not for ever', async (t) => {
  const { platform, producer, join, send } = scene()
  const { peer } = join()
  send('1', '2')
  peer.receive()
  let flushed = false
  const flushing = producer.flush().then(() => {
    flushed = true
  })
  peer.acknowledge(1)
  await promises()
  t.equal(flushed, false)
  peer.acknowledge(2)
  await flushing
  send('3')
  peer.receive()
  const stalled = producer.flush()
  await promises()
  platform.advance(30_000)
  await t.rejects(stalled, { code: 'STALLED', message: /peer acknowledged nothing for 30000 ms/ })
})

t.test('a message that is larger than a slab goes through in slices, and comes back whole', async (t) => {
  const { platform, producer, join } = scene()
  const gone = join({ kernelBytes: 300_000 })
  const data = new Uint8Array(MIB).map((_, i) => i % 251)
  producer.send('task', data)
  platform.turn()
  gone.peer.receive()
  t.equal(gone.link.midMessage, true)
  leave(gone)
  const { peer } = join({ kernelBytes: 300_000 })
  peer.receive(20)
  t.strictSame(peer.read[0]?.data, data)
  t.match(peer.read, [{ number: 1, redelivered: true }])
  peer.acknowledge()
  t.equal(imbalance(producer), undefined)
  t.ok(producer.stats().memory.used < MIB, `${producer.stats().memory.used} bytes are held`)
})

t.test('a dialled link begins a new ledger with every connection', async (t) => {
  const { platform, producer, share, send } = scene()
  const link = share.open('peer', 'dialled')
  send('1', '2')
  t.match(producer.stats().links, [{ state: 'waiting', considered: 0 }])
  const peer = new FakePeer().connect(link, [], 'now')
  platform.turn()
  peer.receive()
  peer.acknowledge(1)
  peer.close()
  link.disconnected(undefined)
  t.match(producer.stats(), {
    links: [{ state: 'waiting', considered: 0 }],
    ended: [{ connections: 1, considered: 2, acknowledged: 1, returned: 1, unknown: 0 }],
  })
  const again = new FakePeer().connect(link, [], 'now')
  platform.turn()
  again.receive()
  t.strictSame(readBy(again), ['2 again'])
  t.equal(imbalance(producer), undefined)
})

t.test('a link that is closed by who hears that it is unlinked is counted once', async (t) => {
  const { platform, producer, share, send } = scene()
  const link = share.open('peer', 'dialled')
  const peer = new FakePeer().connect(link, [], 'now')
  platform.turn()
  send('1')
  producer.once('unlink', (ended) => ended.close())
  peer.close()
  link.disconnected(undefined)
  t.match(producer.stats(), { links: [], waiting: 1, returned: 1, ended: [{ considered: 1, returned: 1 }] })
  t.equal(imbalance(producer), undefined)
})

t.test(
  'a producer that is closed takes back what nobody has acknowledged, and keeps what waits in its ledger',
  async (t) => {
    const lonely = scene()
    lonely.send('1')
    t.match(await lonely.producer.close({ drainMs: 0 }), { accepted: 1, waiting: 1, links: [] })
    const { producer, join, send } = scene()
    const { peer } = join()
    send('1')
    peer.receive()
    t.match(await producer.close({ drainMs: 0 }), { waiting: 1, returned: 1, links: [{ returned: 1 }] })
    t.equal(peer.closed, undefined)
  },
)

t.test('ends that want different forms of a message cannot share one cursor', async (t) => {
  const { share, producer } = scene()
  const settings: Pick<Share, 'policy' | 'prefetch'> = share
  t.equal(producer.share(zmtpFraming, settings), share)
  t.throws(() => producer.share(spFraming('tcp', 'topic', undefined), settings), {
    code: 'BAD_OPTION',
    message: /pattern 'share' needs addresses that speak one protocol in one form; open a producer for each/,
  })
})

for (const [url, options, message] of [
  ['udp://127.0.0.1:7777', {}, /^pattern cannot be 'share' over udp and multicast, which has no word for it$/],
  ['raw+multicast://239.1.1.1:7777', {}, /^pattern cannot be 'share' over raw\+udp and raw\+multicast/],
  ['tcp://127.0.0.1:0', { overflow: 'drop' }, /^overflow with pattern 'share' must be one of 'backpressure'/],
  ['tcp://127.0.0.1:0', { overflow: 'buffer' }, /^overflow with pattern 'share' must be one of 'backpressure'/],
  ['tcp://127.0.0.1:0', { overflow: 'backpressure:1s' }, /^overflow with pattern 'share' must be one of/],
  ['tcp://127.0.0.1:0', { overflow: () => 'backpressure' }, /^overflow cannot be a function with pattern 'share'/],
  ['tcp://127.0.0.1:0', { retain: '10' }, /^retain cannot be used with pattern 'share'/],
  ['tcp://127.0.0.1:0', { unacknowledgedBytes: 4_096 }, /^unacknowledgedBytes cannot be used with pattern 'share'/],
  ['tcp://127.0.0.1:0', { prefetch: { messages: 0 } }, /^prefetch\.messages must be an integer from 1 to 1000000/],
  ['tcp://127.0.0.1:0', { prefetch: '1KB' }, /^prefetch/],
  ['sp+tcp://127.0.0.1:0', { sequence: true }, /^sequence cannot be true with pattern 'share' over sp/],
] as const) {
  t.test(`a producer that shares over ${url} refuses ${Object.keys(options)[0] ?? 'that'}`, async (t) => {
    const opening = createProducer(url as string, { ...options, pattern: 'share' } as object)
    await t.rejects(opening, { code: 'BAD_OPTION' })
    await opening.catch((error: Error) => t.match(error.message.replace('[BAD_OPTION] ', ''), message))
  })
}

t.test('prefetch without sharing is refused', async (t) => {
  await t.rejects(createProducer('inproc://prefetch', { prefetch: '10' }), {
    message: "[BAD_OPTION] prefetch needs pattern: 'share'",
  })
})

for (const [options, message] of [
  [{ topics: ['a'] }, /topics cannot be chosen with pattern 'share'/],
  [{ from: 'oldest' }, /from must be 'now' with pattern 'share'/],
  [{ overflow: 'drop' }, /overflow must be 'backpressure' with pattern 'share'/],
  [{ want: 'drop' }, /want cannot be used with pattern 'share'/],
] as const) {
  t.test(`a consumer that shares refuses ${Object.keys(options)[0]}`, async (t) => {
    await t.rejects(createConsumer('inproc://refuses', { ...options, pattern: 'share' } as object), {
      code: 'BAD_OPTION',
      message,
    })
  })
}

t.test('a consumer that shares cannot choose topics later either', async (t) => {
  const consumer = await createConsumer('inproc://choice', { pattern: 'share' })
  for (const choose of [() => consumer.subscribe('a'), () => consumer.unsubscribe('')])
    t.throws(choose, { code: 'BAD_OPTION', message: /topics cannot be chosen with pattern 'share'/ })
  await consumer.close()
})

t.test('pattern and prefetch may stand in the URL', async (t) => {
  t.equal(parseAddress('inproc://tasks?pattern=share').query.get('pattern'), 'share')
  const producer = await createProducer('inproc://tasks?pattern=share&prefetch=2')
  const consumer = await createConsumer('inproc://tasks?pattern=share')
  await producer.linked()
  for (let i = 0; i < 5; i++) await producer.send('task', `${i}`)
  await promises()
  t.equal(producer.stats().waiting, 3)
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
})
