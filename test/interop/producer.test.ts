import { createProducer } from 'fanwire'
import t from 'tap'
import { Subscriber } from 'zeromq'

t.test('a fanwire producer feeds a zeromq subscriber 10,000 messages, in order, none missing', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0')
  const subscriber = new Subscriber()
  try {
    subscriber.connect(producer.urls[0] as string)
    subscriber.subscribe('trades.')
    await producer.linked({ topic: 'trades.AAPL' })
    const sending = (async () => {
      for (let i = 0; i < 10_000; i++) await producer.send(i % 2 === 0 ? 'trades.AAPL' : 'quotes.AAPL', `${i}`)
    })()
    for (let i = 0; i < 10_000; i += 2) {
      const frames = await subscriber.receive()
      const read = frames.map(String)
      if (read.length !== 2 || read[0] !== 'trades.AAPL' || read[1] !== `${i}`) {
        t.fail(`expected message ${i}`, { read })
        return
      }
    }
    await sending
    const [link] = (await producer.close()).links
    t.match(link, { kind: 'foreign', considered: 10_000, filtered: 5_000, handed: 5_000, waiting: 0, inFlight: 0 })
  } finally {
    subscriber.close()
    await producer.close()
  }
})
