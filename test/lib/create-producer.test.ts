import { existsSync } from 'node:fs'
import t from 'tap'
import { createConsumer, createProducer } from '../../lib/index.js'

t.test(
  'createProducer tells its addresses in the order in which they were given, whatever their transports',
  async (t) => {
    const given = [
      'inproc://order.1',
      'tcp://127.0.0.1:0',
      'inproc://order.2',
      'udp://127.0.0.1:9',
      'tcp://127.0.0.1:0',
    ]
    const shape = (urls: readonly string[]) => urls.map((url) => url.replace(/:\d+$/, ''))
    const producer = await createProducer(given)
    t.teardown(() => producer.close())
    t.strictSame(shape(producer.urls), shape(given))
    t.notMatch(producer.urls.join(' '), /:0\b/)
    const dialled = producer.urls.filter((url) => !url.startsWith('udp'))
    const consumer = await createConsumer([...dialled, 'udp://127.0.0.1:0'])
    t.teardown(() => consumer.close())
    t.strictSame(shape(consumer.urls), shape([...dialled, 'udp://127.0.0.1:0']))
  },
)

t.test('a path that means more than a file to ZeroMQ is refused, and no file of that name is left', async (t) => {
  for (const url of ['ipc://*', 'ipc://@fanwire-test']) {
    await t.rejects(createProducer(url), { code: 'BAD_ADDRESS' }, url)
    await t.rejects(createConsumer(url), { code: 'BAD_ADDRESS' }, url)
    t.notOk(existsSync(url.slice('ipc://'.length)), url)
  }
})

t.test('what only a consumer can use is no option of a producer', async (t) => {
  const producer = createProducer('tcp://127.0.0.1:0?dataFrame=2')
  await t.rejects(producer, { code: 'BAD_OPTION', message: /dataFrame is not an option of producers over tcp/ })
  const consumer = await createConsumer('tcp://127.0.0.1:0?dataFrame=2', { role: 'listen' })
  await consumer.close()
})
