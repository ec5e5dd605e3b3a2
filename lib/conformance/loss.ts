import type { Message } from '../message.js'
import type { Producer } from '../producer.js'
import type { Scenario } from './index.js'
import type { Reader } from './reader.js'
import { codeOf, heard, isSame, pattern, turn } from './stage.js'

/** Small enough for one datagram anywhere, and on both sides of every length that a record may be written in. */
const SIZES = [0, 1, 2, 127, 128, 254, 255, 256, 257, 1_000]
const SENT = 500

/** What is left to promise where the wire may lose, double and reorder: nothing is invented, and what is lost is counted. */
export function testLoss(scenario: Scenario): void {
  const lossy = { reliable: false } as const
  const numbered = { reliable: false, numbers: 'native', tailLoss: true } as const

  scenario('brings what was sent, or does not bring it', lossy, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast()
    const reader = stage.reader(consumer)
    await Promise.all([sendAll(producer), readToEnd(producer, reader)])
    for (const { topic, data } of reader.taken.filter(({ topic }) => topic !== 'end' && topic !== 'hello')) {
      const call = Number(topic)
      assert.ok(isSame(data, pattern(SIZES[call % SIZES.length] as number, call)), `message ${call} is as it was sent`)
    }
  })

  scenario('refuses what is too large for the wire, which then takes no number', lossy, async (stage) => {
    const { producer } = await stage.cast()
    const { accepted } = producer.stats()
    stage.assert.equal(await codeOf(producer.send('a', new Uint8Array(stage.traits.maxMessageBytes + 1))), 'TOO_LONG')
    stage.assert.deepEqual([producer.stats().accepted, producer.stats().refused], [accepted, 1])
  })

  scenario('delivers what begins with a subscription, and counts the rest as unwanted', numbered, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({ consume: { topics: ['1', 'end'] } })
    const reader = stage.reader(consumer)
    await Promise.all([sendAll(producer), readToEnd(producer, reader)])
    assert.ok(reader.taken.every(({ topic }) => topic === 'end' || topic.startsWith('1')))
    const [stream] = consumer.stats().streams
    assert.ok((stream?.unwanted ?? 0) + (stream?.lost ?? 0) + (stream?.missing ?? 0) > 0)
  })

  scenario('gives every message the number that it was sent with, and each once', numbered, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast()
    const reader = stage.reader(consumer)
    await Promise.all([sendAll(producer), readToEnd(producer, reader)])
    let last = 0
    for (const { topic, sequence = 0, stream } of reader.taken) {
      if (topic !== 'end') assert.equal(sequence, Number(topic) + 1)
      assert.equal(stream, producer.stream)
      assert.ok(sequence > last, `${sequence} comes after ${last}`)
      last = sequence
    }
  })

  scenario('accounts for every number: what was accepted is received or lost', numbered, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast()
    const reader = stage.reader(consumer)
    await sendAll(producer)
    const ended = heard(consumer, 'end', ({ stream }) => stream === producer.stream)
    const { accepted } = await producer.close()
    await reader.during(ended)
    const [stream] = consumer.stats().streams
    assert.equal(accepted, SENT)
    assert.deepEqual([stream?.first, stream?.next, stream?.missing], [1, SENT + 1, 0])
    assert.equal((stream?.received ?? 0) + (stream?.lost ?? 0), accepted)
    assert.equal(stream?.received, reader.taken.length)
  })
}

/** Topics tell which message it is. */
async function sendAll(producer: Producer): Promise<void> {
  for (let call = 0; call < SENT; call++) {
    await producer.send(`${call}`, pattern(SIZES[call % SIZES.length] as number, call))
    if (call % 20 === 0) await turn()
  }
}

/** Any message may be lost, so that the last one is sent until it comes. */
async function readToEnd(producer: Producer, reader: Reader): Promise<void> {
  const isEnd = ({ topic }: Message) => topic === 'end'
  let ended = false
  const reading = reader.until(isEnd).then(() => {
    ended = true
  })
  while (!ended) {
    await turn()
    if (producer.stats().accepted >= SENT) await producer.send('end', '')
  }
  await reading
}
