import { Subscriber, XPublisher } from 'zeromq'
import { type Contender, topicsOf } from '../contender.js'

/** Any number may wait on either side: a publisher does not wait at a limit, it drops or fails. */
const HIGH_WATER_MARK = 0

/** zeromq.js, one to one. */
export const contender: Contender = {
  async send(task) {
    const publisher = new XPublisher({ sendHighWaterMark: HIGH_WATER_MARK, linger: 0 })
    await publisher.bind('tcp://127.0.0.1:*')
    const [name = ''] = topicsOf(task)
    const topic = Buffer.from(name)
    const data = Buffer.alloc(task.size, 1)
    return {
      port: Number(new URL(publisher.lastEndpoint ?? '').port),
      async linked() {
        await publisher.receive()
      },
      async flood(count) {
        // There is no other way than to await each: a second send while one is under way is an error.
        for (let i = 0; i < count; i++) await publisher.send([topic, data])
      },
      send: (bytes) => void publisher.send([topic, bytes]),
    }
  },

  async receive(_task, port, take) {
    const subscriber = new Subscriber({ receiveHighWaterMark: HIGH_WATER_MARK, linger: 0 })
    subscriber.connect(`tcp://127.0.0.1:${port}`)
    subscriber.subscribe('')
    const consume = async () => {
      for await (const [, data] of subscriber) if (data !== undefined) take(data, 0, data.length)
    }
    void consume()
    return {}
  },
}
