import { createConsumer, createProducer } from 'fanwire'
import t from 'tap'
import { Publisher, Subscriber, XPublisher, XSubscriber } from 'zeromq'
import { HeartbeatRelay } from './heartbeat-relay.js'
import {
  heard,
  isProbe,
  meet,
  meetings,
  messagesOf,
  PUBLISHER,
  request,
  Sightings,
  SUBSCRIBER,
  subscribe,
  turn,
  unsubscribe,
} from './zeromq-peers.js'

const COUNT = 10_000
const numbers = Array.from({ length: COUNT }, (_, i) => i)
const tcp = { scheme: 'tcp', role: 'listen' } as const

for (const meeting of meetings) {
  const how = `over ${meeting.scheme}, where fanwire ${meeting.role}s`

  for (const Peer of [Subscriber, XSubscriber]) {
    t.test(`a zeromq ${Peer.name} gets all of 10,000 messages in order, ${how}`, async (t) => {
      const subscriber = new Peer(SUBSCRIBER)
      const producer = await meet(t, subscriber, meeting, (url, role) => createProducer(url, { role }))
      await subscribe(subscriber, 'trades.')
      // A bound socket of libzmq subscribes when its application next calls it: by reading.
      const reading = (async () => {
        const read: string[][] = []
        for (const _ of numbers) read.push((await subscriber.receive()).map(String))
        return read
      })()
      await producer.linked({ topic: 'trades.AAPL' })
      for (const i of numbers) {
        await producer.send('trades.AAPL', `${i}`)
        await producer.send('quotes.AAPL', `${i}`)
      }
      t.strictSame(
        await reading,
        numbers.map((i) => ['trades.AAPL', `${i}`]),
      )
      const { links, ...ledger } = await producer.close()
      t.match(ledger, { offered: 2 * COUNT, accepted: 2 * COUNT, refused: 0 })
      t.equal(links.length, 1)
      t.match(links[0], {
        kind: 'foreign',
        considered: 2 * COUNT,
        filtered: COUNT,
        handed: COUNT,
        waiting: 0,
        inFlight: 0,
        acknowledged: undefined,
      })
    })
  }

  for (const Peer of [Publisher, XPublisher]) {
    t.test(`all of 10,000 messages of a zeromq ${Peer.name} arrive in order, ${how}`, async (t) => {
      const publisher = new Peer(PUBLISHER)
      const consumer = await meet(t, publisher, meeting, (url, role) =>
        createConsumer(url, { role, topics: ['trades.'] }),
      )
      if (publisher instanceof XPublisher) t.equal(await request(publisher), '\x01trades.')
      else await heard(publisher, 'trades.AAPL', consumer)
      const sending = (async () => {
        for (const i of numbers) {
          await publisher.send(['trades.AAPL', `${i}`])
          await publisher.send(['quotes.AAPL', `${i}`])
          if (i % 64 === 0) await turn()
        }
      })()
      let delivered = publisher instanceof XPublisher ? 0 : 1
      const read: unknown[] = []
      for await (const message of messagesOf(consumer)) {
        delivered++
        if (isProbe(message)) continue
        const { topic, sequence, stream, missed, frames } = message
        read.push({ topic, text: message.text(), sequence, stream, missed, frames: frames.length })
        if (read.length === COUNT) break
      }
      await sending
      const plain = { topic: 'trades.AAPL', sequence: undefined, stream: undefined, missed: 0, frames: 2 }
      t.strictSame(
        read,
        numbers.map((i) => ({ ...plain, text: `${i}` })),
      )
      const { streams, unsequenced, links } = consumer.stats()
      t.strictSame(streams, [], 'nobody can say that nothing was lost')
      t.equal(unsequenced.length, 1)
      t.match(unsequenced[0], { received: delivered, delivered, unwanted: 0, inboxDropped: 0, inboxWaiting: 0 })
      t.equal(links.length, 1)
      t.match(links[0], { kind: 'foreign', stream: undefined, received: delivered, remote: unsequenced[0]?.remote })
    })
  }
}

for (const dataFrame of [0, 1, 2, 3]) {
  t.test(`messages of any number of frames stay whole, frame ${dataFrame} being the data`, async (t) => {
    const publisher = new XPublisher(PUBLISHER)
    const consumer = await meet(t, publisher, tcp, (url, role) =>
      createConsumer(`${url}?dataFrame=${dataFrame}`, { role }),
    )
    t.equal(await request(publisher), '\x01')
    const large = 'x'.repeat(100_000)
    const sent = [
      ['topic', 'head', 'body'],
      ['topic', '', ''],
      ['', 'head', large],
      ['topic', large, 'body', 'tail'],
      ['topic', 'data'],
      ['topic'],
      ['topic', 'head', 'body'],
    ]
    for (const frames of sent) await publisher.send(frames)
    const read: unknown[] = []
    for await (const { topic, data, frames } of messagesOf(consumer)) {
      read.push([topic, String(data), frames.map(String)])
      if (read.length === sent.length) break
    }
    t.strictSame(
      read,
      sent.map((frames) => [frames[0], frames[dataFrame] ?? '', frames]),
    )
  })
}

for (const Peer of [Subscriber, XSubscriber]) {
  t.test(`what a zeromq ${Peer.name} subscribes to twice and cancels once, it still gets`, async (t) => {
    const subscriber = new Peer(SUBSCRIBER)
    const producer = await meet(t, subscriber, tcp, (url, role) => createProducer(url, { role }))
    // What a link asks for is read in order: once the fence is there, so is all before it.
    const fence = async (topic: string) => {
      await subscribe(subscriber, topic)
      await producer.linked({ topic })
    }
    await subscribe(subscriber, 'a.')
    await subscribe(subscriber, 'a.')
    await unsubscribe(subscriber, 'a.')
    await fence('fence.1')
    t.equal(producer.hasSubscribers('a.'), true)
    await producer.send('a.', 'wanted')
    t.strictSame((await subscriber.receive()).map(String), ['a.', 'wanted'])

    await unsubscribe(subscriber, 'a.')
    await fence('fence.2')
    t.equal(producer.hasSubscribers('a.'), false)
    await producer.send('a.', 'unwanted')
    await producer.send('fence.2', 'end')
    t.strictSame((await subscriber.receive()).map(String), ['fence.2', 'end'])
    t.match((await producer.close()).links, [{ considered: 3, filtered: 1, handed: 2 }])
  })
}

t.test('what a fanwire consumer subscribes to twice and cancels once, it still gets', async (t) => {
  const publisher = new XPublisher({ ...PUBLISHER, verbosity: 'allSubsUnsubs' })
  const consumer = await meet(t, publisher, tcp, (url, role) => createConsumer(url, { role, topics: ['a.'] }))
  t.equal(await request(publisher), '\x01a.')
  consumer.subscribe('a.').unsubscribe('a.').subscribe('fence.')
  t.equal(await request(publisher), '\x01fence.', 'the publisher is asked once')
  await publisher.send(['a.', 'wanted'])
  const messages = messagesOf(consumer)
  t.equal((await messages.next()).value.text(), 'wanted')

  consumer.unsubscribe('a.')
  t.equal(await request(publisher), '\x00a.')
  await publisher.send(['a.', 'unwanted'])
  await publisher.send(['fence.', 'end'])
  t.equal((await messages.next()).value.text(), 'end')
  t.match(consumer.stats().unsequenced, [{ received: 2, delivered: 2, unwanted: 0 }])
})

t.test('a zeromq subscriber changes what it wants while a fanwire producer sends', async (t) => {
  const subscriber = new Subscriber(SUBSCRIBER)
  const producer = await meet(t, subscriber, tcp, (url, role) => createProducer(url, { role }))
  subscriber.subscribe('a.', 'end.')
  await producer.linked({ topic: 'a.' })
  await producer.linked({ topic: 'end.' })
  const feed = new Feed((topic, number) => producer.send(topic, `${number}`))
  const reading = (async () => {
    for await (const [topic, number] of subscriber) {
      if (String(topic) === 'end.') return
      feed.seen.add(String(topic), Number(number))
    }
  })()

  await feed.seen.more('a.', 500)
  const beforeB = feed.next
  subscriber.subscribe('b.')
  await producer.linked({ topic: 'b.' })
  const fromB = feed.next + 1
  await feed.seen.more('b.', 500)
  subscriber.unsubscribe('a.')
  subscriber.subscribe('fence.')
  await producer.linked({ topic: 'fence.' })
  t.equal(producer.hasSubscribers('a.'), false)
  const toA = feed.next
  await feed.seen.more('b.', 500)
  const sent = await feed.stop()
  await producer.send('end.', '')
  await reading

  feed.compare(t, { fromB, toA })
  const [link] = (await producer.close()).links
  t.match(link, { considered: sent + 1, waiting: 0, inFlight: 0 })
  const leastFiltered = Math.floor(beforeB / 2) + Math.floor((sent - toA - 1) / 2)
  t.ok(Number(link?.filtered) >= leastFiltered, `at least ${leastFiltered} messages never left`)
  t.equal(Number(link?.filtered) + Number(link?.handed), sent + 1)
})

t.test('a fanwire consumer changes what it wants while a zeromq publisher sends', async (t) => {
  const publisher = new XPublisher(PUBLISHER)
  const consumer = await meet(t, publisher, tcp, (url, role) => createConsumer(url, { role, topics: ['a.', 'end.'] }))
  t.strictSame([await request(publisher), await request(publisher)], ['\x01a.', '\x01end.'])
  const feed = new Feed((topic, number) => publisher.send([topic, `${number}`]))
  const reading = (async () => {
    for await (const message of messagesOf(consumer)) {
      if (message.topic === 'end.') return
      feed.seen.add(message.topic, Number(message.text()))
    }
  })()

  await feed.seen.more('a.', 500)
  consumer.subscribe('b.')
  t.equal(await request(publisher), '\x01b.')
  const fromB = feed.next + 1
  await feed.seen.more('b.', 500)
  consumer.unsubscribe('a.')
  t.equal(await request(publisher), '\x00a.')
  const toA = feed.next
  await feed.seen.more('b.', 500)
  await feed.stop()
  await publisher.send(['end.', ''])
  await reading

  feed.compare(t, { fromB, toA })
  const { streams, unsequenced } = await consumer.close()
  const delivered = feed.seen.of('a.').length + feed.seen.of('b.').length + 1
  t.strictSame(streams, [])
  t.match(unsequenced, [{ delivered, inboxWaiting: 0, inboxDropped: 0 }])
  t.equal(unsequenced[0]?.received, delivered + Number(unsequenced[0]?.unwanted))
})

// One that hears heartbeats need not ask for any itself, so that one side asks at a time.
for (const { asks, answers, zeromq, fanwire } of [
  {
    asks: 'zeromq',
    answers: 'called',
    zeromq: { heartbeatInterval: 50, heartbeatTimeout: 1_000, heartbeatTimeToLive: 1_000 },
    fanwire: '',
  },
  { asks: 'fanwire', answers: 'caller', zeromq: {}, fanwire: '?heartbeatMs=50' },
] as const) {
  t.test(`an idle link to a zeromq subscriber stays while ${asks} asks for heartbeats`, async (t) => {
    const producer = await createProducer(`tcp://127.0.0.1:0${fanwire}`)
    t.teardown(() => producer.close())
    const subscriber = new Subscriber({ ...SUBSCRIBER, ...zeromq })
    t.teardown(() => subscriber.close())
    const { relay, url } = await HeartbeatRelay.open(t, producer.urls[0] as string)
    let ended = 0
    producer.on('unlink', () => ended++)
    subscriber.connect(url)
    subscriber.subscribe('')
    await producer.linked({ topic: 'trades.AAPL' })
    await relay.answered(answers, 20)
    await producer.send('trades.AAPL', 'data')
    t.strictSame((await subscriber.receive()).map(String), ['trades.AAPL', 'data'])
    t.equal(ended, 0)
  })

  t.test(`an idle link to a zeromq publisher stays while ${asks} asks for heartbeats`, async (t) => {
    const consumer = await createConsumer(`tcp://127.0.0.1:0${fanwire}`, { role: 'listen' })
    t.teardown(() => consumer.close())
    const publisher = new XPublisher({ ...PUBLISHER, ...zeromq })
    t.teardown(() => publisher.close())
    const { relay, url } = await HeartbeatRelay.open(t, consumer.urls[0] as string)
    let ended = 0
    consumer.on('unlink', () => ended++)
    publisher.connect(url)
    t.equal(await request(publisher), '\x01')
    await relay.answered(answers, 20)
    await publisher.send(['trades.AAPL', 'data'])
    t.equal((await messagesOf(consumer).next()).value.text(), 'data')
    t.equal(ended, 0)
  })
}

/** Sends on `a.` and `b.` in turn until it is stopped, and keeps what of it was seen. */
class Feed {
  readonly seen = new Sightings()
  /** The number that is being sent. */
  next = 0
  #running = true
  readonly #sending: Promise<void>

  constructor(private readonly send: (topic: string, number: number) => Promise<unknown>) {
    this.#sending = this.#run()
  }

  /** Resolves with how many were sent. */
  async stop(): Promise<number> {
    this.#running = false
    await this.#sending
    return this.next
  }

  /** Nothing of `a.` is missing until it ends, at `toA` or before; nothing of `b.` from `fromB` on, or before. */
  compare(t: Tap, { fromB, toA }: { readonly fromB: number; readonly toA: number }): void {
    const a = this.seen.of('a.')
    const b = this.seen.of('b.')
    const last = a.at(-1) as number
    const first = b[0] as number
    t.ok(last <= toA && first <= fromB + 1, `a. ends at ${last}, by ${toA}; b. begins at ${first}, by ${fromB}`)
    t.strictSame(a, everySecond(0, last + 1))
    t.strictSame(b, everySecond(first, this.next))
  }

  async #run(): Promise<void> {
    for (; this.#running && this.next < 500_000; this.next++) {
      await this.send(this.next % 2 === 0 ? 'a.' : 'b.', this.next)
      if (this.next % 64 === 0) await turn()
    }
  }
}

type Tap = Pick<typeof t, 'ok' | 'strictSame'>

function everySecond(from: number, to: number): number[] {
  return Array.from({ length: Math.ceil((to - from) / 2) }, (_, i) => from + 2 * i)
}
