import { createConsumer } from '../../../lib/index.js'

/** A process of its own that has nothing to do but to hold a consumer whose inbox is full. */

const [url, wish] = process.argv.slice(2) as [string, 'stay' | 'unref']
const consumer = await createConsumer(url, { overflow: 'backpressure:1', heartbeatMs: 20 })

consumer.once('slow', () => {
  process.send?.('full')
  if (wish === 'unref') consumer.unref()
})

// Neither keeps a process alive.
process.once('SIGUSR2', async () => {
  for await (const _ of consumer.batches());
})

consumer.once('unlink', () => {
  process.send?.('unlinked')
  void consumer.close()
})
