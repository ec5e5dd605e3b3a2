import { counted } from './delivery.js'
import type { Scenario } from './index.js'
import { type Cast, heard, pattern, range, type Stage, sequencesOf, turn, unlinked } from './stage.js'

export function testResume(scenario: Scenario): void {
  scenario('comes back after every cut, and loses or doubles nothing that is retained', counted(), async (stage) => {
    const { assert } = stage
    const cast = await stage.cast({ produce: { retain: { messages: 10_000 } } })
    const reader = stage.reader(cast.consumer)
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 200; i++) void cast.producer.send('a', pattern(i, round))
      if (round % 2 === 0) await turn()
      await cutAndReturn(stage, cast)
    }
    await cast.producer.send('end', '')
    await reader.until(({ topic }) => topic === 'end')
    const [stream] = cast.consumer.stats().streams
    assert.deepEqual(sequencesOf(reader.taken), range(1, 4_002))
    assert.deepEqual([stream?.received, stream?.lost, stream?.duplicates], [4_001, 0, 0])
    assert.equal(cast.consumer.stats().streams.length, 1)
    await stage.settle(cast, true)
  })

  scenario('knows exactly what it lost while it was away', { ...counted(), listens: 'producer' }, async (stage) => {
    const { assert } = stage
    const cast = await stage.cast()
    const { producer, consumer } = cast
    const reader = stage.reader(consumer)
    const gaps: unknown[] = []
    consumer.on('gap', ({ stream, ...gap }) => gaps.push(gap))
    await producer.send('a', 'before')
    await reader.count(1)
    await producer.flush()
    for (const [round, missing] of [1, 10, 1_000].entries()) {
      await away(stage, cast, () => {
        for (let i = 0; i < missing; i++) void producer.send('a', 'into the void')
      })
      await producer.send('a', `back ${round}`)
      await reader.until((message) => message.text() === `back ${round}`)
    }
    assert.deepEqual(
      reader.taken.map(({ sequence, missed }) => [sequence, missed]),
      [
        [1, 0],
        [3, 1],
        [14, 10],
        [1_015, 1_000],
      ],
    )
    const lost = [
      { from: 2, to: 3, missing: 1, state: 'lost' },
      { from: 4, to: 14, missing: 10, state: 'lost' },
      { from: 15, to: 1_015, missing: 1_000, state: 'lost' },
    ]
    assert.deepEqual(gaps, lost)
    assert.equal(consumer.stats().streams[0]?.lost, 1_011)
    await stage.settle(cast, true)
  })

  scenario(
    'gets what is still retained of what it missed, and counts the rest as lost',
    { ...counted(), listens: 'producer' },
    async (stage) => {
      const { assert } = stage
      // Whole slabs are kept: messages that are slabs of their own leave one by one.
      const size = 100_000
      const cast = await stage.cast({ produce: { retain: { messages: 10 } } })
      const { producer, consumer } = cast
      const reader = stage.reader(consumer)
      await producer.send('a', new Uint8Array(size))
      await reader.count(1)
      await producer.flush()
      await away(stage, cast, () => {
        for (let i = 0; i < 100; i++) void producer.send('a', new Uint8Array(size))
      })
      await producer.send('end', '')
      await reader.until(({ topic }) => topic === 'end')
      const [stream] = consumer.stats().streams
      const lost = stream?.lost ?? 0
      assert.ok(lost >= 80 && lost <= 90, `${lost} lost of 100, and at least 10 retained`)
      assert.equal(reader.taken[1]?.missed, lost)
      assert.deepEqual(sequencesOf(reader.taken.slice(1)), range(2 + lost, 103))
      await stage.settle(cast, true)
    },
  )

  scenario(
    'begins with what is retained, with the newest of each topic, or with what comes',
    { ...counted(), listens: 'producer' },
    async (stage) => {
      const { assert } = stage
      const producer = await stage.produce(stage.freshUrl(), { retain: { messages: 1_000 } })
      for (let i = 0; i < 30; i++) await producer.send(`topic.${i % 3}`, `${i}`)
      const { stream } = producer
      const first = await stage.join(producer)
      const run = (first.stats().streams[0] as { run: number }).run
      const cases = [
        { from: 'now', expected: [31] },
        { from: 'oldest', expected: range(1, 32) },
        { from: 'latest-per-topic', expected: [28, 29, 30, 31] },
        { from: { stream, run, next: 21 }, expected: range(21, 32) },
        { from: { stream, run: run + 1, next: 21 }, expected: range(1, 32) },
        { from: { stream: 'ANOTHERONE', run, next: 21 }, expected: range(1, 32) },
      ] as const
      const readers = await Promise.all(
        cases.map(async ({ from }) => stage.reader(await stage.join(producer, { from, topics: ['topic.', 'end'] }))),
      )
      await producer.send('end', '')
      for (const [i, { from, expected }] of cases.entries()) {
        const { taken, consumer } = readers[i] as (typeof readers)[0]
        await readers[i]?.until(({ topic }) => topic === 'end')
        assert.deepEqual(sequencesOf(taken), expected, JSON.stringify(from))
        assert.equal(consumer.stats().streams[0]?.lost, 0)
      }
      await stage.settle({ producers: [producer], consumers: readers.map(({ consumer }) => consumer) }, true)
    },
  )

  scenario(
    'reads its history through its filter, and goes on without a seam',
    { ...counted(), listens: 'producer' },
    async (stage) => {
      const { assert } = stage
      const producer = await stage.produce(stage.freshUrl(), { retain: { messages: 100_000 } })
      for (let i = 0; i < 2_000; i++) void producer.send(`${i % 10}`, pattern(200, i))
      const consumer = await stage.join(producer, { from: 'oldest', topics: ['3', 'end'] })
      const reader = stage.reader(consumer)
      for (let i = 2_000; i < 4_000; i++) {
        await producer.send(`${i % 10}`, pattern(200, i))
        if (i % 100 === 0) await reader.rest()
      }
      await producer.send('end', '')
      await reader.until(({ topic }) => topic === 'end')
      assert.deepEqual(
        sequencesOf(reader.taken),
        range(0, 400)
          .map((i) => 10 * i + 4)
          .concat(4_001),
      )
      assert.ok(reader.taken.every(({ missed }) => missed === 0))
      await stage.settle({ producers: [producer], consumers: [consumer] }, true)
    },
  )

  scenario(
    'begins a new stream when a producer is started again under the same name',
    { ...counted(), listens: 'producer' },
    async (stage) => {
      const { assert } = stage
      const url = await stage.freeUrl()
      const consumer = await stage.consume(url)
      const reader = stage.reader(consumer)
      for (let life = 0; life < 3; life++) {
        const [producer, [{ run }]] = await Promise.all([
          stage.produce(url, { stream: 'PRODUCER01' }),
          heard(consumer, 'stream', ({ stream }) => stream === 'PRODUCER01'),
        ])
        await producer.linked()
        for (let i = 0; i < 10; i++) await producer.send('a', `${life}`)
        await reader.count(10 * (life + 1))
        assert.equal(consumer.stats().streams.at(-1)?.run, run)
        await producer.close()
      }
      assert.deepEqual(sequencesOf(reader.taken), [...range(1, 11), ...range(1, 11), ...range(1, 11)])
      const { streams } = consumer.stats()
      assert.equal(new Set(streams.map(({ run }) => run)).size, 3)
      assert.ok(streams.every(({ received, lost }) => received === 10 && lost === 0))
    },
  )

  scenario(
    'keeps for a consumer that it dialled what comes while that one is away',
    { ...counted(), listens: 'consumer' },
    async (stage) => {
      const { assert } = stage
      const cast = await stage.cast()
      const { producer, consumer } = cast
      const reader = stage.reader(consumer)
      await producer.send('a', 'before')
      await reader.count(1)
      await producer.flush()
      await away(stage, cast, () => {
        for (let i = 0; i < 100; i++) void producer.send('a', `${i}`)
      })
      await reader.count(101)
      assert.deepEqual(sequencesOf(reader.taken), range(1, 102))
      await stage.settle(cast, true)
    },
  )
}

/** Cuts the connection, and waits until both ends are back. */
async function cutAndReturn(stage: Stage, cast: Cast): Promise<void> {
  await away(stage, cast, () => {})
}

/**
 * Does something while the two are apart. Not in several turns: whoever dials may be back in the next one.
 */
async function away(stage: Stage, cast: Cast, work: () => void): Promise<void> {
  const { producer, consumer } = cast
  const gone = unlinked(producer)
  const apart = Promise.all([gone, unlinked(consumer)])
  stage.cut(cast)
  await gone
  work()
  await apart
  await Promise.all([producer.linked(), consumer.linked()])
}
