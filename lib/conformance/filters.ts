import { counted } from './delivery.js'
import type { Scenario } from './index.js'
import { pattern, sequencesOf, turn } from './stage.js'

export function testFilters(scenario: Scenario): void {
  const inOrder = { ordered: true, reliable: true } as const
  const atProducer = { ...counted(), filtersAtProducer: true } as const

  scenario('delivers what begins with a subscription, and nothing else', inOrder, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({ consume: { topics: ['trades.A', 'end'] } })
    const reader = stage.reader(consumer)
    for (const topic of ['trades.A', 'trades', 'trades.AAPL', 'quotes.A', '', 'Trades.A', 'trades.A.B', 'end']) {
      await producer.send(topic, topic)
    }
    await reader.until(({ topic }) => topic === 'end')
    assert.deepEqual(
      reader.taken.map(({ topic }) => topic),
      ['trades.A', 'trades.AAPL', 'trades.A.B', 'end'],
    )
  })

  scenario('passes over at the producer what a link does not want, with exact numbers', atProducer, async (stage) => {
    const { assert } = stage
    const cast = await stage.cast({
      consumers: 3,
      consume: (i) => ({ topics: [`to.${i}`, 'end'] }),
    })
    for (let i = 0; i < 900; i++) await cast.producer.send(`to.${i % 4}`, pattern(100, i))
    await cast.producer.send('end', '')
    const readers = cast.consumers.map((consumer) => stage.reader(consumer))
    await Promise.all(readers.map((reader) => reader.until(({ topic }) => topic === 'end')))
    for (const [c, { taken, consumer }] of readers.entries()) {
      assert.equal(taken.length, 226)
      assert.ok(taken.slice(0, -1).every(({ sequence, missed }, i) => sequence === 4 * i + c + 1 && missed === 0))
      const [stream] = consumer.stats().streams
      assert.deepEqual([stream?.received, stream?.filtered, stream?.unwanted], [226, 675, 0])
    }
    for (const { link } of await stage.settle(cast, true)) {
      const { considered, filtered, handed } = link.ledger()
      assert.deepEqual([considered, filtered, handed], [901, 675, 226])
    }
  })

  scenario('delivers nothing without a subscription', atProducer, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({ consume: { topics: [] } })
    const reader = stage.reader(consumer)
    assert.equal(producer.hasSubscribers('a'), false)
    await producer.send('a', 'unwanted')
    consumer.subscribe('a')
    await producer.linked({ topic: 'a' })
    await producer.send('a', 'wanted')
    await reader.count(1)
    assert.deepEqual(
      reader.taken.map((message) => [message.text(), message.sequence]),
      [['wanted', 2]],
    )
  })

  scenario('holds a subscription made at run time from where the producer reads it', atProducer, async (stage) => {
    const { assert } = stage
    const cast = await stage.cast({ consume: { topics: ['end'] } })
    const { producer, consumer } = cast
    const reader = stage.reader(consumer)
    for (let round = 0; round < 20; round++) {
      const topic = `round.${round}.`
      await producer.send(topic, 'too early')
      consumer.subscribe(topic)
      await producer.linked({ topic })
      await producer.send(topic, 'in time')
      // What comes after it was taken back is not wanted, whenever it was sent.
      await reader.count(round + 1)
      consumer.unsubscribe(topic)
      // What the producer reads next says that it has read the last as well.
      consumer.subscribe(`read.${round}.`)
      await producer.linked({ topic: `read.${round}.` })
      assert.equal(producer.hasSubscribers(topic), false)
      await producer.send(topic, 'too late')
    }
    await producer.send('end', '')
    await reader.until(({ topic }) => topic === 'end')
    assert.deepEqual(
      reader.taken.slice(0, -1).map((message) => message.text()),
      Array.from({ length: 20 }, () => 'in time'),
    )
    await stage.settle(cast, true)
  })

  scenario('delivers a message once, however many subscriptions match it', inOrder, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({ consume: { topics: ['', 'a', 'a.b', 'a'] } })
    consumer.subscribe('a.b')
    const reader = stage.reader(consumer)
    for (const topic of ['a.b', 'a', 'b', 'end']) await producer.send(topic, '')
    await reader.until(({ topic }) => topic === 'end')
    assert.equal(reader.taken.length, 4)
  })

  scenario('wants what was subscribed to twice until it is unsubscribed from twice', atProducer, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({ consume: { topics: ['a', 'a', 'end'] } })
    const reader = stage.reader(consumer)
    const untilRead = async (mark: string) => {
      consumer.subscribe(mark)
      await producer.linked({ topic: mark })
    }
    consumer.unsubscribe('a').unsubscribe('never')
    await untilRead('mark.1')
    await producer.send('a', 'once left')
    consumer.unsubscribe('a')
    await untilRead('mark.2')
    await producer.send('a', 'none left')
    consumer.unsubscribe('a').subscribe('a')
    await untilRead('mark.3')
    await producer.send('a', 'again')
    await producer.send('end', '')
    await reader.until(({ topic }) => topic === 'end')
    assert.deepEqual(
      reader.taken.map((message) => message.text()),
      ['once left', 'again', ''],
    )
  })

  scenario('takes subscriptions as bytes, in the middle of a character, too', inOrder, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({ consume: { topics: [Uint8Array.of(0xe2, 0x82), 'end'] } })
    const reader = stage.reader(consumer)
    for (const topic of ['€', '₿', '‰', 'end']) await producer.send(topic, topic)
    await reader.until(({ topic }) => topic === 'end')
    assert.deepEqual(
      reader.taken.map(({ topic }) => topic),
      ['€', '₿', 'end'],
    )
  })

  scenario('balances every sum while filters change under a running producer', atProducer, async (stage) => {
    const cast = await stage.cast({ consumers: 2, consume: { topics: ['end'] } })
    const { producer, consumers } = cast
    const readers = consumers.map((consumer) => stage.reader(consumer))
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 20; i++) void producer.send(`${i % 5}`, pattern(50, i))
      for (const [c, consumer] of consumers.entries()) {
        const topic = `${(round + c) % 5}`
        if (round % 10 < 5) consumer.subscribe(topic)
        else consumer.unsubscribe(topic)
      }
      if (round % 3 === 0) await turn()
      stage.check()
      for (const reader of readers) await reader.rest()
    }
    await producer.send('end', '')
    await Promise.all(readers.map((reader) => reader.until(({ topic }) => topic === 'end')))
    for (const { taken } of readers) {
      const numbers = sequencesOf(taken) as number[]
      stage.assert.ok(numbers.every((number, i) => i === 0 || number > (numbers[i - 1] as number)))
    }
    await stage.settle(cast, true)
  })
}
