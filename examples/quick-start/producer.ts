import { createProducer } from 'fanwire'

const url = process.argv[2] ?? 'tcp://127.0.0.1:5555'
const producer = await createProducer(url, {
  // What if a consumer is too slow? Drop for it, buffer for it, or (the default) make send() wait for it.
  overflow: { policy: 'drop', keep: 'newest', limit: { messages: 10_000 } },
  retain: '16MiB',
})

// Wait for a real subscription, so that the first message is not sent to nobody.
await producer.linked({ topic: 'trades.AAPL' })
for (let i = 1; i <= 5; i++) await producer.send('trades.AAPL', `trade ${i}`)

// Hands out what waits, closes, and accounts for every message.
const { accepted, links } = await producer.close()
console.log(`sent ${accepted}; taken ${links.map(({ acknowledged }) => acknowledged)}`)
