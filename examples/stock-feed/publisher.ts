import { setTimeout as rest } from 'node:timers/promises'
import { createProducer, type OverflowChoice } from 'fanwire'
import { readRecords } from 'fanwire/itch'
import { Audience, RETAINED } from './audience.js'
import { Feed } from './feed.js'
import { Pace } from './pace.js'
import { Part, readTask } from './part.js'
import type { PublisherReport, PublisherTask } from './reports.js'

const task = readTask<PublisherTask>()

const producer = await createProducer('tcp://127.0.0.1:0', {
  // Each is served as it asks to be. Strangers who ask for nothing must not hold the feed back.
  overflow: ({ want }) => (want ?? 'drop') as OverflowChoice,
  // Who was away finds what it has missed.
  retain: { messages: RETAINED },
  // What is on its way to a slow viewer can no longer be replaced by something newer, so it is not much.
  unacknowledgedBytes: 64 * 1024,
})
const audience = new Audience(producer)
const feed = new Feed(producer)
const pace = new Pace(task.speed ?? Number.POSITIVE_INFINITY)

let phase = 'listening' as PublisherReport['phase']
let pass = 0
let sent = 0

const part = new Part<PublisherReport>(() => {
  const { stream, next, offered, accepted, refused, unheard } = producer.stats()
  const [url = ''] = producer.urls
  const ledger = { offered, accepted, refused, unheard }
  return { phase, url, stream, next, pass, sent, ledger, connections: audience.connections }
})

await audience.complete(task.viewers)
enter('publishing')
while (pass < task.repeat) {
  await feed.begin(++pass)
  await readRecords(task.file, publish)
  await feed.pass(pass)
}
await feed.end()
enter('published')

await part.flush
audience.dismissGuests()
await producer.flush()
enter('flushed')

await part.close
await producer.close()
phase = 'closed'
part.end()

async function publish(record: Uint8Array): Promise<void> {
  const delay = pace.next()
  if (delay > 0) await rest(delay)
  await feed.publish(record)
  if (++sent % 1_000 === 0) await audience.together()
}

function enter(next: PublisherReport['phase']): void {
  phase = next
  part.report()
}
