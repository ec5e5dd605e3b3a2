import { createConsumer } from 'fanwire'

// Of each line every tenth datagram is lost on purpose: leave that out in earnest.
const [
  first = 'multicast://239.192.0.1:5001',
  second = 'multicast://239.192.0.2:5002',
  server = 'udp://127.0.0.1:5003',
] = process.argv.slice(2)
const options = `interface=127.0.0.1&requests=${server}&from=oldest&impair=loss=10%25,seed=7`
const consumer = await createConsumer([`${first}?${options}`, second], { topics: ['trades.'] })
consumer.on('gap', ({ from, to, state }) => console.log(`numbers ${from} to ${to - 1}: ${state}`))
console.log('listening')

let taken = 0
for await (const message of consumer) {
  taken++
  if (message.sequence === 1_000) break
}
const [stream] = (await consumer.close()).streams
console.log(`taken ${taken}, lost ${stream?.lost}`)
