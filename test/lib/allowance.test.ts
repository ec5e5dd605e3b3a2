import t from 'tap'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import { checkOverflow } from '../../lib/overflow.js'
import { Producer } from '../../lib/producer.js'
import { Retention } from '../../lib/retention.js'
import { FakePeer } from './support/fake-peer.js'
import { FakePlatform, settled } from './support/fake-platform.js'

/** What may be under way to a peer that acknowledges. */

t.test('goes on whenever a quarter of the allowance is acknowledged, however much waits', async (t) => {
  const { platform, producer, link, peer } = open(64 * 1024)
  for (let i = 0; i < 3_000; i++) producer.send(i % 2 === 0 ? 'a' : 'b', new Uint8Array(100))
  platform.turn()
  peer.receive()
  const { length } = peer.read
  t.ok(length > 400 && length < 600, `${length} messages fill the allowance`)
  for (const part of [0.3, 0.6, 0.9]) {
    const before = peer.read.length
    link.acknowledged(Math.ceil(length * part))
    platform.turn()
    peer.receive()
    t.ok(peer.read.length > before, `more has followed once ${part} of it is acknowledged`)
  }
})

t.test('sends a message that the allowance barely holds, between others that are filtered', async (t) => {
  const { platform, producer, peer } = open(1024)
  for (const topic of ['a', 'b', 'a', 'b', 'a']) producer.send(topic, new Uint8Array(1_010))
  for (let i = 0; i < 3; i++) {
    platform.turn()
    peer.receive(10)
    t.equal(peer.read.length, i + 1, 'one at a time')
    peer.acknowledge()
  }
  t.same(
    peer.read.map(({ number }) => number),
    [1, 3, 5],
  )
})

t.test('sends a newest value that the allowance barely holds, from before the window', async (t) => {
  const { platform, producer, peer } = open(1024, 'drop:latest-per-topic', 1)
  producer.send('a1', new Uint8Array(1_010))
  platform.turn()
  producer.send('a2', new Uint8Array(1_010))
  // As much as leaves nothing of the past in memory but newest values.
  for (let i = 0; i < 3_000; i++) producer.send('b', new Uint8Array(1_000))
  for (let i = 0; i < 3; i++) {
    platform.turn()
    peer.receive(10)
    peer.acknowledge()
  }
  t.same(
    peer.read.map(({ number, topic }) => [number, topic]),
    [
      [1, 'a1'],
      [2, 'a2'],
    ],
  )
})

t.test(
  'leaves less unacknowledged for a link that conflates, by whoever’s wish, unless it is told how much',
  async (t) => {
    const allowances = [undefined, 100_000].map((unacknowledgedBytes) => {
      const { producer } = open(unacknowledgedBytes, 'backpressure', 64, (want) => want ?? 'backpressure')
      return [undefined, 'drop:latest-per-topic', 'drop:newest'].map((want) => {
        const peer = new FakePeer()
        const port = producer.log(zmtpFraming).open(`peer that wants ${want}`, 'accepted')
        return peer.connect(port, ['a'], 'now', want === undefined ? {} : { want }).start?.allowance
      })
    })
    t.same(allowances, [
      [4 * 1024 * 1024, 256 * 1024, 4 * 1024 * 1024],
      [100_000, 100_000, 100_000],
    ])
  },
)

t.test('gives a link that conflates no more than its allowance at a time', async (t) => {
  const { platform, producer, peer } = open(undefined, 'drop:latest-per-topic')
  for (let i = 0; i < 1_000; i++) producer.send(`a${i}`, new Uint8Array(1_000))
  platform.turn()
  peer.receive()
  const bytes = peer.read.reduce((sum, { data }) => sum + data.length, 0)
  t.ok(bytes > 128 * 1024 && bytes <= 256 * 1024, `${bytes} bytes`)
})

t.test('cuts a peer that holds up what waits for it and acknowledges nothing', async (t) => {
  for (const overflow of ['drop:newest', 'drop:oldest', 'drop:latest-per-topic', 'buffer']) {
    const { platform, producer, link, peer } = open(64 * 1024, overflow)
    const unlinked = new Promise<Error | undefined>((resolve) => producer.once('unlink', (_, why) => resolve(why)))
    for (let i = 0; i < 3_000; i++) producer.send(`a${i}`, new Uint8Array(100))
    platform.turn()
    peer.receive()
    const { length } = peer.read
    platform.advance(20_000)
    link.acknowledged(1)
    platform.advance(20_000)
    link.acknowledged(1)
    platform.advance(9_999)
    t.equal(peer.closed, null, 'it has 30 s from its last progress on, and to say the same again is none')
    platform.advance(1)
    t.match(peer.closed, { code: 'STALLED', message: /peer acknowledged nothing for 30000 ms/ }, overflow)
    t.match(await unlinked, { code: 'STALLED' })
    const { considered, handed, acknowledged, unknown, dropped } = link.ledger()
    t.match({ considered, handed, acknowledged, unknown }, { considered: 3_000, handed: length, acknowledged: 1 })
    t.equal(dropped.stalled, 3_000 - length)
  }
})

t.test('leaves a peer alone that has everything, however long it acknowledges nothing', async (t) => {
  const { platform, producer, link, peer } = open(64 * 1024)
  for (let i = 0; i < 100; i++) producer.send('a', new Uint8Array(100))
  platform.turn()
  peer.receive()
  platform.advance(3_600_000)
  t.equal(peer.closed, null)
  t.match(link.ledger(), { handed: 100, acknowledged: 0 })
})

t.test('flush() waits for acknowledgements as long as they come, and stallMs without one', async (t) => {
  const { platform, producer, link, peer } = open(64 * 1024)
  for (let i = 0; i < 100; i++) producer.send('a', new Uint8Array(100))
  platform.turn()
  peer.receive()
  platform.advance(60_000)
  let outcome: unknown
  const flushed = producer.flush().then(
    () => 'flushed',
    (error) => error,
  )
  void flushed.then((what) => {
    outcome = what
  })
  await settled()
  platform.advance(20_000)
  link.acknowledged(1)
  platform.advance(29_999)
  await settled()
  t.equal(outcome, undefined)
  platform.advance(1)
  t.match(await flushed, { code: 'STALLED', message: /peer acknowledged nothing for 30000 ms/ })
  t.equal(peer.closed, null, 'the link goes on')
  const again = producer.flush()
  await settled()
  link.acknowledged(100)
  await again
})

t.test('close() has an end of its own', async (t) => {
  const { platform, producer, link, peer } = open(64 * 1024)
  producer.send('a', new Uint8Array(100))
  platform.turn()
  peer.receive()
  const closed = producer.close({ drainMs: 40_000 })
  await settled()
  platform.advance(39_999)
  link.acknowledged(1)
  t.match((await closed).links, [{ handed: 1, acknowledged: 1, unknown: 0 }])
})

function open(
  unacknowledgedBytes: number | undefined,
  overflow = 'backpressure',
  memoryMiB = 64,
  choose: (want: string | undefined) => string = () => overflow,
) {
  const platform = new FakePlatform()
  const policyOf = (choice: string) => checkOverflow(choice, 'producer', memoryMiB * 1024 * 1024)
  const policy = policyOf(overflow)
  const producer = new Producer(platform, {
    stream: 'STREAM0001',
    policy,
    overflow: ({ want }) => policyOf(choose(want)),
    memoryBytes: memoryMiB * 1024 * 1024,
    maxMessageBytes: 1024 * 1024,
    stallMs: 30_000,
    unacknowledgedBytes,
    retention: new Retention(undefined),
    codec: undefined,
  })
  const link = producer.log(zmtpFraming).open('peer', 'accepted')
  const peer = new FakePeer().connect(link, ['a'], 'now')
  return { platform, producer, link, peer }
}
