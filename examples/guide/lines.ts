import { createConsumer, createProducer } from 'fanwire'

// One stream over two addresses, and a consumer of both: the first copy of each number wins.
const producer = await createProducer(['tcp://127.0.0.1:0', 'tcp://127.0.0.1:0'])
const consumer = await createConsumer(producer.urls)
await producer.linked({ count: 2 })

for (let i = 1; i <= 4; i++) {
  // One of them breaks. Nothing is lost, and nothing comes twice.
  if (i === 3) producer.links[0]?.close(new Error('cut, to show what happens'))
  await producer.send('trades.AAPL', `trade ${i}`)
}
for await (const message of consumer) {
  console.log(message.sequence, message.text())
  if (message.sequence === 4) break
}
const { streams } = await consumer.close()
console.log(streams.map(({ delivered, missing, lost }) => ({ delivered, missing, lost })))
await producer.close()
