import t from 'tap'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import { balanceLink, type ProducerLinkLedger } from '../../lib/ledger.js'
import { checkOverflow } from '../../lib/overflow.js'
import { Producer } from '../../lib/producer.js'
import type { ProducerLink } from '../../lib/producer-link.js'
import { Retention } from '../../lib/retention.js'
import { FakePeer } from './support/fake-peer.js'
import { FakePlatform, settled } from './support/fake-platform.js'

/** Links that want a part of a long past: it is searched in pieces, so that nobody else waits for it. */

const MESSAGES = 300_000
/** Every so many messages are of the topic that is wanted. */
const EVERY = 100

t.test('searches a long past in several turns, and sends what it has found then', async (t) => {
  const { producer, join, breath } = open()
  const { peer, link } = join('oldest')
  t.equal(peer.start?.next, 1)
  const waiting: number[] = []
  for (let turns = 0; peer.read.length === 0 && turns < 10; turns++) {
    waiting.push(balanced(link).waiting)
    t.equal(link.checkpoint(), 1, 'the number that the peer was told')
    await breath()
    peer.receive()
  }
  const [first = 0, second = 0] = waiting
  t.ok(waiting.length === 2 && first < MESSAGES && second < first, 'three turns')
  peer.receive(100)
  t.same(
    peer.read.map(({ number }) => number),
    Array.from({ length: MESSAGES / EVERY }, (_, i) => 1 + EVERY * i),
  )
  t.match(balanced(link), { considered: MESSAGES, filtered: MESSAGES - MESSAGES / EVERY, handed: MESSAGES / EVERY })
  await producer.close({ drainMs: 0 })
})

t.test('many links that join at once share what one turn has time for', async (t) => {
  const { producer, join, breath } = open()
  const joined = Array.from({ length: 5 }, () => join('oldest'))
  const begun = joined.map(({ link }) => balanced(link).waiting)
  t.same(
    begun.map((waiting) => waiting === MESSAGES),
    [false, true, true, true, true],
    'only the first is looked after in the turn in which all come',
  )
  for (let i = 0; i < 20; i++) await breath()
  for (const { peer } of joined) {
    peer.receive(100)
    t.equal(peer.read.length, MESSAGES / EVERY)
  }
  await producer.close({ drainMs: 0 })
})

t.test('what is sent meanwhile comes behind, and flush() waits for all of it', async (t) => {
  const { producer, join, breath } = open()
  const { peer, link } = join('oldest')
  void producer.send('wanted', 'now')
  let flushed = false
  const flush = producer.flush().then(() => {
    flushed = true
  })
  for (let i = 0; i < 5; i++) {
    t.notOk(flushed)
    await breath()
  }
  peer.receive(100)
  t.equal(peer.read.at(-1)?.number, MESSAGES + 1)
  peer.acknowledge()
  await flush
  t.match(balanced(link), { waiting: 0, acknowledged: MESSAGES / EVERY + 1 })
  await producer.close({ drainMs: 0 })
})

t.test('looks at what leaves the window before it does', async (t) => {
  const { producer, join, breath } = open('drop:newest', 1)
  const { link, peer } = join('oldest')
  const { considered } = balanced(link)
  // The link's past leaves while nobody has had a turn.
  for (let i = 0; i < 3_000; i++) void producer.send('other', new Uint8Array(1_000))
  const { filtered, dropped, waiting } = balanced(link)
  t.equal(waiting, 0)
  t.ok(dropped.evicted > 0)
  t.equal(filtered + dropped.evicted, considered + 3_000)
  t.equal(Math.round(considered / dropped.evicted / EVERY), 1, 'what it did not want was not dropped')
  await breath()
  link.checkpoint()
  peer.receive(10)
  t.match([peer.read.length, peer.dropped, peer.next], [0, dropped.evicted, producer.stats().next])
  await producer.close({ drainMs: 0 })
})

t.test('a link that ends or is cut in the middle of its search gives all of it up', async (t) => {
  for (const how of ['close', 'cut', 'disconnected'] as const) {
    const { producer, join, breath } = open()
    const { link } = join('oldest', how === 'close' ? 'accepted' : 'dialled')
    await breath()
    if (how === 'close') link.close()
    else if (how === 'cut') link.cut(new Error('slow') as never, 'stalled')
    else link.disconnected(new Error('broken'))
    for (let i = 0; i < 3; i++) {
      balanced(link)
      await breath()
    }
    if (how === 'cut') t.match(link.ledger(), { waiting: 0 })
    if (how === 'close') {
      t.match(producer.links, [])
    } else {
      const { run } = producer.log(zmtpFraming)
      const back = new FakePeer().connect(link, ['wanted'], { stream: 'STREAM0001', run, next: 1 })
      for (let i = 0; i < 5; i++) await breath()
      back.receive(100)
      t.same(
        back.read.map(({ number }) => number),
        Array.from({ length: MESSAGES / EVERY }, (_, i) => 1 + EVERY * i),
      )
      balanced(link)
    }
    await producer.close({ drainMs: 0 })
  }
})

t.test('a consumer that comes back in the middle of its search begins another one', async (t) => {
  const { producer, join, breath } = open()
  const { link } = join('oldest', 'dialled')
  await breath()
  link.disconnected(new Error('broken'))
  const { run } = producer.log(zmtpFraming)
  const back = new FakePeer().connect(link, ['wanted'], { stream: 'STREAM0001', run, next: 1 })
  for (let i = 0; i < 5; i++) {
    balanced(link)
    await breath()
  }
  back.receive(100)
  t.equal(back.read.length, MESSAGES / EVERY)
  t.match(balanced(link), { considered: MESSAGES, waiting: 0 })
  await producer.close({ drainMs: 0 })
})

/** A producer that has sent much. */
function open(overflow = 'drop:newest:1000000', memoryMiB = 64) {
  const platform = new FakePlatform()
  const policy = checkOverflow(overflow, 'producer', memoryMiB * 1024 * 1024)
  const producer = new Producer(platform, {
    stream: 'STREAM0001',
    policy,
    overflow: () => policy,
    retention: new Retention({ messages: 10 * MESSAGES }),
    stallMs: 30_000,
    unacknowledgedBytes: 4 * 1024 * 1024,
    memoryBytes: memoryMiB * 1024 * 1024,
    maxMessageBytes: 1024 * 1024,
    codec: undefined,
  })
  const fanout = producer.log(zmtpFraming)
  const nothing = new Uint8Array(0)
  for (let i = 0; i < MESSAGES; i++) void producer.send(i % EVERY === 0 ? 'wanted' : 'other', nothing)
  platform.turn()
  const join = (from: 'oldest', origin: 'accepted' | 'dialled' = 'accepted') => {
    const link: ProducerLink = fanout.open('peer', origin)
    return { link, peer: new FakePeer().connect(link, ['wanted'], from) }
  }
  const breath = async () => {
    platform.breath()
    await settled()
    platform.turn()
  }
  return { producer, join, breath }
}

function balanced(link: ProducerLink): ProducerLinkLedger {
  const ledger = link.ledger()
  const wrong = balanceLink(ledger)
  if (wrong !== undefined) throw new Error(wrong)
  return ledger
}
