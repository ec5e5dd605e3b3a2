import { createConsumer, createProducer, json } from 'fanwire'

interface Quote {
  readonly bid: number
  readonly ask: number
}

const producer = await createProducer<Quote | string>('inproc://quotes', { codec: json() })
const consumer = await createConsumer('inproc://quotes', {
  codec: json<Quote>({ '~standard': { version: 1, validate: readQuote } }),
})
consumer.on('fault', ({ code, message }) => console.log(code, message))
await producer.linked()
await producer.send('quotes.AAPL', 'sold out')
await producer.send('quotes.AAPL', { bid: 187.4, ask: 187.48 })

for await (const { value } of consumer) {
  console.log(value.ask > value.bid)
  break
}
const { streams } = await consumer.close()
console.log(streams.map(({ received, delivered, undecodable }) => ({ received, delivered, undecodable })))
await producer.close()

/** Zod, Valibot, ArkType and others bring this along; here it is by hand. */
function readQuote(value: unknown) {
  const { bid, ask } = Object(value) as Record<string, unknown>
  if (typeof bid === 'number' && typeof ask === 'number') return { value: { bid, ask } }
  return { issues: [{ message: 'a quote has a bid and an ask' }] }
}
