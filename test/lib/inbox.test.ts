import t from 'tap'
import { createInbox, type InboxDropReason, type InboxHost } from '../../lib/inbox.js'
import type { Arrival } from '../../lib/message.js'
import type { Policy } from '../../lib/overflow.js'
import { FakeSource } from './support/fake-source.js'

const backpressure = (messages: number, bytes = 1_000_000): Policy => ({
  policy: 'backpressure',
  limit: { messages, bytes },
  timeoutMs: Infinity,
  then: 'disconnect',
})
const drop = (
  keep: 'newest' | 'oldest' | 'latest-per-topic',
  limit: { readonly messages?: number; readonly bytes?: number },
): Policy => ({ policy: 'drop', keep, limit: { messages: 1_000, bytes: 1_000_000, ...limit } })
const buffer = (then: 'disconnect' | 'drop', messages: number): Policy => ({
  policy: 'buffer',
  limit: { messages, bytes: 1_000_000 },
  then,
})

/** An inbox whose messages are known by their numbers. */
class Scene implements InboxHost {
  readonly source = new FakeSource()
  readonly drops: string[] = []
  readonly cut: number[] = []
  readonly inbox

  constructor(policy: Policy) {
    this.inbox = createInbox(policy, this)
  }

  dropped({ number, source }: Arrival<never>, reason: InboxDropReason): void {
    this.drops.push(`${number} ${reason}`)
    source.tally.inboxDropped++
  }

  exhausted({ number }: Arrival<never>): void {
    this.cut.push(number)
  }

  push(...numbers: readonly number[]): boolean[] {
    return numbers.map((number) => this.inbox.push(this.source.message({ number, data: '12345678' })))
  }

  take(): number[] {
    return this.inbox.takeAll().map(({ number }) => number)
  }
}

t.test('gives messages in the order in which they came, one by one and all at once', async (t) => {
  const { inbox, push, take, source } = bound(backpressure(100))
  push(1, 2, 3, 4)
  t.match(inbox, { size: 4, end: 4, passed: 0 })
  t.equal(inbox.shift()?.number, 1)
  t.equal(inbox.shift()?.number, 2)
  push(5)
  t.strictSame(take(), [3, 4, 5])
  t.match(inbox, { size: 0, bytes: 0, end: 5, passed: 5 })
  t.equal(source.tally.inboxWaiting, 0)
  t.equal(inbox.shift(), undefined)
  t.strictSame(take(), [])
})

t.test('stays in order when a long queue is taken from its front', async (t) => {
  const { inbox, push } = bound(backpressure(10_000))
  let next = 0
  let taken = 0
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 100; i++) push(next++)
    for (let i = 0; i < 80; i++) if (inbox.shift()?.number !== taken++) throw new Error(`not ${taken - 1}`)
  }
  t.equal(inbox.size, next - taken)
  t.equal(inbox.shift()?.number, taken)
})

t.test('counts the bytes of a chunk once, and for as long as one of its messages waits', async (t) => {
  const { inbox, source } = bound(backpressure(100))
  for (const message of source.messages([{ data: 'a' }, { data: 'b' }, { data: 'c', beside: 94 }])) inbox.push(message)
  t.equal(inbox.bytes, 100)
  inbox.push(source.message({ data: '12345678', topic: 'tt' }))
  t.equal(inbox.bytes, 110)
  inbox.shift()
  inbox.shift()
  t.equal(inbox.bytes, 110)
  inbox.shift()
  t.equal(inbox.bytes, 10)
})

t.test('backpressure: asks for a pause at its limit, until half of it has left', async (t) => {
  const { inbox, push } = bound(backpressure(4))
  t.strictSame(push(1, 2, 3), [true, true, true])
  t.equal(inbox.full, false)
  t.strictSame(push(4, 5), [false, false])
  t.equal(inbox.full, true)
  inbox.shift()
  inbox.shift()
  t.equal(inbox.full, true)
  inbox.shift()
  t.equal(inbox.full, false)
  t.strictSame(push(6, 7), [true, false], 'the limit is the same again')
  inbox.takeAll()
  t.equal(inbox.full, false)
})

t.test('backpressure: one message above the limit in bytes makes it full, and room once it has left', async (t) => {
  const { inbox, source } = bound(backpressure(100, 10))
  t.equal(inbox.push(source.message({ data: new Uint8Array(50) })), false)
  t.equal(inbox.full, true)
  inbox.shift()
  t.equal(inbox.full, false)
})

t.test('drop newest: keeps the newest messages within both limits, at least one', async (t) => {
  const few = bound(drop('newest', { messages: 2 }))
  t.strictSame(few.push(1, 2, 3, 4), [true, true, true, true])
  t.strictSame(few.drops, ['1 newest', '2 newest'])
  t.strictSame(few.take(), [3, 4])
  const small = bound(drop('newest', { bytes: 20 }))
  small.push(1, 2, 3)
  t.strictSame(small.take(), [2, 3])
  small.push(4)
  small.inbox.push(small.source.message({ number: 5, data: new Uint8Array(50) }))
  t.strictSame(small.take(), [5])
})

t.test('drop oldest: what waits stays, and newcomers are dropped until half of it has left', async (t) => {
  const { inbox, push, take, drops } = bound(drop('oldest', { messages: 4 }))
  push(1, 2, 3, 4, 5, 6)
  t.strictSame(drops, ['5 oldest', '6 oldest'])
  inbox.shift()
  push(7)
  inbox.shift()
  push(8)
  t.strictSame(drops, ['5 oldest', '6 oldest', '7 oldest'])
  t.strictSame(take(), [3, 4, 8])
})

for (const policy of [backpressure(4), drop('newest', { messages: 4 }), drop('oldest', { messages: 4 })]) {
  t.test(`takes back what was taken last, before all others: ${JSON.stringify(policy)}`, async (t) => {
    const { inbox, push, source } = bound(policy)
    push(1, 2)
    const { bytes } = inbox
    const taken = inbox.shift() as Arrival<never>
    push(3)
    inbox.putBack(taken)
    t.match(inbox, { size: 3, passed: 0, end: 3, bytes: bytes * 1.5 })
    t.equal(source.tally.inboxWaiting, 3)
    const all = [inbox.shift(), inbox.shift(), inbox.shift()]
    t.strictSame(
      all.map((arrival) => arrival?.number),
      [1, 2, 3],
    )
    inbox.putBack(all[2] as Arrival<never>)
    t.match(inbox, { size: 1, passed: 2, bytes: bytes / 2 }, 'into an empty one as well')
    t.equal(inbox.shift()?.number, 3)
    t.match(inbox, { size: 0, bytes: 0, passed: 3 })
  })
}

t.test('latest per topic: takes back what was taken last, unless a newer one of its topic has come', async (t) => {
  const { inbox, source, drops } = bound(drop('latest-per-topic', {}))
  const topics = ['b', 'a', 'c']
  for (const [number, topic] of topics.entries()) inbox.push(source.message({ topic, number, missed: 1 }))
  const first = inbox.shift() as Arrival<never>
  inbox.putBack(first)
  t.match(inbox, { size: 3, passed: 0, bytes: 6 })
  t.equal(source.tally.inboxWaiting, 3)
  t.equal(inbox.shift(), first)
  inbox.push(source.message({ topic: 'b', number: 3 }))
  inbox.putBack(first)
  t.strictSame(drops, ['0 superseded'])
  t.strictSame(
    inbox.takeAll().map(({ number, missed }) => [number, missed]),
    [
      [1, 2],
      [2, 1],
      [3, 0],
    ],
    'and its losses are told by the next',
  )
  t.equal(source.tally.inboxWaiting, 0)
  t.equal(inbox.bytes, 0)
})

t.test('buffer, then drop: goes on as the newest', async (t) => {
  const { push, take, drops } = bound(buffer('drop', 2))
  push(1, 2, 3)
  t.strictSame(drops, ['1 newest'])
  t.strictSame(take(), [2, 3])
})

t.test('buffer, then disconnect: has whoever exceeds the limit cut off, and takes no more until then', async (t) => {
  const { inbox, push, cut, take } = bound(buffer('disconnect', 2))
  t.strictSame(push(1, 2), [true, true])
  t.strictSame(cut, [])
  t.strictSame(push(3), [false])
  t.strictSame(cut, [3])
  t.equal(inbox.full, true, 'others that were told to wait go on when there is room')
  t.strictSame(take(), [1, 2, 3])
  t.equal(inbox.full, false)
})

t.test('latest per topic: keeps the newest of each topic where it came, with its losses', async (t) => {
  const { inbox, source, drops } = bound(drop('latest-per-topic', {}))
  const push = (topic: string, number: number, missed = 0) => inbox.push(source.message({ topic, number, missed }))
  push('a', 1)
  push('b', 2, 3)
  push('c', 3)
  push('b', 4, 1)
  push('a', 5)
  t.strictSame(drops, ['2 superseded', '1 superseded'])
  t.match(inbox, { size: 3, end: 5, passed: 2 })
  t.equal(source.tally.inboxWaiting, 3)
  const taken = inbox.takeAll().map(({ topic, number, missed }) => [topic, number, missed])
  t.strictSame(taken, [
    ['c', 3, 0],
    ['b', 4, 4],
    ['a', 5, 0],
  ])
  t.match(inbox, { size: 0, bytes: 0, end: 5, passed: 5 })
})

t.test('latest per topic: tells topics apart by their bytes, text or not', async (t) => {
  const { inbox, source } = bound(drop('latest-per-topic', {}))
  for (const topic of [[0xff], [0xfe], [0xff]]) inbox.push(source.message({ topic: Uint8Array.from(topic) }))
  t.strictSame(
    inbox.takeAll().map(({ topicBytes }) => [...topicBytes]),
    [[0xfe], [0xff]],
  )
})

t.test('latest per topic: keeps copies, whose bytes bound it', async (t) => {
  const { inbox, source, drops } = bound(drop('latest-per-topic', { bytes: 100 }))
  const push = (number: number, beside: number, frames?: readonly Uint8Array[]) => {
    const topic = String(number).padStart(2, '0')
    inbox.push(source.message({ topic, number, data: '12345678', beside, ...(frames && { frames }) }))
  }
  push(1, 5_000)
  t.equal(inbox.bytes, 10)
  for (let number = 2; number <= 11; number++) push(number, 0)
  t.strictSame(drops, ['1 evicted'])
  t.equal(inbox.shift()?.number, 2)
  push(12, 0, [new Uint8Array(40), new Uint8Array(40)])
  t.equal(inbox.bytes, 10 + 80 + 10, 'all frames of a message count')
  push(13, 0, [new Uint8Array(4_000)])
  t.equal(inbox.size, 1, 'one message may be larger')
})

/** Every policy, with losses told by numbers that leave in any way but by being taken. */
t.test('hands on what a dropped message would have told of to the next one of its stream', async (t) => {
  const other = new FakeSource('OTHER00001')
  const told = ({ inbox }: Scene) => inbox.takeAll().map(({ number, missed }) => `${number} after ${missed}`)

  const newest = bound(drop('newest', { messages: 2 }))
  newest.inbox.push(newest.source.message({ number: 1, missed: 5 }))
  newest.inbox.push(other.message({ number: 100 }))
  newest.inbox.push(newest.source.message({ number: 2, missed: 1 }))
  t.strictSame(told(newest), ['100 after 0', '2 after 6'])

  const alone = bound(drop('newest', { messages: 1 }))
  alone.inbox.push(alone.source.message({ number: 1, missed: 5 }))
  alone.inbox.push(other.message({ number: 101 }))
  t.strictSame(told(alone), ['101 after 0'], 'none of its stream waits')
  alone.push(2)
  t.strictSame(told(alone), ['2 after 5'], 'the next one tells')
  alone.push(3)
  t.strictSame(told(alone), ['3 after 0'], 'once')

  const oldest = bound(drop('oldest', { messages: 2 }))
  oldest.push(1, 2)
  oldest.inbox.push(oldest.source.message({ number: 3, missed: 5 }))
  t.strictSame(told(oldest), ['1 after 0', '2 after 0'], 'what was lost came after these')
  oldest.push(4)
  t.strictSame(told(oldest), ['4 after 5'])

  const latest = bound(drop('latest-per-topic', { bytes: 4 }))
  latest.inbox.push(latest.source.message({ topic: 'a', number: 1, missed: 5 }))
  latest.inbox.push(other.message({ topic: 'a', number: 100 }))
  latest.inbox.push(latest.source.message({ topic: 'b', number: 2, missed: 1 }))
  t.strictSame(latest.drops, ['1 superseded'])
  t.strictSame(told(latest), ['100 after 0', '2 after 6'])
  latest.inbox.push(latest.source.message({ topic: 'a', number: 3, missed: 2 }))
  latest.inbox.push(latest.source.message({ topic: 'b', number: 4 }))
  latest.inbox.push(other.message({ topic: 'c', number: 101 }))
  t.strictSame(told(latest), ['4 after 2', '101 after 0'], 'evicted')
})

t.test('hands on what a message that cannot be delivered would have told of', async (t) => {
  const queue = bound(backpressure(10))
  const first = queue.source.message({ number: 1, missed: 3 })
  queue.inbox.bequeath(first)
  queue.push(2, 3)
  const [second, third] = queue.inbox.takeAll()
  t.strictSame([second?.missed, third?.missed], [3, 0])

  const latest = bound(drop('latest-per-topic', {}))
  latest.inbox.push(latest.source.message({ topic: 'a', number: 2 }))
  latest.inbox.bequeath(latest.source.message({ number: 1, missed: 3 }))
  t.equal(latest.inbox.shift()?.missed, 3)
})

/** The methods of a scene, to be used apart from it. */
function bound(policy: Policy): Scene {
  const scene = new Scene(policy)
  scene.push = scene.push.bind(scene)
  scene.take = scene.take.bind(scene)
  return scene
}
