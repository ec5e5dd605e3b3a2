import type { Message } from '../message.js'
import type { Scenario } from './index.js'
import { begin, codeOf, heard, isSame, pattern, range, sequencesOf, turn } from './stage.js'

const MIB = 1024 * 1024
/** On both sides of every length that a frame may be written in. */
const DATA_SIZES = [0, 1, 254, 255, 256, 257, 65_534, 65_535, 65_536, 65_537, MIB]
const TOPIC_SIZES = [0, 1, 254, 255, 256, 257, 1_023, 1_024]

export function testDelivery(scenario: Scenario): void {
  const inOrder = { ordered: true, reliable: true } as const

  scenario('keeps the order of 20,000 messages, one by one', inOrder, async (stage) => {
    const { producer, consumer } = await stage.cast()
    const sending = begin(async () => {
      for (let i = 0; i < 20_000; i++) await producer.send('numbers', `${i}`)
    })
    let expected = 0
    for await (const message of consumer) {
      if (message.text() !== `${expected}`) throw new Error(`${message.text()} came in place of ${expected}`)
      if (++expected === 20_000) break
    }
    await sending
    stage.check()
  })

  scenario('keeps the order of 20,000 messages that nobody waited for, in batches', inOrder, async (stage) => {
    const cast = await stage.cast({ produce: { overflow: { policy: 'buffer', limit: { messages: 20_000 } } } })
    const reader = stage.reader(cast.consumer)
    for (let i = 0; i < 20_000; i++) {
      void cast.producer.send('numbers', `${i}`)
      if (i % 1_000 === 0) await turn()
    }
    await reader.count(20_000)
    const wrong = reader.taken.findIndex((message, i) => message.text() !== `${i}`)
    stage.assert.equal(wrong, -1)
    await stage.settle(cast, true)
  })

  scenario('brings every size of data and topic byte for byte', inOrder, async (stage) => {
    const { assert } = stage
    const cast = await stage.cast()
    const reader = stage.reader(cast.consumer)
    const sizes = DATA_SIZES.flatMap((data) => TOPIC_SIZES.map((topic) => ({ topic: 't'.repeat(topic), data })))
    const sending = begin(async () => {
      for (const [i, { topic, data }] of sizes.entries()) await cast.producer.send(topic, pattern(data, i))
    })
    await Promise.all([sending, reader.count(sizes.length)])
    for (const [i, { topic, data }] of sizes.entries()) {
      const message = reader.taken[i] as Message
      assert.equal(message.topic, topic)
      assert.ok(isSame(message.data, pattern(data, i)), `${data} bytes under ${topic.length} of topic`)
    }
    await stage.settle(cast, true)
  })

  scenario('brings topics and text of any alphabet, and bytes of any kind', inOrder, async (stage) => {
    const { assert } = stage
    const cast = await stage.cast()
    const reader = stage.reader(cast.consumer)
    const topics = ['é', '€uro', '𝄞', '\u0002\u007f', 'a b/c.d', '\ufeff', 'ﬀ', 'e\u0301']
    const bytes = Uint8Array.from(range(0, 256)).filter((byte) => stage.carries(byte))
    for (const topic of topics) {
      await cast.producer.send(topic, `${topic}!`)
      await cast.producer.send(topic, bytes)
    }
    await reader.count(topics.length * 2)
    const encoder = new TextEncoder()
    for (const [i, topic] of topics.entries()) {
      const [text, data] = reader.taken.slice(i * 2, i * 2 + 2) as [Message, Message]
      assert.deepEqual([text.topic, text.text()], [topic, `${topic}!`])
      assert.ok(isSame(text.topicBytes, encoder.encode(topic)))
      assert.ok(isSame(data.data, bytes))
    }
    await stage.settle(cast, true)
  })

  scenario('brings a message of exactly maxMessageBytes, and refuses to send a larger one', inOrder, async (stage) => {
    const { assert } = stage
    const most = Math.min(3 * MIB, maxOf(stage.traits.maxMessageBytes))
    const cast = await stage.cast({ produce: { maxMessageBytes: most }, consume: { maxMessageBytes: most } })
    const reader = stage.reader(cast.consumer)
    assert.equal(await codeOf(cast.producer.send('topic', new Uint8Array(most - 4))), 'TOO_LONG')
    const [sending] = [cast.producer.send('topic', pattern(most - 5, 1)), cast.producer.send('topic', 'next')]
    await Promise.all([sending, reader.count(2)])
    assert.ok(isSame((reader.taken[0] as Message).data, pattern(most - 5, 1)))
    if (stage.traits.numbers === 'counted') assert.deepEqual(sequencesOf(reader.taken), [1, 2])
    const { offered, accepted, refused } = cast.producer.stats()
    assert.deepEqual([offered, accepted, refused], [3, 2, 1])
    await stage.settle(cast, true)
  })

  scenario('costs a link, and the consumer one message, when that is above its limit', counted(), async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({ consume: { maxMessageBytes: 1_000 } })
    const reader = stage.reader(consumer)
    const gone = heard(consumer, 'unlink')
    await producer.send('a', new Uint8Array(999))
    await producer.send('a', new Uint8Array(1_000))
    await gone
    await Promise.all([consumer.linked(), producer.linked()])
    await producer.send('a', 'after')
    await reader.until((message) => message.text() === 'after')
    assert.deepEqual(
      reader.taken.map(({ sequence, missed }) => [sequence, missed]),
      [
        [1, 0],
        [3, 1],
      ],
    )
    const broken = stage.faults.filter(({ code }) => code === 'BAD_PEER')
    assert.equal(broken.length, 1)
    assert.equal(consumer.stats().streams[0]?.lost, 1)
  })

  scenario('numbers messages from 1, without a gap', counted(), async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast()
    const reader = stage.reader(consumer)
    for (let i = 0; i < 100; i++) await producer.send('a', `${i}`)
    await reader.count(100)
    assert.deepEqual(sequencesOf(reader.taken), range(1, 101))
    assert.ok(reader.taken.every(({ stream, missed }) => stream === producer.stream && missed === 0))
  })

  scenario('lets the sender use its memory again at once, and the receiver keep its own', inOrder, async (stage) => {
    const { assert } = stage
    const cast = await stage.cast()
    const reader = stage.reader(cast.consumer)
    const data = new Uint8Array(1_000)
    for (let i = 0; i < 200; i++) {
      data.set(pattern(1_000, i))
      await cast.producer.send('a', data)
    }
    await reader.count(200)
    for (let i = 0; i < 200; i++) {
      data.fill(0xff)
      await Promise.all([cast.producer.send('a', new Uint8Array(100_000)), reader.count(201 + i)])
    }
    for (let i = 0; i < 200; i++) {
      const { data: kept } = reader.taken[i] as Message
      assert.ok(isSame(kept, pattern(1_000, i)), `message ${i} is as it was`)
    }
  })

  scenario('brings what is sent upon hearing of the link, however much that is', inOrder, async (stage) => {
    const listener = await stage.listener()
    const dialler = await stage.dialler(listener.urls[0] as string)
    const producer = 'trySend' in listener ? listener : dialler
    const consumer = 'trySend' in listener ? dialler : listener
    if (!('trySend' in producer) || 'trySend' in consumer) throw new Error('two ends of one kind')
    producer.once('link', () => {
      for (let i = 0; i < 20; i++) void producer.send('snapshot', pattern(50_000, i))
    })
    const reader = stage.reader(consumer)
    await reader.count(20)
    stage.assert.ok(reader.taken.every(({ data }, i) => isSame(data, pattern(50_000, i))))
  })

  scenario(
    'brings each of three consumers everything, from each of three producers in its order',
    inOrder,
    async (stage) => {
      const { assert } = stage
      const cast = await stage.cast({ producers: 3, consumers: 3 })
      const sending = cast.producers.map(async (producer, p) => {
        for (let i = 0; i < 500; i++) await producer.send(`from.${p}`, `${i}`)
      })
      const readers = cast.consumers.map((consumer) => stage.reader(consumer))
      await Promise.all([...sending, ...readers.map((reader) => reader.count(1_500))])
      for (const { taken, consumer } of readers) {
        for (const [p, { stream }] of cast.producers.entries()) {
          const mine = taken.filter(({ topic }) => topic === `from.${p}`)
          assert.deepEqual(
            mine.map((message) => message.text()),
            range(0, 500).map(String),
          )
          if (stage.traits.numbers === 'counted') assert.ok(mine.every((message) => message.stream === stream))
        }
        if (stage.traits.numbers === 'counted') assert.equal(consumer.stats().streams.length, 3)
      }
      assert.equal((await stage.settle(cast, true)).length, stage.traits.numbers === 'counted' ? 9 : 0)
    },
  )

  scenario('gives the messages of a stream that comes over two lines once', counted(), async (stage) => {
    const { assert } = stage
    const urls = [stage.freshUrl(), stage.freshUrl()]
    const listener = stage.listens === 'producer' ? await stage.produce(urls) : await stage.consume(urls)
    const dialler = await stage.dialler(listener.urls)
    const producer = 'trySend' in listener ? listener : dialler
    const consumer = 'trySend' in listener ? dialler : listener
    if (!('trySend' in producer) || 'trySend' in consumer) throw new Error('two ends of one kind')
    await Promise.all([producer.linked({ count: 2 }), consumer.linked({ count: 2 })])
    const reader = stage.reader(consumer)
    const sending = begin(async () => {
      for (let i = 0; i < 1_000; i++) await producer.send('a', `${i}`)
    })
    await Promise.all([sending, reader.count(1_000)])
    await reader.during(producer.flush())
    assert.deepEqual(sequencesOf(reader.taken), range(1, 1_001))
    const [stream] = consumer.stats().streams
    assert.deepEqual([stream?.received, stream?.duplicates, stream?.lost], [1_000, 1_000, 0])
  })
}

/** Numbers are counted by both ends: the strictest that a wire can promise. */
export function counted(): { ordered: true; reliable: true; numbers: 'counted' } {
  return { ordered: true, reliable: true, numbers: 'counted' }
}

function maxOf(maxMessageBytes: number): number {
  return Number.isSafeInteger(maxMessageBytes) ? maxMessageBytes : Number.MAX_SAFE_INTEGER
}
