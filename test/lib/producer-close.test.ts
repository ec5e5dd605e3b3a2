import t from 'tap'
import { createConsumer, createProducer } from '../../lib/index.js'
import { settled } from './support/fake-platform.js'
import { ProducerScene } from './support/producer-scene.js'

t.test('tells consumers, before it leaves, of the numbers that came last and were not for them', async (t) => {
  for (const url of ['inproc://goodbye', 'tcp://127.0.0.1:0']) {
    const producer = await createProducer(url)
    const consumer = await createConsumer(producer.urls, { topics: ['wanted'] })
    t.teardown(() => Promise.all([producer.close(), consumer.close()]))
    await producer.linked({ topic: 'wanted' })
    for (const topic of ['wanted', 'other', 'other', 'other']) await producer.send(topic, '')
    await producer.flush()
    const unlinked = new Promise<void>((resolve) => consumer.once('unlink', () => resolve()))
    const [link] = (await producer.close()).links
    await unlinked
    t.match(link, { considered: 4, filtered: 3, handed: 1, acknowledged: 1, unknown: 0 })
    t.match(consumer.stats().streams, [{ first: 1, next: 5, received: 1, filtered: 3, missing: 0, lost: 0 }], url)
  }
})

t.test('tells once of a link that it dialled and lost, and not again when it closes', async (t) => {
  for (const url of ['inproc://lost', 'tcp://127.0.0.1:0']) {
    const consumer = await createConsumer(url, { role: 'listen' })
    const producer = await createProducer(consumer.urls, { role: 'dial' })
    t.teardown(() => Promise.all([producer.close(), consumer.close()]))
    const told: string[] = []
    producer.on('link', () => told.push('link'))
    const unlinked = new Promise<void>((resolve) => {
      producer.on('unlink', () => {
        told.push('unlink')
        resolve()
      })
    })
    await producer.linked()
    await consumer.close()
    await unlinked
    await producer.close()
    t.strictSame(told, ['link', 'unlink'], url)
  }
})

t.test('refuses a drainMs that is no time, and is as open as before', async (t) => {
  const producer = await createProducer('inproc://drained')
  t.teardown(() => producer.close())
  for (const drainMs of [-1, Number.NaN, '100', null, -Infinity, {}, 5n]) {
    const closed = producer.close({ drainMs: drainMs as number })
    await t.rejects(closed, { code: 'BAD_OPTION', message: /drainMs must be a number of milliseconds, 0 or more, got/ })
  }
  await producer.send('a', 'still open')
  t.equal(producer.stats().accepted, 1)
})

t.test('drains for at most the time given, and for some 25 days where that is more than a timer takes', async (t) => {
  for (const [drainMs, longest] of [
    [undefined, 5_000],
    [1, 1],
    [2 ** 31 - 1, 2 ** 31 - 1],
    [2 ** 31, 2 ** 31 - 1],
    [Infinity, 2 ** 31 - 1],
  ] as const) {
    const scene = new ProducerScene()
    const { peer } = scene.join()
    scene.send('a')
    scene.platform.turn()
    peer.receive()
    let closed = false
    const closing = scene.producer.close({ drainMs }).finally(() => {
      closed = true
    })
    await settled()
    scene.platform.advance(longest - 0.5)
    await settled(50)
    t.equal(closed, false, `${drainMs}`)
    scene.platform.advance(0.5)
    t.match((await closing).links, [{ handed: 1, acknowledged: 0, unknown: 1 }])
  }
})
