import t from 'tap'
import { createConsumer, createProducer } from '../../lib/index.js'

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
