import {
  type ConsumerStats,
  createConsumer,
  createProducer,
  type OverflowChoice,
  type ProducerStats,
  pipe,
} from 'fanwire'
import { Audience, RETAINED } from './audience.js'
import { receivedLines } from './feed-lines.js'
import { optionsOf } from './feed-reader.js'
import { Part, readTask } from './part.js'
import type { RelayReport, RelayTask } from './reports.js'

const task = readTask<RelayTask>()

const producer = await createProducer('tcp://127.0.0.1:0', {
  // Each is served as it asks to be. Strangers who ask for nothing must not hold the feed back.
  overflow: ({ want }) => (want ?? 'drop') as OverflowChoice,
  // Who was away finds what it has missed.
  retain: { messages: RETAINED },
  memory: { bytes: 256 * 1024 * 1024 },
  // What is on its way to a slow viewer can no longer be replaced by something newer, so it is not much.
  unacknowledgedBytes: 64 * 1024,
})
const audience = new Audience(producer)
const { urls, options } = optionsOf(task.place, task.reader)
const consumer = await createConsumer(urls, options)

let phase = 'linking' as RelayReport['phase']
let sent: ProducerStats | undefined
let received: ConsumerStats | undefined

const part = new Part<RelayReport>(() => {
  const { stream, next, offered, accepted, refused, unheard } = sent ?? producer.stats()
  const [url = ''] = producer.urls
  const stats = received ?? consumer.stats()
  return {
    phase,
    url,
    stream,
    next,
    ledger: { offered, accepted, refused, unheard },
    connections: audience.connections,
    stretched: audience.stretched,
    received: { ledger: stats.streams[0], lines: receivedLines(stats) },
  }
})

await consumer.linked({ count: urls.length })
enter('waiting')
await audience.complete(task.viewers)
enter('relaying')
// Ends when the consumer is closed.
const relayed = pipe(consumer, producer)

await Promise.race([part.flush, relayed])
audience.dismissGuests()
await producer.flush()
enter('flushed')

await part.close
received = await consumer.close()
await relayed
sent = await producer.close()
phase = 'closed'
part.end()

function enter(next: RelayReport['phase']): void {
  phase = next
  part.report()
}
