import { setTimeout as rest } from 'node:timers/promises'
import { type ConsumerStats, createConsumer, type Message, type SourceLedger } from 'fanwire'
import { type Board, BookBoard, QuoteBoard } from './board.js'
import { receivedLines } from './feed-lines.js'
import { optionsOf } from './feed-reader.js'
import { Journal } from './journal.js'
import { Part, readTask } from './part.js'
import type { ViewerReport, ViewerTask } from './reports.js'
import { control } from './topics.js'
import { idOf } from './viewers.js'

/** Stocks in a report: more than a screen shows. */
const SHOWN = 12

const { name, source, viewer, journal: path, milestone } = readTask<ViewerTask>()
const { topics, want, inbox, restMs, stopsAfter, remembers } = viewer

let phase = 'linking' as ViewerReport['phase']
let taken = 0
let missed = 0
const ended: SourceLedger[] = []
let closed: ConsumerStats | undefined

const journal = remembers ? new Journal(path) : undefined
const board: Board = topics.includes('quote.') ? new QuoteBoard() : new BookBoard()
const place = journal?.recover((message) => board.take(message))
if (place !== undefined) board.passes = place.passes

const behindRelay = { id: idOf(name), overflow: inbox, from: place?.from ?? 'now', ...(want && { want }) } as const
const { urls, options } =
  'url' in source ? { urls: [source.url], options: behindRelay } : optionsOf(source.place, source.reader)
const consumer = await createConsumer(urls, { ...options, topics })
consumer.on('unlink', (link) => ended.push(link.ledger()))
consumer.once('stream', ({ stream, run, first }) => {
  if (place === undefined) journal?.begin({ from: { stream, run, next: first }, passes: board.passes })
})

const part = new Part<ViewerReport>(() => {
  const stats = closed ?? consumer.stats()
  const [ledger] = stats.streams
  const open = consumer.links.filter(({ state }) => state === 'open')
  return {
    phase,
    taken,
    missed,
    resumed: place?.from,
    passes: board.passes,
    counts: board.counts,
    market: board.market(phase === 'closed' ? Number.POSITIVE_INFINITY : SHOWN),
    ledger,
    lines: receivedLines(stats),
    // Of the feed's lines all is said above.
    connections: 'url' in source ? [...ended, ...open.map((link) => link.ledger())] : [],
  }
})

await consumer.linked({ count: urls.length })
enter('reading')
// That ends the loop.
void part.close.then(() => consumer.close())
for await (const batch of consumer.batches()) {
  for (const message of batch) take(message)
  journal?.write()
  if (phase === 'stopped') break
  if (restMs > 0) await rest(restMs)
}
// Who reads no more may be cut off before the end.
const unlinked = new Promise((resolve) => consumer.once('unlink', resolve))
if (phase === 'stopped') await Promise.race([part.close, unlinked])
closed = await consumer.close()
phase = 'closed'
part.end()

function take(message: Message): void {
  missed += message.missed
  switch (message.topic) {
    case control.begin:
      board.begin()
      break
    case control.pass:
      board.pass()
      remember(message)
      break
    case control.end:
      enter('ended')
      break
    default:
      board.take(message.data)
      if (message.sequence !== undefined) journal?.add(message.sequence, message.data)
      taken++
      if (taken === stopsAfter) enter('stopped')
      else if (taken === milestone) part.report()
  }
}

/** The orders of a day that is over are of no more use. */
function remember({ sequence }: Message): void {
  const [known] = consumer.stats().streams
  if (known === undefined || sequence === undefined) return
  const { stream, run } = known
  journal?.begin({ from: { stream, run, next: sequence + 1 }, passes: board.passes })
}

function enter(next: ViewerReport['phase']): void {
  phase = next
  part.report()
}
