import { once } from 'node:events'
import { setImmediate as nextTurn, setTimeout as rest } from 'node:timers/promises'
import { createProducer } from 'fanwire'
import { readRecords } from 'fanwire/itch'
import { interfaceOf } from './channel.js'
import { Feed } from './feed.js'
import { requestsOf, sentLines } from './feed-lines.js'
import { Pace } from './pace.js'
import { Part, readTask } from './part.js'
import type { PublisherReport, PublisherTask } from './reports.js'

/** Often enough for receivers to know soon that they are linked, and what they have lost of the end. */
const HEARTBEAT_MS = 50
/** After so many messages it looks whether it may go on. */
const STRIDE = 500

const task = readTask<PublisherTask>()

const options = {
  ...interfaceOf(task.place),
  // The lines wait for nobody, but what the system has no room for at the moment is not thrown away.
  overflow: 'backpressure',
  impair: task.impair,
  heartbeatMs: HEARTBEAT_MS,
  requests: task.place.requests,
  // All who ask share one address, that of this machine, and with it their part of the answers.
  answerRate: '100MB/s',
} as const
const producer = await createProducer(task.place.lines, options)
const feed = new Feed(producer)

let phase = 'listening' as PublisherReport['phase']
let pass = 0
let sent = 0
let { leash } = task
let final: ReturnType<typeof producer.stats> | undefined

const part = new Part<PublisherReport>(() => {
  const stats = final ?? producer.stats()
  const { stream, next, offered, accepted, refused, unheard } = stats
  const ledger = { offered, accepted, refused, unheard }
  return { phase, stream, next, pass, sent, ledger, lines: sentLines(stats), requests: requestsOf(stats) }
})
part.orders.on('leash', (number: number) => {
  leash = number
})

await part.start
const pace = new Pace(task.speed ?? Number.POSITIVE_INFINITY)
enter('publishing')
while (pass < task.repeat) {
  await feed.begin(++pass)
  await readRecords(task.file, publish)
  await feed.pass(pass)
}
await feed.end()
await producer.flush()
enter('published')

await part.close
final = await producer.close()
phase = 'closed'
part.end()

async function publish(record: Uint8Array): Promise<void> {
  const delay = pace.next()
  if (delay > 0) await rest(delay)
  await feed.publish(record)
  if (++sent % STRIDE > 0) return
  // Requests are answered in between, at any speed.
  await nextTurn()
  while (producer.stats().next > leash) await once(part.orders, 'leash')
}

function enter(next: PublisherReport['phase']): void {
  phase = next
  part.report()
}
