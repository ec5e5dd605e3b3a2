import { addAbortSignal } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { Producer } from '../lib/index.js'
import { bytes, integer, oneOf, text } from '../lib/options.js'
import { checkTopic } from '../lib/topic.js'
import { command, UsageError } from './command.js'
import { closeProducer, endFlags, endOptions, openProducer } from './end.js'
import { keepLedgers } from './ledgers.js'
import { note, printStats } from './notes.js'
import { Pace, perSecond } from './pace.js'
import { supply } from './supply.js'

/** How long it waits for subscribers before it says so. */
const SILENCE_MS = 1_000

export const pub = command({
  name: 'pub',
  usage: 'URL… [TOPIC] [options]',
  summary: 'Sends messages, and ends once they are handed out.',
  details: `It listens, and waits for a subscriber to the topic of its first message, so that nothing is sent to nobody;
--links 0 sends at once, whoever is there. Over UDP and multicast nobody is seen, and nothing waited for. --data and --size send one message, unless --count or --rate is
given. Every option of a producer may stand in a URL.`,
  flags: {
    data: { value: 'TEXT', help: 'send this', rule: text(/^/, 'text') },
    size: { value: 'BYTES', help: 'send made-up messages of this size, numbered from 1', rule: bytes(0, 2 ** 31) },
    stdin: {
      value: 'FORM',
      help: 'lines: each line is a message; json: as fanwire sub prints them, each with its own topic',
      rule: oneOf(['lines', 'json']),
    },
    count: { value: 'N', help: 'end after N messages', rule: integer(1, Number.MAX_SAFE_INTEGER) },
    rate: { value: 'N/s', help: 'send so many a second, evenly; without --count until interrupted', rule: perSecond() },
    links: { value: 'N', help: 'wait for N subscribers before the first message (1)', rule: integer(0, 1_000_000, 1) },
    ...endFlags,
  },
  examples: [
    ['fanwire pub tcp://127.0.0.1:5555 greetings --data hello', 'one message, for the first who wants it'],
    ['seq 100 | fanwire pub tcp://127.0.0.1:5555 numbers --stdin lines --rate 100/s', 'a hundred, in a second'],
    [
      'fanwire pub tcp://127.0.0.1:5555 load --size 100 --count 100000 --links 2 --stats',
      'as fast as the slower of two subscribers takes them, and then the ledger',
    ],
    [
      'fanwire pub tcp://127.0.0.1:5555 load --size 100 --rate 1000/s --overflow drop:newest:500',
      'until it is interrupted; who is slow loses some, and holds up nobody',
    ],
    [
      'fanwire sub tcp://127.0.0.1:5555 | fanwire pub tcp://127.0.0.1:6666 --dial --stdin json',
      'from a producer to a consumer that listens',
    ],
  ],
  async run(words, flags, stop) {
    const { urls, topic: fallback } = readWords(words)
    const supplied = supply(fallback, flags, () => addAbortSignal(stop, process.stdin))
    const isEndless = flags.stdin !== undefined || flags.rate !== undefined
    const count = flags.count ?? (isEndless ? Number.POSITIVE_INFINITY : 1)
    const pace = flags.rate === undefined ? undefined : new Pace(flags.rate)
    const producer = await openProducer(urls, endOptions(flags), flags.verbose, stop)
    const complete = keepLedgers(producer)
    let sent = 0
    try {
      for await (const { topic, data } of supplied) {
        if (sent === 0 && flags.links > 0) await subscribed(producer, topic, flags.links, stop)
        const waitMs = pace?.next() ?? 0
        if (waitMs > 0) await pause(waitMs, undefined, { signal: stop })
        await producer.send(topic, data, { signal: stop })
        if (++sent === count) break
      }
      // Without a deadline: a reader that pauses is waited for, as in any pipe.
      await producer.flush({ signal: stop })
    } finally {
      const stats = await closeProducer(producer)
      if (flags.stats) printStats(complete(stats))
    }
  },
})

/** The topic is the last word, if that is no URL. */
export function readWords(words: readonly string[]): { readonly urls: readonly string[]; readonly topic: string } {
  const last = words.at(-1)
  if (last === undefined) throw new UsageError('no URL to send to')
  if (words.length === 1 || last.includes('://')) return { urls: words, topic: '' }
  checkTopic(last)
  return { urls: words.slice(0, -1), topic: last }
}

async function subscribed(producer: Producer, topic: string, count: number, signal: AbortSignal): Promise<void> {
  const whom = `${count === 1 ? 'a subscriber' : `${count} subscribers`} to '${topic}'`
  const silence = setTimeout(() => note(`waiting for ${whom}; --links 0 sends at once`), SILENCE_MS)
  try {
    await producer.linked({ ...(producer.seesTopics && { topic }), count, signal })
  } catch (error) {
    note(`nothing was sent, for want of ${whom}`)
    throw error
  } finally {
    clearTimeout(silence)
  }
}
