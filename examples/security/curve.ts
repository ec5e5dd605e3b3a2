import { createConsumer, createCurveKeys, createProducer } from 'fanwire'

const feed = createCurveKeys()
const reader = createCurveKeys()
const producer = await createProducer('tcp://127.0.0.1:0', {
  curve: 'server',
  secretKey: feed.secretKey,
  clientKeys: [reader.publicKey],
})
const consumer = await createConsumer(producer.urls, {
  curve: 'client',
  serverKey: feed.publicKey,
  secretKey: reader.secretKey,
})
await producer.linked()
await producer.send('trades.AAPL', 'hello')
for await (const message of consumer) {
  console.log(message.topic, message.text(), producer.links[0]?.peer?.user === reader.publicKey)
  break
}
await producer.close()
await consumer.close()
