import fc from 'fast-check'
import t from 'tap'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import { balanceLink } from '../../lib/ledger.js'
import { checkOverflow } from '../../lib/overflow.js'
import { Producer } from '../../lib/producer.js'
import { Retention } from '../../lib/retention.js'
import type { ProducerPort } from '../../lib/transport.js'
import { FakePeer } from './support/fake-peer.js'
import { FakePlatform } from './support/fake-platform.js'

/** Links that a producer dials: they live on between two connections. */

const STREAM = 'STREAM0001'

t.test('sends a consumer once more what it did not receive, before what has waited for it', async (t) => {
  for (const prefix of ['', 'a']) {
    const { producer, link, turn, send } = open()
    const first = new FakePeer().connect(link, [prefix], 'now')
    send('a', 'b', 'a')
    turn()
    first.receive()
    send('a', 'b', 'a')
    turn()
    link.disconnected(new Error('broken, with three on their way'))
    send('a', 'b', 'a')
    turn()
    const { run } = first.start as { run: number }
    const second = new FakePeer().connect(link, [prefix], { stream: STREAM, run, next: 4 })
    t.equal(second.start?.next, 4)
    turn()
    second.receive()
    t.same(numbersOf(second), prefix === '' ? [4, 5, 6, 7, 8, 9] : [4, 6, 7, 9])
    const [ledger] = producer.stats().links
    t.match(ledger, { considered: 6, filtered: prefix === '' ? 0 : 2, waiting: 0, handed: second.read.length })
    await producer.close({ drainMs: 0 })
  }
})

t.test('sends a foreign peer that it dialled again nothing before that has subscribed to something', async (t) => {
  const { producer, link, turn, send } = open()
  new FakePeer({ kind: 'foreign' }).connect(link, ['a'], 'now')
  send('a')
  turn()
  link.disconnected(new Error('broken'))
  send('a', 'b')
  const back = new FakePeer({ kind: 'foreign' }).connect(link, [], 'now')
  send('a', 'b')
  turn()
  t.equal(link.checkpoint(), 2)
  back.receive()
  t.same(back.read, [], 'it has not said what it wants')
  t.notOk(producer.hasSubscribers('a'))
  link.subscribe(Buffer.from('b'))
  send('a', 'b')
  turn()
  back.receive()
  t.same(topicsOf(back), ['a', 'a', 'b'], 'what has waited for the link, and then what the peer wants')
  await producer.close({ drainMs: 0 })
})

t.test('the filter of before ends at the START of a consumer that comes with another one', async (t) => {
  for (const from of ['now', 'resume'] as const) {
    const { producer, link, turn, send } = open()
    const first = new FakePeer().connect(link, ['a'], 'now')
    send('b', 'a')
    turn()
    first.receive()
    link.disconnected(new Error('broken'))
    send('a', 'b', 'c')
    const { run } = first.start as { run: number }
    const second = new FakePeer()
    second.connect(link, ['b', 'c'], from === 'now' ? from : { stream: STREAM, run, next: 3 })
    send('a', 'b')
    turn()
    second.receive()
    t.same(topicsOf(second), ['b', 'c', 'b'], from)
    t.match(producer.stats().links, [{ waiting: 0, handed: 3 }])
    await producer.close({ drainMs: 0 })
  }
})

t.test('what a consumer subscribes to before its START holds together, whatever is sent meanwhile', async (t) => {
  const { producer, link, turn, send } = open()
  new FakePeer().connect(link, ['a', 'b'], 'now')
  link.disconnected(new Error('broken'))
  const back = new FakePeer()
  link.connected(back, { kind: 'fanwire', acknowledges: true })
  link.subscribe(Buffer.from('a'))
  send('b')
  turn()
  link.subscribe(Buffer.from('b'))
  back.connect(link, ['a', 'b'], 'now')
  turn()
  back.receive()
  t.same(topicsOf(back), ['b'])
  await producer.close({ drainMs: 0 })
})

t.test(
  'what was dropped while a link was away keeps its reason, although it breaks again before it comes there',
  async (t) => {
    const { producer, link, turn, send } = open('drop:newest:20', 'backpressure')
    const first = new FakePeer({ kernelBytes: 0 }).connect(link, [''], 'now')
    const { run } = first.start as { run: number }
    send('a', 'a', 'a', 'a')
    turn()
    link.disconnected(new Error('broken'))
    // So much that the policy is applied on the way.
    for (let i = 0; i < 600; i++) void producer.send('a', new Uint8Array(1_000))
    const before = producer.stats().links[0]?.dropped.newest as number
    for (let i = 0; i < 3; i++) {
      new FakePeer({ kernelBytes: 0 }).connect(link, [''], { stream: STREAM, run, next: 1 })
      link.disconnected(new Error('broken again'))
      const { links, ended } = producer.stats()
      for (const ledger of [...links, ...ended]) t.equal(balanceLink(ledger), undefined)
      const { dropped, waiting } = links[0] as (typeof links)[0]
      t.ok(dropped.newest > 0 && dropped.newest <= before)
      t.match([dropped.oldest, dropped.newest + waiting], [0, 604], 'behind what is read once more')
    }
    await producer.close({ drainMs: 0 })
  },
)

t.test('hangs up on a peer whose link was closed before it had introduced itself', async (t) => {
  const { producer, link } = open()
  producer.links[0]?.close()
  const peer = new FakePeer().connect(link, ['a'], 'now')
  t.equal(peer.closed, undefined)
  await producer.close({ drainMs: 0 })
})

t.test('the ledgers of connections that have ended are added up, by whether the peer acknowledged', async (t) => {
  const { producer, link, turn, send } = open()
  t.same(producer.stats().ended, [])
  const fanout = producer.log(zmtpFraming)
  const guest = fanout.open('guest', 'accepted')
  const guestPeer = new FakePeer().connect(guest, ['a'], 'now')
  const foreign = fanout.open('foreign guest', 'accepted')
  new FakePeer({ kind: 'foreign' }).connect(foreign, ['b'], 'now')
  const first = new FakePeer().connect(link, ['b'], 'now')
  send('a', 'b', 'a')
  turn()
  for (const peer of [guestPeer, first]) {
    peer.receive()
    peer.acknowledge()
  }
  send('a')
  turn()
  guest.disconnected(new Error('gone'))
  foreign.disconnected(new Error('gone'))
  link.disconnected(new Error('broken'))
  send('b')
  t.match(producer.stats().ended, [
    { connections: 2, considered: 8, filtered: 4, waiting: 0, handed: 4, acknowledged: 3, unknown: 1 },
    { connections: 1, considered: 4, filtered: 3, waiting: 0, handed: 1, acknowledged: undefined, unknown: undefined },
  ])
  const { links, ended } = await producer.close({ drainMs: 0 })
  t.match(links, [{ considered: 1, waiting: 1 }], 'what has waited for the link that is away')
  t.match(ended, [{ connections: 2 }, { connections: 1, considered: 4 }])
})

t.test('a consumer that comes and goes gets each message once, and every ledger balances', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ send: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 4, arbitrary: fc.record({ receive: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 2, arbitrary: fc.constant('turn' as const) },
    { weight: 1, arbitrary: fc.constant('cut' as const) },
    { weight: 2, arbitrary: fc.record({ back: fc.constantFrom('', 'a', 'b') }) },
  )
  const overflows = ['drop:newest:20', 'drop:oldest:20', 'drop:latest-per-topic', 'backpressure']
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.constantFrom(...overflows),
      fc.constantFrom(200, 4_000, Infinity),
      async (steps, overflow, kernelBytes) => {
        const { producer, link, turn, send } = open(overflow)
        let filter = ''
        let peer = new FakePeer({ kernelBytes }).connect(link, [filter], 'now')
        const { run } = peer.start as { run: number }
        let connected = true
        // Numbers that more than one connection considered.
        let again = 0
        const seen: number[] = []
        const read = () => {
          seen.push(...numbersOf(peer))
          peer.read.length = 0
        }
        for (const step of steps) {
          if (step === 'turn') turn()
          else if (step === 'cut') {
            if (connected) link.disconnected(new Error('cut'))
            connected = false
          } else if ('send' in step) {
            send(...Array.from({ length: step.send }, (_, i) => (i % 3 === 0 ? 'b' : 'a')))
          } else if ('receive' in step) {
            if (connected) peer.receive(step.receive)
            read()
          } else if (!connected) {
            read()
            filter = step.back
            const next = peer.next as number
            const { links, next: end } = producer.stats()
            again += end - (links[0]?.considered ?? 0) - next
            peer = new FakePeer({ kernelBytes }).connect(link, [filter], { stream: STREAM, run, next })
            connected = true
            if (peer.start?.next !== next) throw new Error(`${peer.start?.next} comes after ${next}`)
          }
          const { links, ended, next } = producer.stats()
          for (const ledger of [...links, ...ended]) {
            const wrong = balanceLink(ledger)
            if (wrong !== undefined) throw new Error(wrong)
          }
          const considered = [...links, ...ended].reduce((sum, ledger) => sum + ledger.considered, 0)
          if (considered !== next - 1 + again) throw new Error(`${considered} considered of ${next - 1} and ${again}`)
        }
        turn()
        if (connected) peer.receive(10_000)
        read()
        if (!seen.every((number, i) => i === 0 || number > (seen[i - 1] as number))) throw new Error(`order ${seen}`)
        const settled = producer.stats()
        if (connected) {
          if (settled.links[0]?.waiting !== 0) throw new Error(`${settled.links[0]?.waiting} wait`)
          link.checkpoint()
          peer.receive()
          if (peer.next !== settled.next) throw new Error(`it counts ${peer.next} of ${settled.next}`)
        }
        await producer.close({ drainMs: 0 })
      },
    ),
    { numRuns: 300 },
  )
})

/** @param later the policy of all connections but the first */
function open(overflow = 'backpressure', later = overflow) {
  const platform = new FakePlatform()
  const policyOf = (choice: string) => checkOverflow(choice, 'producer', 64 * 1024 * 1024)
  const policy = policyOf(overflow)
  let connections = 0
  const producer = new Producer(platform, {
    stream: STREAM,
    policy,
    overflow: () => policyOf(connections++ === 0 ? overflow : later),
    retention: new Retention({ messages: 100_000 }),
    stallMs: 30_000,
    unacknowledgedBytes: 4 * 1024 * 1024,
    memoryBytes: 64 * 1024 * 1024,
    maxMessageBytes: 1024 * 1024,
    codec: undefined,
  })
  const link: ProducerPort = producer.log(zmtpFraming).open('tcp://peer', 'dialled')
  const send = (...topics: readonly string[]) => {
    for (const topic of topics) void producer.send(topic, 'some data')
  }
  return { producer, link, send, turn: () => platform.turn() }
}

function numbersOf(peer: FakePeer): number[] {
  return peer.read.map(({ number }) => number as number)
}

function topicsOf(peer: FakePeer): string[] {
  return peer.read.map(({ topic }) => topic)
}
