import { execFileSync } from 'node:child_process'
import t from 'tap'
import type { Link } from '../../../lib/producer-face.js'
import { settled } from '../../lib/support/fake-platform.js'
import { Stage, take } from './stage.js'

t.test('two ends meet, whichever of them enters first and whichever listens', async (t) => {
  for (const listening of ['producer', 'consumer'] as const) {
    for (const first of ['producer', 'consumer'] as const) {
      const stage = new Stage()
      const role = (kind: string) => (kind === listening ? 'listen' : 'dial')
      const produce = () => stage.produce('inproc://meet', { role: role('producer') })
      const consume = () => stage.consume('inproc://meet', { role: role('consumer') })
      const [producer, consumer] =
        first === 'producer'
          ? [await produce(), await consume()]
          : ([await consume(), await produce()].toReversed() as [
              Awaited<ReturnType<typeof produce>>,
              Awaited<ReturnType<typeof consume>>,
            ])
      stage.platform.turn()
      producer.send('a', 'hello')
      stage.platform.turn()
      t.same(await take(consumer), ['1 a hello'], `${first} first, ${listening} listens`)
      await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
      t.same(stage.faults, [])
      t.equal(stage.platform.timers, 0)
    }
  }
})

t.test('whoever opens an end hears of its first link, even where the other end has long been waiting', async (t) => {
  for (const role of ['listen', 'dial'] as const) {
    const stage = new Stage()
    const links: string[] = []
    const consumer = await stage.consume('inproc://heard', { role: role === 'listen' ? 'dial' : 'listen' })
    stage.platform.turn()
    const producer = await stage.produce('inproc://heard', { role })
    producer.on('link', (link) => links.push(link.remote))
    stage.platform.turn()
    t.equal(links.length, 1, `a producer that ${role}s`)
    await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
  }
})

t.test('a name has one listener, and belongs to nobody once that has left', async (t) => {
  const stage = new Stage()
  const first = await stage.produce('inproc://one')
  await t.rejects(stage.produce('inproc://one'), { code: 'ADDRESS_IN_USE', message: /inproc:\/\/one/ })
  await t.rejects(stage.consume('inproc://one', { role: 'listen' }), { code: 'ADDRESS_IN_USE' })
  await first.close()
  const second = await stage.produce('inproc://one')
  t.same(second.urls, ['inproc://one'])
  await second.close()
  await (await stage.consume('inproc://one', { role: 'listen' })).close()
})

t.test('a producer that cannot have all of its names has none of them', async (t) => {
  const stage = new Stage()
  const taken = await stage.produce('inproc://taken')
  await t.rejects(stage.produce(['inproc://free', 'inproc://taken']), { code: 'ADDRESS_IN_USE' })
  await t.rejects(stage.produce(['inproc://free', 'inproc://free']), { code: 'ADDRESS_IN_USE' })
  const free = await stage.produce('inproc://free')
  await Promise.all([taken.close(), free.close()])
})

t.test('opening is given up with the reason of the signal, and nothing is entered', async (t) => {
  const stage = new Stage()
  const signal = AbortSignal.abort(new Error('changed my mind'))
  await t.rejects(stage.produce('inproc://aborted', { signal }), { message: 'changed my mind' })
  await t.rejects(stage.consume('inproc://aborted', { signal }), { message: 'changed my mind' })
  const producer = await stage.produce('inproc://aborted')
  stage.platform.turn()
  t.same(producer.links, [])
  await producer.close()
})

t.test('two that dial wait for somebody who listens', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://both', { role: 'dial' })
  const consumer = await stage.consume('inproc://both', { role: 'dial' })
  stage.platform.turn()
  t.same(
    [...producer.links, ...consumer.links].map(({ state }) => state),
    ['waiting', 'waiting'],
  )
  const listening = await stage.consume('inproc://both', { role: 'listen' })
  stage.platform.turn()
  t.equal(producer.links[0]?.state, 'open')
  t.equal(consumer.links[0]?.state, 'waiting', 'of two consumers neither produces')
  t.match(stage.faults, [
    { of: 'consumer', code: 'CONNECT_FAILED', message: /another consumer/, remote: 'inproc://both' },
  ])
  await Promise.all([producer, consumer, listening].map((end) => end.close()))
})

t.test('a producer that dials a producer is told so, and links when a consumer takes the name', async (t) => {
  const stage = new Stage()
  const listening = await stage.produce('inproc://wrong')
  const producer = await stage.produce('inproc://wrong', { role: 'dial' })
  stage.platform.turn()
  t.match(stage.faults, [{ of: 'producer', code: 'CONNECT_FAILED', message: /another producer/ }])
  await listening.close()
  const consumer = await stage.consume('inproc://wrong', { role: 'listen' })
  stage.platform.turn()
  t.equal(producer.links[0]?.state, 'open')
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
})

t.test('links of one listener are told apart by what they are called', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://many')
  const consumers = [await stage.consume('inproc://many'), await stage.consume('inproc://many')]
  stage.platform.turn()
  t.same(
    producer.links.map(({ remote }) => remote),
    ['inproc://many#1', 'inproc://many#2'],
  )
  t.same(
    consumers.map(({ links }) => links[0]?.remote),
    ['inproc://many', 'inproc://many'],
  )
  await Promise.all([producer.close({ drainMs: 0 }), ...consumers.map((consumer) => consumer.close())])
})

t.test('a link that the listener cuts comes back after a pause, and a new listener is found at once', async (t) => {
  const stage = new Stage()
  const first = await stage.produce('inproc://back')
  const consumer = await stage.consume('inproc://back')
  stage.platform.turn()
  first.links[0]?.close(new Error('cut'))
  t.equal(consumer.links[0]?.state, 'waiting')
  stage.platform.advance(99)
  t.equal(consumer.links[0]?.state, 'waiting')
  stage.platform.advance(1)
  t.equal(consumer.links[0]?.state, 'open')
  await first.close({ drainMs: 0 })
  t.equal(consumer.links[0]?.state, 'waiting')
  const second = await stage.produce('inproc://back')
  stage.platform.turn()
  t.equal(consumer.links[0]?.state, 'open')
  stage.platform.advance(1_000)
  t.equal(second.links.length, 1, 'the pause of before is over')
  await Promise.all([second.close({ drainMs: 0 }), consumer.close()])
  t.equal(stage.platform.timers, 0)
})

t.test('what was dropped between messages that still wait is told on the next connection', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://deaf', {
    role: 'dial',
    overflow: { policy: 'drop', keep: 'oldest', limit: { messages: 8 } },
    unacknowledgedBytes: 1_024,
  })
  const consumer = await stage.consume('inproc://deaf', {
    role: 'listen',
    overflow: { policy: 'backpressure', limit: { messages: 1 } },
  })
  stage.platform.turn()
  const send = (count: number) => {
    for (let i = 0; i < count; i++) producer.send('a', new Uint8Array(1_000))
    stage.platform.turn()
  }
  send(20)
  for (let i = 0; i < 6; i++) {
    await take(consumer)
    stage.platform.turn()
    stage.platform.advance(20)
  }
  // It listens again, and what it has missed lies between what waits.
  send(2)
  const before = producer.stats().links[0]
  t.ok(before && before.dropped.oldest > 0 && before.waiting > 2)
  consumer.links[0]?.close(new Error('cut'))
  stage.platform.advance(100)
  for (let i = 0; i < 20; i++) {
    await take(consumer)
    stage.platform.turn()
    stage.platform.advance(20)
  }
  const [link] = producer.stats().links
  t.match(link, { waiting: 0, inFlight: 0, filtered: 0, dropped: { oldest: before?.dropped.oldest } })
  t.match(consumer.stats().links, [{ received: link?.handed, filtered: 0, declared: link?.dropped.oldest }])
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
})

t.test('a dialler whose link was closed for good stays away', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://gone')
  const consumer = await stage.consume('inproc://gone')
  stage.platform.turn()
  consumer.links[0]?.close()
  stage.platform.advance(1_000)
  t.same([producer.links, consumer.links], [[], []])
  await producer.close()
  const next = await stage.produce('inproc://gone')
  stage.platform.advance(1_000)
  t.same(next.links, [])
  await Promise.all([next.close(), consumer.close()])
})

t.test('an end that closes while it waits to come back sets no clock again', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://clock')
  const consumer = await stage.consume('inproc://clock')
  stage.platform.turn()
  producer.links[0]?.close(new Error('cut'))
  await consumer.close()
  t.equal(stage.platform.timers, 0)
  stage.platform.advance(1_000)
  t.same(producer.links, [])
  await producer.close()
})

t.test('an end may be closed by its own first event', async (t) => {
  for (const closing of ['producer', 'consumer'] as const) {
    const stage = new Stage()
    const producer = await stage.produce('inproc://early')
    const consumer = await stage.consume('inproc://early')
    const end = closing === 'producer' ? producer : consumer
    let closed: Promise<unknown> | undefined
    const close = () => {
      closed = end.close({ drainMs: 0 })
    }
    if (end === producer) producer.on('link', close)
    else consumer.on('link', close)
    stage.platform.turn()
    t.ok(closed, `the ${closing} had its event`)
    await closed
    stage.platform.advance(1_000)
    t.same(producer.links, [])
    t.not(consumer.links[0]?.state, 'open')
    await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
    t.same([stage.faults, stage.platform.timers], [[], 0])
  }
})

t.test('a consumer may be closed in the middle of what it receives', async (t) => {
  const stage = new Stage()
  const overflow = { policy: 'drop', keep: 'newest', limit: { messages: 3 } } as const
  const producer = await stage.produce('inproc://middle', { overflow })
  const consumer = await stage.consume('inproc://middle')
  stage.platform.turn()
  let closed: ReturnType<typeof consumer.close> | undefined
  consumer.on('gap', () => {
    closed ??= consumer.close()
  })
  for (let i = 0; i < 10; i++) producer.send('a', `${i}`)
  stage.platform.turn()
  await closed
  t.match(producer.links, [])
  t.match(consumer.stats().links, [])
  t.match(consumer.stats().streams, [{ first: 1, live: false, tail: 'unknown' }])
  stage.platform.advance(1_000)
  await producer.close()
  t.equal(stage.platform.timers, 0)
})

t.test('what a full inbox left in the run is delivered in its order once there is room', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://full')
  const consumer = await stage.consume('inproc://full', {
    overflow: { policy: 'backpressure', limit: { messages: 4 } },
  })
  stage.platform.turn()
  for (let i = 0; i < 10; i++) producer.send('a', `${i}`)
  stage.platform.turn()
  t.match(producer.stats().links, [{ waiting: 0, inFlight: 10, handed: 0 }])
  producer.send('a', '10')
  stage.platform.turn()
  t.match(producer.stats().links, [{ waiting: 1, inFlight: 10, handed: 0 }])
  const taken: string[] = []
  for (let i = 0; i < 4; i++) {
    taken.push(...(await take(consumer)))
    stage.platform.advance(20)
  }
  t.same(
    taken,
    Array.from({ length: 11 }, (_, i) => `${i + 1} a ${i}`),
  )
  t.match(producer.stats().links, [{ waiting: 0, inFlight: 0, handed: 11, acknowledged: 11 }])
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
})

t.test('an application that reads when it is told of a full inbox keeps the order', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://slow')
  const consumer = await stage.consume('inproc://slow', {
    overflow: { policy: 'backpressure', limit: { messages: 2 } },
  })
  const taken: number[] = []
  const loop = consumer.batches()
  const read = async () => {
    const { value: batch = [] } = await loop.next()
    taken.push(...batch.map(({ sequence }) => sequence as number))
  }
  consumer.once('slow', read)
  stage.platform.turn()
  for (let i = 0; i < 7; i++) producer.send('a', `${i}`)
  stage.platform.turn()
  for (let i = 0; i < 7 && taken.length < 7; i++) {
    await read()
    stage.platform.turn()
  }
  t.same(taken, [1, 2, 3, 4, 5, 6, 7])
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
})

t.test('what a producer sends to a new link, the moment it hears of it, arrives behind the beginning', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://snapshot')
  const consumer = await stage.consume('inproc://snapshot')
  // More than what is flushed within the call.
  producer.on('link', () => {
    for (let i = 0; i < 20; i++) producer.send('snapshot', new Uint8Array(50_000))
  })
  stage.platform.turn()
  t.match(consumer.stats().streams, [{ first: 1, next: 21, received: 20, inboxWaiting: 20 }])
  t.match(producer.stats().links, [{ considered: 20, handed: 20 }])
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
})

t.test('a consumer that acknowledges at once takes nothing from those who are offered it after', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://quick', { unacknowledgedBytes: 1_024 })
  const consumers = [await stage.consume('inproc://quick'), await stage.consume('inproc://quick')]
  stage.platform.turn()
  producer.send('a', new Uint8Array(1_000))
  stage.platform.turn()
  t.match(producer.stats().links, [
    { handed: 1, acknowledged: 1, dropped: { evicted: 0 } },
    { handed: 1, acknowledged: 1, dropped: { evicted: 0 } },
  ])
  await Promise.all([producer.close({ drainMs: 0 }), ...consumers.map((consumer) => consumer.close())])
})

t.test('what may be open is enough to go on with, without waiting for the clock', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://open', { unacknowledgedBytes: 16_384 })
  const consumer = await stage.consume('inproc://open')
  const filtered = await stage.consume('inproc://open', { topics: ['a'] })
  stage.platform.turn()
  for (let i = 0; i < 1_000; i++) producer.send(i % 2 === 0 ? 'a' : 'b', new Uint8Array(1_000))
  stage.platform.turn()
  t.match(producer.stats().links, [
    { handed: 1_000, waiting: 0 },
    { handed: 500, waiting: 0 },
  ])
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close(), filtered.close()])
})

t.test('a loop that awaits every send lets everybody else have a turn, however large its messages', async (t) => {
  for (const size of [10, 1_000, 100_000]) {
    const stage = new Stage()
    const producer = await stage.produce('inproc://turns')
    const data = new Uint8Array(size)
    const count = 5_000_000 / size
    for (let i = 0; i < count; i++) {
      producer.send('a', data)
      if (i % (count / 50) === 0) stage.platform.advance(1)
    }
    const breaths = stage.platform.breath()
    t.ok(breaths >= 5 && breaths <= 12, `${breaths} turns in 50 ms of sending messages of ${size} bytes`)
    await producer.close()
  }
})

t.test('a loop over what has come already lets everybody else have a turn every few milliseconds', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://reading')
  const consumer = await stage.consume('inproc://reading')
  stage.platform.turn()
  for (let i = 0; i < 4_000; i++) producer.send('a', 'b')
  stage.platform.turn()
  let taken = 0
  const reading = (async () => {
    for await (const _ of consumer) {
      if (++taken % 100 === 0) stage.platform.advance(1)
      if (taken === 4_000) break
    }
  })()
  let turns = 0
  for (; taken < 4_000 && turns < 20; turns++) {
    await settled(20_000)
    stage.platform.breath()
  }
  await reading
  t.ok(turns >= 4 && turns <= 10, `${turns} turns in 40 ms of reading`)
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
})

t.test('a message above what may be open goes alone, also where it is gathered', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://alone', { unacknowledgedBytes: 1_024 })
  const consumer = await stage.consume('inproc://alone', { topics: ['a'] })
  stage.platform.turn()
  for (let i = 0; i < 10; i++) producer.send(i % 2 === 0 ? 'a' : 'b', new Uint8Array(1_500))
  stage.platform.turn()
  stage.platform.advance(200)
  t.match(producer.stats().links, [{ handed: 5, waiting: 0, acknowledged: 5 }])
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
})

t.test('a message above the consumer’s limit costs it the link, is its own fault, and becomes a gap', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://long')
  const consumer = await stage.consume('inproc://long', { maxMessageBytes: 10 })
  stage.platform.turn()
  producer.send('a', 'short')
  producer.send('a', 'much too long')
  stage.platform.turn()
  t.match(stage.faults, [{ of: 'consumer', code: 'BAD_PEER', message: /14 bytes/, remote: 'inproc://long' }])
  t.equal(stage.faults.length, 1)
  stage.platform.advance(100)
  producer.send('a', 'short')
  stage.platform.turn()
  t.same(await take(consumer), ['1 a short', '3 a short'])
  t.match(consumer.stats().streams, [{ received: 2, lost: 1 }])
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
})

t.test('a consumer with too many bytes of subscriptions costs its link, and nothing else', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://greedy')
  const topics = Array.from({ length: 1_100 }, (_, i) => String(i).padEnd(1_000, '.'))
  const greedy = await stage.consume('inproc://greedy', { topics })
  stage.platform.turn()
  t.match(stage.faults, [{ of: 'producer', code: 'BAD_PEER', message: /subscriptions/ }])
  t.same(producer.links, [])
  await greedy.close()

  const growing = await stage.consume('inproc://greedy', { topics: topics.slice(0, 1_000) })
  stage.platform.turn()
  t.equal(producer.links.length, 1)
  for (const topic of topics) growing.subscribe(topic)
  t.same(producer.links, [])
  t.equal(stage.faults.length, 2)
  await Promise.all([producer.close(), growing.close()])
  t.equal(stage.platform.timers, 0)
})

t.test('an overflow function that throws costs the link, and nothing else', async (t) => {
  const stage = new Stage()
  let answer: (link: Link) => 'drop' = () => {
    throw new Error('no idea')
  }
  const producer = await stage.produce('inproc://throws', { overflow: (link) => answer(link) })
  const consumer = await stage.consume('inproc://throws')
  stage.platform.turn()
  t.match(stage.faults, [{ of: 'producer', code: 'BAD_OPTION', message: /no idea/, cause: { message: 'no idea' } }])
  t.same(producer.links, [])
  answer = () => 'drop'
  stage.platform.advance(100)
  t.equal(consumer.links[0]?.state, 'open')
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
})

t.test('data reach the application where they lie, and never change there', async (t) => {
  const stage = new Stage()
  const producer = await stage.produce('inproc://shared')
  const consumer = await stage.consume('inproc://shared')
  stage.platform.turn()
  producer.send('a', 'first')
  stage.platform.turn()
  const { value: message } = await consumer.messages().next()
  stage.platform.advance(20)
  for (let i = 0; i < 1_000; i++) producer.send('a', 'x'.repeat(1_000))
  stage.platform.turn()
  t.equal(message?.text(), 'first')
  await Promise.all([producer.close({ drainMs: 0 }), consumer.close()])
})

t.test('a send that waits for a consumer to be given up keeps the process alive until then', async (t) => {
  const script = `
    import { createConsumer, createProducer } from ${JSON.stringify(import.meta.resolve('../../../lib/index.js'))}
    const limit = { messages: 1 }
    const producer = await createProducer('inproc://patient', {
      overflow: { policy: 'backpressure', limit, timeoutMs: 50 },
      unacknowledgedBytes: 1024,
    })
    await createConsumer('inproc://patient', { overflow: { policy: 'backpressure', limit } })
    await producer.linked()
    for (let i = 0; i < 10; i++) await producer.send('a', new Uint8Array(1_000))
    console.log(producer.stats().accepted)
    process.exit()`
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
  t.equal(output, '10\n')
})

t.test('nothing here keeps a process alive', async (t) => {
  const index = import.meta.resolve('../../../lib/index.js')
  const script = `
    import { createConsumer, createProducer } from ${JSON.stringify(index)}
    const alive = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const consumer = await createConsumer('inproc://alive')
    const producer = await createProducer('inproc://alive')
    await producer.linked()
    console.log(alive())
    producer.links[0].close(new Error('cut'))
    console.log(alive())
    await consumer.close()
    console.log(alive())
    await createConsumer('inproc://waiting')`
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
  t.equal(output, '0\n1\n0\n', 'but for the pause before a dialler comes back')
})
