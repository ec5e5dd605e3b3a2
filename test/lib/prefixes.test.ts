import t from 'tap'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import { Memory } from '../../lib/memory.js'
import { checkOverflow } from '../../lib/overflow.js'
import { matches, Prefixes } from '../../lib/prefixes.js'
import { Producer } from '../../lib/producer.js'
import { Retention } from '../../lib/retention.js'
import { FakePeer } from './support/fake-peer.js'
import { FakePlatform } from './support/fake-platform.js'

const MIB = 1024 * 1024

t.test('a prefix is in it once, and is forgotten when it is taken back', async (t) => {
  const prefixes = new Prefixes(new Memory(MIB))
  t.same([prefixes.add('a'), prefixes.add('a'), prefixes.add('')], [true, false, true])
  t.same([...prefixes.all], ['a', ''])
  t.same([prefixes.delete('a'), prefixes.delete('a'), prefixes.delete('b')], [true, false, false])
  t.same([...prefixes.all], [''])
})

t.test('a topic matches a prefix that it begins with or is, and the empty one', async (t) => {
  for (const [prefixes, topic, expected] of [
    [['trades.'], 'trades.AAPL', true],
    [['trades.'], 'trades.', true],
    [['trades.'], 'trades', false],
    [['x', 'trades.'], 'quotes.AAPL', false],
    [[''], '', true],
    [['x', ''], 'anything', true],
    [[], '', false],
  ] as const) {
    t.equal(matches(new Set(prefixes), topic), expected, `${topic} for ${JSON.stringify(prefixes)}`)
  }
})

t.test('refuses a link more than 10,000 prefixes, and more than 1 MiB of them', async (t) => {
  const many = new Prefixes(new Memory(64 * MIB))
  for (let i = 0; i < 10_000; i++) many.add(String(i))
  t.equal(many.add('5'), false)
  t.throws(() => many.add('one more'), { code: 'BAD_PEER', message: /more than 10000 subscriptions/ })
  many.delete('5')
  t.equal(many.add('one more'), true)

  const large = new Prefixes(new Memory(64 * MIB))
  for (let i = 0; i < 16; i++) large.add(String.fromCharCode(i).repeat(65_536))
  t.throws(() => large.add('a'), { code: 'BAD_PEER', message: /1048576 bytes/ })
})

t.test('subscriptions count against the memory of the producer as long as the link lasts', async (t) => {
  const { producer, open } = scene(64)
  // Leaves behind what the first link needs that wants a part only.
  const first = open('somebody')
  new FakePeer().connect(first, ['nothing'], 'now')
  void producer.send('x', '')
  first.close()
  const before = producer.stats().memory.used
  const links = [0, 1, 2].map((i) => {
    const link = open(`peer ${i}`)
    const prefixes = Array.from({ length: 1_000 }, (_, at) => `some prefix ${i} ${at}`)
    new FakePeer().connect(link, prefixes, 'now')
    return link
  })
  const { used } = producer.stats().memory
  t.ok(used - before > 3_000 * 200 && used - before < 3_000 * 500, `${used - before} bytes`)
  for (let i = 0; i < 500; i++) links[0]?.unsubscribe(Buffer.from(`some prefix 0 ${i}`))
  void producer.send('x', '')
  t.ok(producer.stats().memory.used < used - 500 * 200)
  for (const link of links) link.close()
  t.equal(producer.stats().memory.used, before)
  await producer.close({ drainMs: 0 })
})

t.test('links that want the same share what their prefixes take, but for a little', async (t) => {
  const { producer, open } = scene(64)
  const prefixes = Array.from({ length: 50 }, (_, i) => `shared ${i}`)
  new FakePeer().connect(open('first'), prefixes, 'now')
  const one = producer.stats().memory.used
  for (let i = 0; i < 100; i++) new FakePeer().connect(open(`peer ${i}`), prefixes, 'now')
  const more = (producer.stats().memory.used - one) / (100 * prefixes.length)
  t.ok(more > 150 && more < 200, `${more} bytes a prefix`)
  await producer.close({ drainMs: 0 })
})

t.test('leaves half of the memory for messages, and cuts who wants more', async (t) => {
  const { producer, open } = scene(1)
  const subscribe = (name: string) => {
    const link = open(name)
    new FakePeer().connect(link, [], 'now')
    for (let i = 0; i < 10_000; i++) link.subscribe(Buffer.from(`${name} wants ${i}`))
  }
  t.throws(() => subscribe('greedy'), {
    code: 'BAD_PEER',
    message: /no room for the subscriptions of the peer: those of all links take half of memory.bytes, 1048576/,
  })
  t.ok(producer.stats().memory.used < 0.8 * MIB)
  for (const link of producer.links) link.close(new Error('as the transport does'))
  const modest = open('modest')
  const peer = new FakePeer().connect(modest, ['a'], 'now')
  t.equal(producer.trySend('a', new Uint8Array(100_000)), 'sent')
  await producer.close({ drainMs: 0 })
  t.equal(peer.closed, undefined)
})

function scene(memoryMiB: number) {
  const platform = new FakePlatform()
  const policy = checkOverflow('drop', 'producer', memoryMiB * MIB)
  const producer = new Producer(platform, {
    stream: 'STREAM0001',
    policy,
    overflow: () => policy,
    retention: new Retention(undefined),
    stallMs: 30_000,
    unacknowledgedBytes: undefined,
    memoryBytes: memoryMiB * MIB,
    maxMessageBytes: MIB,
    codec: undefined,
  })
  return { producer, open: (name: string) => producer.log(zmtpFraming).open(name, 'accepted') }
}
