import { once } from 'node:events'
import { balanceLink, balanceShare, createConsumer, createProducer, type Producer } from 'fanwire'
import t from 'tap'
import { Publisher, Pull, Push, Subscriber } from 'zeromq'
import { meet, meetings, messagesOf, SUBSCRIBER, turn } from './zeromq-peers.js'

const COUNT = 10_000
const numbers = Array.from({ length: COUNT }, (_, i) => i)
const tcp = { scheme: 'tcp', role: 'listen' } as const

/** The first sum that does not hold. */
function imbalance(producer: Pick<Producer, 'stats'>): string | undefined {
  const { links, ended, ...ledger } = producer.stats()
  const all = [...links, ...ended]
  return balanceShare(ledger, all) ?? all.map(balanceLink).find((sum) => sum !== undefined)
}

for (const meeting of meetings) {
  const how = `over ${meeting.scheme}, where fanwire ${meeting.role}s`

  t.test(`a zeromq Pull gets all of 10,000 messages in order, ${how}`, async (t) => {
    const pull = new Pull(SUBSCRIBER)
    const producer = await meet(t, pull, meeting, (url, role) => createProducer(url, { role, pattern: 'share' }))
    // Nobody need be there yet.
    const sending = (async () => {
      for (const i of numbers) await producer.send(`task.${i % 3}`, `${i}`)
    })()
    const read: string[][] = []
    for (const _ of numbers) read.push((await pull.receive()).map(String))
    await sending
    t.strictSame(
      read,
      numbers.map((i) => [`task.${i % 3}`, `${i}`]),
    )
    await producer.flush()
    t.match(producer.stats(), { accepted: COUNT, waiting: 0, returned: 0 })
    t.match(producer.stats().links, [{ kind: 'foreign', considered: COUNT, handed: COUNT, acknowledged: undefined }])
    t.equal(imbalance(producer), undefined)
  })

  t.test(`all of 10,000 messages of a zeromq Push arrive in order, ${how}`, async (t) => {
    const push = new Push({ linger: 0 })
    const consumer = await meet(t, push, meeting, (url, role) => createConsumer(url, { role, pattern: 'share' }))
    const sending = (async () => {
      for (const i of numbers) {
        await push.send(['task', `${i}`])
        if (i % 64 === 0) await turn()
      }
    })()
    const read: unknown[] = []
    for await (const message of messagesOf(consumer)) {
      const { topic, sequence, redelivered } = message
      read.push([topic, message.text(), sequence, redelivered])
      if (read.length === COUNT) break
    }
    await sending
    t.strictSame(
      read,
      numbers.map((i) => ['task', `${i}`, undefined, false]),
    )
    t.match(consumer.stats(), { streams: [], unsequenced: [{ received: COUNT, delivered: COUNT }] })
  })
}

t.test('four zeromq Pulls get each message once, and about as many as each other', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0', { pattern: 'share' })
  t.teardown(() => producer.close({ drainMs: 0 }))
  const pulls = Array.from({ length: 4 }, () => new Pull({ linger: 0 }))
  for (const pull of pulls) pull.connect(producer.urls[0] as string)
  await producer.linked({ count: 4 })
  const seen = new Set<number>()
  const counts = pulls.map(() => 0)
  let all = () => {}
  const done = new Promise<void>((resolve) => {
    all = resolve
  })
  const readers = pulls.map(async (pull, at) => {
    for await (const [, data] of pull) {
      seen.add(Number(data))
      counts[at] = (counts[at] as number) + 1
      if (seen.size === COUNT) all()
    }
  })
  for (const i of numbers) await producer.send('task', `${i}`)
  await done
  t.equal(
    counts.reduce((sum, count) => sum + count, 0),
    COUNT,
  )
  for (const count of counts) t.ok(Math.abs(count - COUNT / 4) <= COUNT / 40, `${counts}`)
  t.equal(imbalance(producer), undefined)
  for (const pull of pulls) pull.close()
  await Promise.all(readers)
})

t.test('a message of one frame is the data of a consumer that says so', async (t) => {
  const push = new Push({ linger: 0 })
  const consumer = await meet(t, push, tcp, (url, role) =>
    createConsumer(`${url}?dataFrame=0`, { role, pattern: 'share' }),
  )
  await push.send('only')
  const { value } = await messagesOf(consumer).next()
  t.equal(value?.text(), 'only')
})

t.test('a Pull beside a fanwire consumer gets its part', async (t) => {
  const pull = new Pull(SUBSCRIBER)
  const producer = await meet(t, pull, tcp, (url, role) => createProducer(url, { role, pattern: 'share' }))
  const consumer = await createConsumer(producer.urls[0] as string, { pattern: 'share' })
  t.teardown(() => consumer.close())
  await producer.linked({ count: 2 })
  let taken = 0
  const reading = (async () => {
    for await (const _ of consumer) taken++
  })()
  // Nobody knows how much the other has to do, so that it would get what fanwire's peer has no room for.
  for (let i = 0; i < 1_000; i++) {
    await producer.send('task', `${i}`)
    if (i % 20 === 19) await producer.flush()
  }
  const pulled = 1_000 - taken
  for (let i = 0; i < pulled; i++) await pull.receive()
  const { links } = producer.stats()
  t.strictSame(
    links.map(({ considered }) => considered >= 400),
    [true, true],
    `${links.map(({ considered }) => considered)}`,
  )
  t.equal(imbalance(producer), undefined)
  await consumer.close()
  await reading
})

for (const [name, Peer, type] of [
  ['Subscriber', Subscriber, 'SUB'],
  ['Push', Push, 'PUSH'],
  ['Publisher', Publisher, 'PUB'],
] as const) {
  t.test(`a zeromq ${name} is turned away by a producer that shares`, async (t) => {
    const socket = new Peer({ linger: 0 })
    const producer = await createProducer('tcp://127.0.0.1:0', { pattern: 'share' })
    t.teardown(() => producer.close({ drainMs: 0 }))
    t.teardown(() => socket.close())
    const told = once(producer, 'fault')
    socket.connect(producer.urls[0] as string)
    // It may hang up before it has said what it is.
    const [{ message }] = await told
    t.ok(
      message === `peer is a ${type} socket; a producer with pattern 'share' (PUSH) works with PULL` ||
        /hung up/.test(message),
      message,
    )
    t.strictSame(producer.links, [])
  })
}

for (const [name, Peer, type] of [
  ['Publisher', Publisher, 'PUB'],
  ['Pull', Pull, 'PULL'],
] as const) {
  t.test(`a zeromq ${name} is turned away by a consumer that shares`, async (t) => {
    const socket = new Peer({ linger: 0 })
    const consumer = await createConsumer('tcp://127.0.0.1:0', { pattern: 'share', role: 'listen' })
    t.teardown(() => consumer.close())
    t.teardown(() => socket.close())
    const told = once(consumer, 'fault')
    socket.connect(consumer.urls[0] as string)
    const [{ message }] = await told
    t.ok(
      message === `peer is a ${type} socket; a consumer with pattern 'share' (PULL) works with PUSH` ||
        /hung up/.test(message),
      message,
    )
    t.strictSame(consumer.links, [])
  })
}

t.test('what was in flight to a Pull that is gone is unknown, and goes to nobody else', async (t) => {
  const pull = new Pull({ linger: 0, receiveHighWaterMark: 1 })
  const producer = await meet(t, pull, tcp, (url, role) => createProducer(url, { role, pattern: 'share' }))
  await producer.linked()
  // It reads nothing, so that its system fills up, and one write stays behind.
  const data = Buffer.alloc(60_000)
  while (producer.stats().links[0]?.inFlight === 0) {
    await producer.send('task', data)
    await turn()
  }
  const gone = once(producer, 'unlink')
  const { inFlight } = producer.stats().links[0] as { inFlight: number }
  pull.close()
  await gone
  t.match(producer.stats(), { returned: 0, redelivered: 0, ended: [{ unknown: inFlight, acknowledged: undefined }] })
  t.equal(imbalance(producer), undefined)
})
