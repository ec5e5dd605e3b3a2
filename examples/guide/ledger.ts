import { balanceLink, balanceStream, createConsumer, createProducer } from 'fanwire'

const producer = await createProducer('tcp://127.0.0.1:0')
const consumer = await createConsumer(producer.urls, { topics: ['trades.'] })
await producer.linked()
for (let i = 1; i <= 10; i++) {
  await producer.send('trades.AAPL', `trade ${i}`)
  await producer.send('quotes.AAPL', `quote ${i}`)
}
let taken = 0
for await (const _ of consumer) if (++taken === 10) break

// With its goodbye the producer tells of the last number, which the consumer did not want.
const unlinked = new Promise((resolve) => consumer.once('unlink', resolve))
for (const link of (await producer.close()).links) {
  const { considered, filtered, waiting, inFlight, handed, acknowledged } = link
  console.log({ considered, filtered, waiting, inFlight, handed, acknowledged })
  console.log(balanceLink(link) ?? 'balances')
}
await unlinked
for (const stream of (await consumer.close()).streams) {
  const { first, next, received, filtered, declared, missing, lost, delivered } = stream
  console.log({ first, next, received, filtered, declared, missing, lost, delivered })
  console.log(balanceStream(stream) ?? 'balances')
}
