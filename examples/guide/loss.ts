import { createConsumer, createProducer } from 'fanwire'

for (const past of [{}, { retain: '1000' }] as const) {
  const producer = await createProducer('tcp://127.0.0.1:0', past)
  const consumer = await createConsumer(`${producer.urls[0]}?reconnectMinMs=10`)
  consumer.on('gap', ({ from, to, state }) => console.log(`  numbers ${from} to ${to - 1}: ${state}`))
  consumer.once('unlink', async () => {
    // Nobody is linked: these three go into the log, if that retains anything.
    for (const i of [2, 3, 4]) await producer.send('trades.AAPL', `trade ${i}`)
    await producer.linked()
    await producer.send('trades.AAPL', 'trade 5')
  })

  console.log(past)
  await producer.linked()
  await producer.send('trades.AAPL', 'trade 1')
  for await (const message of consumer) {
    console.log(`  ${message.text()}, ${message.missed} missed before it`)
    // The connection breaks; the consumer dials again, and asks for what comes next.
    if (message.sequence === 1) producer.links[0]?.close(new Error('cut, to show what happens'))
    if (message.sequence === 5) break
  }
  await consumer.close()
  await producer.close()
}
