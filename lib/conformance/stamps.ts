import type { Scenario } from './index.js'
import { begin, type Cast, heard, linked, range, type Stage, sequencesOf, turn, unlinked } from './stage.js'

const STAMPED = { sequence: true } as const

/** Where numbers travel in the messages of producers that are told to send them. */
export function testStamps(scenario: Scenario): void {
  const stamped = { ordered: true, reliable: true, numbers: 'stamp' } as const

  scenario('gives no numbers unless it is told to', stamped, async (stage) => {
    const { assert } = stage
    for (const produce of [{}, { sequence: false }]) {
      const { producer, consumer } = await stage.cast({ produce })
      const reader = stage.reader(consumer)
      await producer.send('a', '')
      const [message] = await reader.count(1)
      assert.deepEqual([message?.sequence, message?.stream, message?.missed], [undefined, undefined, 0])
      const { streams, unsequenced } = consumer.stats()
      assert.deepEqual([streams.length, unsequenced.length, unsequenced[0]?.received], [0, 1, 1])
      await Promise.all([producer.close(), consumer.close()])
    }
  })

  scenario('numbers messages from 1, without a gap, when it is told to', stamped, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({ produce: STAMPED, consume: { topics: ['a'] } })
    const reader = stage.reader(consumer)
    for (let i = 0; i < 100; i++) await producer.send(i % 2 === 0 ? 'a' : 'b', `${i}`)
    await reader.count(50)
    await producer.send('a', 'end')
    await reader.count(51)
    assert.deepEqual(
      sequencesOf(reader.taken),
      range(0, 51).map((i) => 2 * i + 1),
    )
    assert.ok(reader.taken.every(({ stream, missed }) => stream === producer.stream && missed === 0))
    const { streams, unsequenced } = consumer.stats()
    const [stream] = streams
    assert.deepEqual([stream?.first, stream?.next, stream?.received, stream?.unwanted], [1, 102, 101, 50])
    assert.deepEqual([streams.length, unsequenced.length, stream?.lost], [1, 0, 0])
  })

  scenario('knows what it lost while it was away, when the next message comes', stamped, async (stage) => {
    const { assert } = stage
    const cast = await stage.cast({ produce: { ...STAMPED, overflow: 'drop:newest:1' } })
    const { producer, consumer } = cast
    const reader = stage.reader(consumer)
    await producer.send('a', 'first')
    await reader.count(1)
    await cutAnd(stage, cast, async () => {
      for (let i = 0; i < 10; i++) await producer.send('a', 'away')
    })
    const lost = heard(consumer, 'gap', ({ state }) => state === 'lost')
    const sending = begin(async () => {
      for (let i = 0; i < 10; i++) await producer.send('a', 'back')
    })
    await Promise.all([sending, lost, reader.until((message) => message.text() === 'back')])
    const [, second] = reader.taken
    assert.equal(second?.missed, (second?.sequence ?? 0) - 2)
    assert.ok((second?.missed ?? 0) >= 9)
    assert.equal(consumer.stats().streams.length, 1)
  })

  scenario('gives stamped messages that come over two lines once', stamped, async (stage) => {
    const { assert } = stage
    const urls = [stage.freshUrl(), stage.freshUrl()]
    const listener = stage.listens === 'producer' ? await stage.produce(urls, STAMPED) : await stage.consume(urls)
    const dialler =
      stage.listens === 'producer' ? await stage.consume(listener.urls) : await stage.produce(listener.urls, STAMPED)
    const producer = 'trySend' in listener ? listener : dialler
    const consumer = 'trySend' in listener ? dialler : listener
    if (!('trySend' in producer) || 'trySend' in consumer) throw new Error('two ends of one kind')
    await Promise.all([producer.linked({ count: 2 }), consumer.linked({ count: 2 })])
    const reader = stage.reader(consumer)
    const sending = begin(async () => {
      for (let i = 0; i < 1_000; i++) await producer.send('a', `${i}`)
    })
    await Promise.all([sending, reader.count(1_000)])
    // What a line brings that goes before all else on it, so that the other copies have come when it has.
    const both = begin(async () => {
      while (consumer.stats().streams[0]?.duplicates !== 1_000) await turn()
    })
    await reader.during(both)
    assert.deepEqual(sequencesOf(reader.taken), range(1, 1_001))
    const [stream] = consumer.stats().streams
    assert.deepEqual([stream?.received, stream?.duplicates, stream?.lost], [1_000, 1_000, 0])
  })
}

/** Cuts the link, does `work` while nobody is linked, and waits until they are again. */
async function cutAnd(stage: Stage, cast: Cast, work: () => Promise<void>): Promise<void> {
  const { producer, consumer } = cast
  const gone = [unlinked(producer), unlinked(consumer)]
  const back = [linked(producer), linked(consumer)]
  stage.cut(cast)
  await Promise.all(gone)
  await work()
  await Promise.all(back)
}
