import { createConsumer } from 'fanwire'

const url = process.argv[2] ?? 'tcp://127.0.0.1:5555'
const consumer = await createConsumer(url, { topics: ['trades.'] })
consumer.on('gap', ({ from, to, state }) => console.log(`numbers ${from} to ${to - 1}: ${state}`))

for await (const message of consumer) {
  // How many were lost or dropped just before this one: always 0 here, as nobody is slow.
  console.log(message.sequence, message.topic, message.text(), message.missed)
  if (message.sequence === 5) break
}
await consumer.close()
