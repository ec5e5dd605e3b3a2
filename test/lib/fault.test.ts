import t from 'tap'
import { createConsumer, createProducer, type Fault } from '../../lib/index.js'
import { inproc } from '../../transports/inproc/index.js'

t.test('tells of what is wrong in words, with the code beside them and not in them', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0?maxLinks=1')
  const linked = await createConsumer(producer.urls)
  t.teardown(() => Promise.all([producer.close(), linked.close()]))
  await producer.linked()
  const turnedAway = await createConsumer(producer.urls)
  t.teardown(() => turnedAway.close())
  const fault = await new Promise<{ code: string; message: string }>((resolve) => turnedAway.once('fault', resolve))
  t.equal(fault.code, 'CONNECT_FAILED')
  t.match(fault.message, /^cannot connect to tcp:.*, as happens when all maxLinks/)
  t.notMatch(fault.message, /\[[A-Z_]+\]/)
})

t.test('leaves the code out of a message that a transport passes on', async (t) => {
  const { consumer, producer } = await openPair()
  t.teardown(() => Promise.all([producer.close(), consumer.close()]))
  const told: string[] = []
  const tell = ({ message }: Fault) => void told.push(message)
  producer.on('fault', tell)
  consumer.on('fault', tell)
  for (const end of [producer, consumer]) {
    end.fault({ code: 'BAD_PEER', message: '[BAD_PEER] a peer sent rubbish' })
    end.fault({ code: 'BAD_PEER', message: 'a peer sent [1]' })
  }
  t.strictSame(told, ['a peer sent rubbish', 'a peer sent [1]', 'a peer sent rubbish', 'a peer sent [1]'])
})

t.test('says of a closed end that it is closed, and of one that is being closed that it was', async (t) => {
  const { consumer, producer } = await openPair()
  const waits = [producer.linked({ count: 2 }), consumer.linked({ count: 2 })]
  const whats = ['producer', 'consumer']
  const waited = Promise.all(
    waits.map((wait, i) =>
      t.rejects(wait, { code: 'CLOSED', message: `[CLOSED] the ${whats[i]} was closed meanwhile` }),
    ),
  )
  await Promise.all([producer.close(), consumer.close()])
  await waited
  await t.rejects(producer.linked(), { code: 'CLOSED', message: '[CLOSED] the producer is closed' })
  await t.rejects(consumer.linked(), { code: 'CLOSED', message: '[CLOSED] the consumer is closed' })
})

let names = 0

async function openPair() {
  const url = `inproc://fault-${++names}`
  const producer = await createProducer(url, { transport: inproc })
  const consumer = await createConsumer(url, { transport: inproc })
  await producer.linked()
  return { producer, consumer }
}
