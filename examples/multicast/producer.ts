import { createProducer } from 'fanwire'

// Two lines, so that what one loses the other may bring, and a server for what both have lost.
const [
  first = 'multicast://239.192.0.1:5001',
  second = 'multicast://239.192.0.2:5002',
  server = 'udp://127.0.0.1:5003',
] = process.argv.slice(2)
const producer = await createProducer([`${first}?interface=127.0.0.1&requests=${server}`, second])

for (let i = 1; i <= 1_000; i++) {
  await producer.send('trades.AAPL', `trade ${i}`)
  // Datagrams are for many messages; a few a datagram show more of what gets lost.
  if (i % 10 === 0) await producer.flush()
}

// Says goodbye, and answers requests meanwhile.
const { accepted } = await producer.close()
console.log(`sent ${accepted}`)
