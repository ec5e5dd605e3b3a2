import { parseAddress } from '../../lib/address.js'
import type { Consumer, ConsumerStats } from '../../lib/index.js'
import { command, toggle } from '../command.js'
import { openConsumer, watchFlags } from '../end.js'
import { note } from '../notes.js'
import { fromFlag, lineFlags, readLines } from './lines.js'
import { View } from './view.js'
import { countAsked, Watcher, watchedLines } from './watcher.js'

/** Lines wait for nobody, so that what has arrived must find room while the books are kept. */
const INBOX = 'buffer:256MiB'

/** Whoever sits at a terminal would rather wait than lose something, since the other end may be on a busy machine. */
const PATIENCE = { tries: 100, holdMs: 5_000 }

export const watch = command({
  name: 'feed watch',
  usage: '[LINE…] [options]',
  summary: 'Puts a stock feed together from its lines, and keeps the books.',
  details: `The first copy of a message counts, and what is lost on all lines is asked for. It ends with the feed, and prints
what became of every message and the digest of the open orders, as a line of JSON. Any feed of ITCH 5.0 in
MoldUDP64 will do. Every option of a consumer may stand in a LINE.`,
  flags: {
    from: fromFlag,
    headless: toggle('show nothing but the line of JSON'),
    ...lineFlags,
    verbose: watchFlags.verbose,
  },
  examples: [
    ['fanwire feed watch', 'what fanwire feed publish sends on this machine'],
    [
      'fanwire feed watch --impair loss=5% --requests off --headless',
      'loses some of it on the way, and asks nobody: what both lines lose is lost, and counted',
    ],
    ['fanwire feed watch multicast://239.192.26.1:26401', 'one line alone; all that is lost on it is asked for'],
    ['fanwire feed watch udp://127.0.0.1:26401 udp://127.0.0.1:26402', 'where there is no multicast'],
  ],
  async run(words, { from, headless, verbose, ...flags }, stop) {
    const { urls, options } = readLines(words, flags)
    const begins = from ?? (options.requests === undefined ? 'now' : 'oldest')
    const patience = options.requests === undefined ? {} : patienceOf(urls)
    const settings = { ...options, ...patience, from: begins, sessions: 'one', overflow: INBOX }
    const consumer = await openConsumer(urls, settings, verbose, stop)
    note(`watching ${consumer.urls.join(' and ')}`)
    const watcher = new Watcher()
    const view = headless ? undefined : new View(process.stdout, watcher, () => consumer.stats())
    try {
      await follow(consumer, watcher, stop)
    } finally {
      view?.close()
      view?.show()
      print(await consumer.close(), watcher)
    }
  },
})

/** What no LINE speaks of. */
function patienceOf(urls: readonly string[]): Readonly<Record<string, number>> {
  const isOpen = ([name]: [string, number]) => urls.every((url) => !parseAddress(url).query.has(name))
  return Object.fromEntries(Object.entries(PATIENCE).filter(isOpen))
}

/** Settles when the stream that is heard has ended, and all of it is in the books. */
async function follow(consumer: Consumer, watcher: Watcher, stop: AbortSignal): Promise<void> {
  const ended = new AbortController()
  let end = Number.POSITIVE_INFINITY
  const check = () => {
    const ledger = consumer.stats().streams.at(-1)
    if (ledger !== undefined && ledger.next >= end && ledger.missing + ledger.inboxWaiting === 0) ended.abort()
  }
  consumer.on('stream', () => {
    end = Number.POSITIVE_INFINITY
  })
  consumer.on('end', ({ next }) => {
    end = next
    check()
  })
  for await (const batch of consumer.batches({ signal: AbortSignal.any([stop, ended.signal]) })) {
    for (const message of batch) watcher.take(message)
    if (end < Number.POSITIVE_INFINITY) check()
  }
}

function print(stats: ConsumerStats, watcher: Watcher): void {
  const { messages, passes, digest, counts, quotes } = watcher
  const lines = watchedLines(stats)
  const ledger = stats.streams.at(-1) ?? null
  const asked = countAsked(stats, lines)
  process.stdout.write(`${JSON.stringify({ messages, digest, passes, ledger, asked, lines, counts, quotes })}\n`)
}
