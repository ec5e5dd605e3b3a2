import type { Consumer } from '../../lib/consumer.js'
import { createConsumer, createProducer } from '../../lib/index.js'
import { type Contender, orderOf, type Take, topicsOf, wantedBy } from '../contender.js'

/** Sends that are awaited by turns: what a link holds back waits in the loop rather than in the waiting room. */
const AWAITED = 100
/** From this size on every send is awaited: what waits in the waiting room is copied. */
const LARGE_BYTES = 16_384

/**
 * fanwire with its defaults. Manners: `batches` reads by `batches()` and awaits one send in a hundred, `one by one`
 * reads by `for await` over the consumer, `await send` awaits every send on top of that.
 */
export const contender: Contender = {
  async send(task) {
    const producer = await createProducer('tcp://127.0.0.1:0')
    const names = topicsOf(task)
    const topics = Array.from(orderOf(task.topics), (i) => names[i] as string)
    const [first = ''] = topics
    const data = Buffer.alloc(task.size, 1)
    const awaited = task.manner === 'await send' || task.size >= LARGE_BYTES ? 1 : AWAITED
    return {
      port: Number(new URL(producer.urls[0] ?? '').port),
      linked: () => producer.linked({ count: task.links }),
      async flood(count) {
        for (let i = 0, left = awaited; i < count; i++) {
          const sent = producer.send(topics[i % topics.length] as string, data)
          if (--left > 0) continue
          left = awaited
          await sent
        }
      },
      send: (bytes) => void producer.send(first, bytes),
    }
  },

  async receive(task, port, take) {
    const all = task.wanted === task.topics
    const consume = task.manner === 'batches' ? takeBatches : takeOneByOne
    for (let link = 0; link < task.links; link++) {
      const topics = all ? [''] : wantedBy(task, link)
      const consumer = await createConsumer(`tcp://127.0.0.1:${port}`, { topics })
      void consume(consumer, take)
    }
    return {}
  },
}

async function takeBatches(consumer: Consumer, take: Take): Promise<void> {
  for await (const batch of consumer.batches()) {
    for (const { data } of batch) take(data, 0, data.length)
  }
}

async function takeOneByOne(consumer: Consumer, take: Take): Promise<void> {
  for await (const { data } of consumer) take(data, 0, data.length)
}
