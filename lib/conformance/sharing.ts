import type { Scenario } from './index.js'
import { begin, codeOf, heard, range, turn, unlinked } from './stage.js'

/** Each message goes to one of those who are there. */
export function testSharing(scenario: Scenario): void {
  const shares = { shares: true } as const
  /** Peers say what they have taken. */
  const acknowledged = { ...shares, numbers: 'counted' } as const
  const share = { pattern: 'share' } as const
  const cast = { produce: share, consume: share } as const

  scenario('gives each message that is shared to one of three consumers', shares, async (stage) => {
    const { assert } = stage
    const { producer, consumers } = await stage.cast({ ...cast, consumers: 3 })
    const seen: number[] = []
    let gaps = 0
    const reading = consumers.map((consumer) =>
      begin(async () => {
        consumer.on('gap', () => gaps++)
        for await (const message of consumer) {
          assert.equal(message.redelivered, false)
          seen.push(Number(message.text()))
        }
      }),
    )
    for (let i = 0; i < 3_000; i++) await producer.send(`task.${i % 7}`, `${i}`)
    await producer.flush()
    while (seen.length < 3_000) await turn()
    assert.deepEqual(
      seen.sort((a, b) => a - b),
      range(0, 3_000),
    )
    assert.equal(gaps, 0)
    stage.check()
    const counts = producer.stats().links.map(({ considered }) => considered)
    assert.ok(
      counts.every((count) => count > 500),
      `everybody has a part: ${counts}`,
    )
    await Promise.all(consumers.map((consumer) => consumer.close()))
    await Promise.all(reading)
  })

  scenario('keeps what is shared until somebody is there', { ...shares, listens: 'producer' }, async (stage) => {
    const { assert } = stage
    const producer = await stage.produce(stage.freshUrl(), share)
    for (let i = 0; i < 10; i++) await producer.send('task', `${i}`)
    const { waiting, unheard } = producer.stats()
    assert.deepEqual({ waiting, unheard }, { waiting: 10, unheard: 0 })
    const messages = await stage.reader(await stage.join(producer, share)).count(10)
    assert.deepEqual(
      messages.map((message) => message.text()),
      range(0, 10).map(String),
    )
    await producer.flush()
    assert.equal(producer.stats().waiting, 0)
  })

  scenario('holds the sender back, or refuses, when too much waits to be shared', shares, async (stage) => {
    const { assert } = stage
    const limit = { messages: 4 }
    const refusing = await stage.produce(await stage.freeUrl(), {
      ...share,
      role: 'dial',
      overflow: { policy: 'buffer', limit, then: 'refuse' },
    })
    for (let i = 0; i < 4; i++) await refusing.send('task', `${i}`)
    assert.equal(await codeOf(refusing.send('task', '4')), 'BUFFER_FULL')
    const waits = await stage.produce(await stage.freeUrl(), {
      ...share,
      role: 'dial',
      overflow: { policy: 'backpressure', limit, then: 'reject', timeoutMs: 1 },
    })
    for (let i = 0; i < 4; i++) await waits.send('task', `${i}`)
    assert.equal(await codeOf(waits.send('task', '4')), 'TIMEOUT')
    assert.deepEqual([refusing.stats().waiting, waits.stats().waiting], [4, 4])
    stage.check()
  })

  scenario('gives a consumer no more of a share than it may have open', acknowledged, async (stage) => {
    const { assert } = stage
    const prefetch = { messages: 8 }
    const { producer, consumer } = await stage.cast({ ...cast, produce: { ...share, prefetch } })
    for (let i = 0; i < 100; i++) await producer.send('task', `${i}`)
    while (consumer.stats().inbox.messages < 8) await turn()
    assert.equal(producer.stats().waiting, 92)
    // Nothing is acknowledged before the application has it.
    assert.equal(producer.stats().links[0]?.acknowledged, 0)
    await stage.reader(consumer).count(100)
    await producer.flush()
    assert.equal(producer.stats().links[0]?.acknowledged, 100)
  })

  scenario('gives others what a consumer leaves of a share, and says so', acknowledged, async (stage) => {
    const { assert } = stage
    const { producer, consumers } = await stage.cast({
      consumers: 2,
      produce: share,
      consume: { ...share, acknowledge: 'manual' },
    })
    const [leaver, stayer] = consumers as [(typeof consumers)[0], (typeof consumers)[0]]
    for (let i = 0; i < 40; i++) await producer.send('task', `${i}`)
    const had = await stage.reader(leaver).count(20)
    for (const message of had.slice(0, 5)) message.ack()
    const gone = unlinked(producer)
    await leaver.close()
    await gone
    const messages = await stage.reader(stayer).count(35)
    for (const message of messages) message.ack()
    const again = messages.filter(({ redelivered }) => redelivered)
    assert.deepEqual(
      again.map((message) => message.text()).sort(),
      had
        .slice(5)
        .map((message) => message.text())
        .sort(),
    )
    assert.deepEqual(
      again.map(({ sequence }) => sequence),
      had.slice(5).map(({ sequence }) => sequence),
    )
    await producer.flush()
    stage.check()
    const { returned, redelivered, waiting } = producer.stats()
    assert.deepEqual({ returned, redelivered, waiting }, { returned: 15, redelivered: 15, waiting: 0 })
  })

  scenario('carries a share of large messages among small ones', shares, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast(cast)
    const sizes = [1, 300_000, 0, 65_537, 262_144, 700_000, 7]
    const sending = begin(async () => {
      for (const size of sizes) await producer.send('task', new Uint8Array(size).fill(size % 251))
    })
    const messages = await stage.reader(consumer).count(sizes.length)
    await sending
    assert.deepEqual(
      messages.map(({ data }) => [data.length, data.every((byte) => byte === data.length % 251)]),
      sizes.map((size) => [size, true]),
    )
  })

  scenario('links no ends of which one shares and the other does not', shares, async (stage) => {
    const { assert } = stage
    for (const patterns of [[share, {}] as const, [{}, share] as const]) {
      const listener = await stage.listener(stage.freshUrl(), patterns[0])
      const other = await stage.dialler(listener.urls, patterns[1])
      const [fault] = await ('trySend' in other ? heard(other, 'fault') : heard(other, 'fault'))
      assert.ok(['BAD_PEER', 'CONNECT_FAILED', 'REFUSED'].includes(fault.code), `${fault.code}: ${fault.message}`)
      await Promise.all([listener.close(), other.close()])
    }
  })
}
