import { counted } from './delivery.js'
import type { Scenario } from './index.js'
import { begin, codeOf, heard, lastLedger, pattern, range, sequencesOf, turn, unlinked } from './stage.js'

export function testClosing(scenario: Scenario): void {
  const inOrder = { ordered: true, reliable: true } as const
  const held = { ...counted(), flowControlled: true } as const

  scenario('flushes once everything is handed, and acknowledged', counted(), async (stage) => {
    const { assert } = stage
    const cast = await stage.cast({ produce: { unacknowledgedBytes: 4_096 } })
    const reader = stage.reader(cast.consumer)
    for (let i = 0; i < 200; i++) void cast.producer.send('a', pattern(100, i))
    await reader.during(cast.producer.flush())
    const [link] = cast.producer.stats().links
    assert.deepEqual([link?.waiting, link?.inFlight, link?.handed, link?.acknowledged], [0, 0, 200, 200])
    await cast.producer.flush()
    assert.equal(reader.taken.length, 200)
    await stage.settle(cast, true)
  })

  scenario('flushes no sooner than a consumer that reads later', held, async (stage) => {
    const { assert } = stage
    const cast = await stage.cast({
      produce: { unacknowledgedBytes: 4_096 },
      consume: { overflow: { policy: 'backpressure', limit: { messages: 10 } } },
    })
    for (let i = 0; i < 40; i++) await cast.producer.send('a', pattern(1_000, i))
    let flushed = false
    const giveUp = new AbortController()
    const aborted = codeOf(cast.producer.flush({ signal: giveUp.signal }))
    const flushing = cast.producer.flush().then(() => {
      flushed = true
    })
    for (let i = 0; i < 20; i++) await turn()
    assert.equal(flushed, false)
    giveUp.abort('enough')
    assert.equal(await aborted, 'enough')
    const reader = stage.reader(cast.consumer)
    await reader.during(flushing)
    assert.equal(reader.taken.length, 40)
    await stage.settle(cast, true)
  })

  scenario('hands out what waits when the producer is closed', inOrder, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({ produce: { unacknowledgedBytes: 16_384 } })
    const reader = stage.reader(consumer)
    for (let i = 0; i < 500; i++) void producer.send('a', pattern(1_000, i))
    const closing = producer.close({ drainMs: 30_000 })
    assert.equal(producer.close(), closing)
    await reader.count(500)
    const stats = await closing
    assert.deepEqual([stats.accepted, stats.refused], [500, 0])
    assert.deepEqual([stats.links[0]?.handed, stats.links[0]?.state], [500, 'closed'])
    if (stage.traits.numbers === 'counted') assert.deepEqual(sequencesOf(reader.taken), range(1, 501))
  })

  scenario('sends in their turn those that waited when the producer was closed', held, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({
      produce: { overflow: { policy: 'backpressure', limit: { messages: 10 } }, unacknowledgedBytes: 4_096 },
      consume: { overflow: { policy: 'backpressure', limit: { messages: 10 } } },
    })
    const calls = range(0, 40).map((i) => codeOf(producer.send('a', pattern(1_000, i))))
    await turn()
    const reader = stage.reader(consumer)
    const closing = producer.close({ drainMs: 30_000 })
    assert.equal(await codeOf(producer.send('a', 'too late')), 'CLOSED')
    const stats = await reader.during(closing)
    assert.deepEqual(new Set(await Promise.all(calls)), new Set([undefined]))
    assert.deepEqual([stats.accepted, stats.refused], [40, 1])
    assert.deepEqual(sequencesOf(reader.taken), range(1, 41))
  })

  const told = { ...counted(), tailLoss: true } as const

  scenario('tells consumers where the stream ends when the producer is closed', told, async (stage) => {
    const { assert } = stage
    const cast = await stage.cast({ consumers: 2, consume: (i) => ({ topics: i === 0 ? [''] : ['a'] }) })
    const { producer, consumers } = cast
    const ends = consumers.map((consumer) => heard(consumer, 'end'))
    for (const topic of ['a', 'b', 'a', 'b', 'b']) await producer.send(topic, '')
    const readers = consumers.map((each) => stage.reader(each))
    await Promise.all(readers.map((reader, i) => reader.count(i === 0 ? 5 : 2)))
    const { stream, next } = await producer.close()
    assert.deepEqual((await Promise.all(ends)).flat(), Array(2).fill({ stream, next }))
    for (const [i, consumer] of consumers.entries()) {
      const [ledger] = consumer.stats().streams
      assert.deepEqual([ledger?.next, ledger?.received, ledger?.tail], [next, i === 0 ? 5 : 2, undefined])
    }
  })

  scenario('leaves open where the stream ends when a link is closed alone', told, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast()
    const reader = stage.reader(consumer)
    await producer.send('a', '')
    await reader.count(1)
    const gone = unlinked(consumer)
    const links = consumer.links.length
    for (const link of producer.links) link.close()
    await gone
    assert.ok(links > 0)
    assert.equal(consumer.stats().streams[0]?.tail, 'unknown')
  })

  scenario('closes without a word to who is full, when its time is up', held, async (stage) => {
    const { assert } = stage
    for (const drainMs of [0, 20]) {
      const { producer, consumer } = await stage.cast({
        produce: { overflow: { policy: 'backpressure', limit: { messages: 50 } }, unacknowledgedBytes: 4_096 },
        consume: { overflow: { policy: 'backpressure', limit: { messages: 10 } } },
      })
      const slow = heard(producer, 'slow')
      const calls = range(0, 100).map((i) => codeOf(producer.send('a', pattern(1_000, i))))
      await slow
      const gone = unlinked(consumer)
      const stats = await producer.close({ drainMs })
      const codes = await Promise.all(calls)
      assert.equal(codes.filter((code) => code === 'CLOSED').length, stats.refused)
      assert.ok(stats.refused > 0)
      assert.equal(stats.offered, 100)
      const [link] = stats.links
      assert.equal(link?.unknown, (link?.handed ?? 0) + (link?.inFlight ?? 0) - (link?.acknowledged ?? 0))
      const reader = stage.reader(consumer)
      await reader.during(gone)
      const [stream] = consumer.stats().streams
      assert.equal(stream?.tail, 'unknown')
      assert.deepEqual(sequencesOf(reader.taken), range(1, reader.taken.length + 1))
      await consumer.close()
    }
  })

  scenario('closes a consumer in the middle of a stream, and says what it had', counted(), async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast()
    const reader = stage.reader(consumer)
    let sending = true
    const sent = begin(async () => {
      for (let i = 0; sending; i++) {
        if ((await codeOf(producer.send('a', pattern(1_000, i)))) !== undefined) return
      }
    })
    await reader.count(1_000)
    const last = lastLedger(producer)
    const stats = await consumer.close()
    const ledger = await last
    sending = false
    await sent
    const received = stats.links[0]?.received ?? 0
    assert.ok(received >= (ledger.acknowledged ?? 0) && received <= ledger.handed + ledger.inFlight)
    assert.equal(stats.streams[0]?.inboxWaiting, received - reader.taken.length)
  })

  scenario('ends loops when the consumer is closed, and not when the producer is', inOrder, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast()
    const texts: string[] = []
    const looping = begin(async () => {
      for await (const message of consumer) texts.push(message.text())
    })
    await producer.send('a', 'last')
    const gone = unlinked(consumer)
    await producer.close()
    await gone
    let over = false
    void looping.then(() => {
      over = true
    })
    await turn()
    assert.deepEqual([over, texts], [false, ['last']])
    await consumer.close()
    await looping
  })

  scenario('closes both ends at once', {}, async (stage) => {
    for (let round = 0; round < 10; round++) {
      const { producer, consumer } = await stage.cast()
      const { accepted } = producer.stats()
      for (let i = 0; i < 100; i++) void producer.send('a', pattern(1_000, i))
      for (let i = 0; i < round; i++) await turn()
      const reader = stage.reader(consumer)
      const [stats] = await Promise.all([
        producer.close({ drainMs: round % 2 === 0 ? 0 : 5_000 }),
        consumer.close(),
        reader.rest().catch(() => undefined),
      ])
      stage.assert.deepEqual([stats.accepted, producer.links, consumer.links], [accepted + 100, [], []])
    }
  })
}
