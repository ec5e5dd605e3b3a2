import { createConsumer, createProducer } from 'fanwire'

const producer = await createProducer('tcp://127.0.0.1:0')
const consumer = await createConsumer(producer.urls, { acknowledge: 'manual' })
await producer.linked()

await producer.send('orders', 'buy 100')
await producer.send('orders', 'sell 50')
const flushed = producer.flush().then(() => console.log('the producer knows that both are done'))

for await (const message of consumer) {
  console.log('working on', message.text())
  message.ack()
  if (message.sequence === 2) break
}
await flushed
await consumer.close()
await producer.close()
