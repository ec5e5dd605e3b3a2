import { createConsumer, createProducer } from 'fanwire'

const producer = await createProducer('inproc://quotes')
const quick = await createConsumer('inproc://quotes')
// Asks its producers to keep the newest 100 for it instead of waiting. Its inbox takes 10, and nobody reads from it.
const slow = await createConsumer('inproc://quotes', { want: 'drop:newest:100', overflow: 'backpressure:10' })
await producer.linked({ count: 2 })

const reading = (async () => {
  for await (const { sequence } of quick) if (sequence === 500) return
})()
for (let i = 1; i <= 500; i++) await producer.send('quotes.AAPL', `${i}`)
await reading

for (const { considered, dropped, waiting, inFlight, handed } of producer.stats().links) {
  console.log(
    `${considered} = ${dropped.newest} dropped + ${waiting} waiting + ${inFlight} in flight + ${handed} handed`,
  )
}
await Promise.all([quick.close(), slow.close(), producer.close({ drainMs: 0 })])
