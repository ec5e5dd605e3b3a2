import type { Consumer } from '../../lib/consumer.js'
import { createConsumer, createProducer, type Producer } from '../../lib/index.js'
import { type Contender, type Take, type Task, topicsOf } from '../contender.js'
import { ReceivingFlow, SendingFlow } from './flow.js'
import { blockOf, blocksIn, HEADER_BYTES, hostOf, LOOPBACK, RECEIVE_BUFFER_BYTES } from './packets.js'

/** Sends that are awaited by turns, as over TCP. */
const AWAITED = 100

/**
 * fanwire, read by `batches()`. With a rate the producer has it as its `rateLimit` and waits for it; without one it sends
 * as fast as the receiving end says that it takes.
 */
export const contender: Contender = {
  async send(task) {
    const flow = await SendingFlow.listen()
    const [topic = ''] = topicsOf(task)
    const data = Buffer.alloc(task.size, 1)
    const block = blockOf(topic, task.size).length
    const most = blocksIn(block)
    const packetBytes = HEADER_BYTES + most * block
    let producer: Producer
    let number = 1
    return {
      port: flow.port,
      async linked() {
        const { rate } = task
        const rateLimit = rate && Math.round((rate / most) * packetBytes)
        producer = await createProducer(urlOf(task, await flow.greeted(), { rateLimit }), { overflow: 'backpressure' })
      },
      async flood(count) {
        const window = task.rate === undefined ? flow.windowOf(packetBytes, most) : Infinity
        for (let i = 0, left = AWAITED; i < count; i++, number++) {
          if (!flow.has(number, window)) await flow.room(number, window)
          const sent = producer.send(topic, data)
          if (--left > 0) continue
          left = AWAITED
          await sent
        }
        await producer.flush()
      },
      send: (bytes) => void producer.send(topic, bytes),
    }
  },

  async receive(task, port, take) {
    const consumer = await createConsumer(urlOf(task, 0, { receiveBufferBytes: RECEIVE_BUFFER_BYTES }))
    const [end] = consumer.stats().ends as readonly { readonly receiveBufferBytes: number }[]
    const greeting = { port: Number(new URL(consumer.urls[0] ?? '').port), granted: end?.receiveBufferBytes ?? 0 }
    const flow = await ReceivingFlow.connect(port, greeting, task.size)
    void takeBatches(consumer, flow, take)
    return { remark: flow.remark }
  },
}

function urlOf(task: Task, port: number, options: Readonly<Record<string, number | undefined>>): string {
  const given = Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`))
  if (task.manner === 'multicast') given.push(`interface=${LOOPBACK}`)
  return `${task.manner === 'multicast' ? 'multicast' : 'udp'}://${hostOf(task)}:${port}?${given.join('&')}`
}

async function takeBatches(consumer: Consumer, flow: ReceivingFlow, take: Take): Promise<void> {
  for await (const batch of consumer.batches()) {
    for (const { data } of batch) take(data, 0, data.length)
    flow.passed((batch.at(-1)?.sequence ?? 0) + 1)
  }
}
