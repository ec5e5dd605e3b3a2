import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { type Day, readDay, readRecords, sample } from '../../itch/index.js'
import type { Producer } from '../../lib/index.js'
import { duration, integer, type OptionRule, refuse, text } from '../../lib/options.js'
import { command } from '../command.js'
import { openProducer, watchFlags } from '../end.js'
import { note } from '../notes.js'
import { Pace, perSecond } from '../pace.js'
import { lineFlags, readLines } from './lines.js'

/** A message of a feed in raw bodies has no topic on the wire. */
const TOPIC = ''
/** Messages between two looks at what else there is to do. */
const STRIDE = 500

export const publish = command({
  name: 'feed publish',
  usage: '[LINE…] [options]',
  summary: 'Publishes a day of a stock exchange over two lines, as exchanges do.',
  details: `Lines carry MoldUDP64 with messages of Nasdaq TotalView-ITCH 5.0 in raw bodies. Without LINEs, they are two
multicast groups on loopback; where there is no multicast, udp://127.0.0.1:26401 and udp://127.0.0.1:26402 do,
for one watcher. At the end the ledger is printed, as a line of JSON. Every option of a producer may stand in a LINE.`,
  flags: {
    file: {
      value: 'PATH',
      help: 'a file of ITCH 5.0 in BinaryFILE framing (a short day comes with the package)',
      rule: text(/./, 'the path of a file', { fallback: sample }),
    },
    repeat: { value: 'N', help: 'publish it N times (1)', rule: integer(1, 1_000_000, 1) },
    speed: { value: 'N/s', help: 'messages a second, evenly, or max (10000/s)', rule: speedRule() },
    linger: {
      value: 'TIME',
      help: 'answer requests for so long after the last message (2s); an interrupt ends it sooner',
      rule: duration(0, 86_400_000, 2_000),
    },
    ...lineFlags,
    verbose: watchFlags.verbose,
  },
  examples: [
    ['fanwire feed publish', 'the day that comes with the package, to all watchers on this machine'],
    [
      'fanwire feed publish --impair loss=5%,duplicate=2%,reorder=2% --seed 7 --repeat 3 --speed 20000/s',
      'over bad lines; both lose other datagrams, the same ones for every seed',
    ],
    ['fanwire feed publish udp://127.0.0.1:26401 udp://127.0.0.1:26402', 'where there is no multicast: to one watcher'],
  ],
  async run(words, { file, repeat, speed, linger, verbose, ...flags }, stop) {
    const { urls, options } = readLines(words, flags)
    const day = await readDay(file).catch((cause: Error) => {
      throw new Error(`cannot read ${file}: ${cause.message}`, { cause })
    })
    if (day.truncatedAt !== undefined) {
      note(`${file} ends within the record at byte ${day.truncatedAt}: all before it is published`)
    }
    // Nobody on the lines can hold it back, but what the system has no room for at the moment is not thrown away.
    const producer = await openProducer(urls, { overflow: 'backpressure', ...options }, verbose, stop)
    note(`publishing ${day.records * repeat} messages to ${producer.urls.join(' and ')}`)
    try {
      const pace = new Pace(speed)
      let sent = 0
      for (let pass = 0; pass < repeat; pass++) {
        await readRecords(file, async (record) => {
          await send(producer, record, pace, stop)
          // Requests are answered in between, at any speed.
          if (++sent % STRIDE === 0) await nextTurn()
        })
      }
      await producer.flush({ signal: stop })
      await pause(linger, undefined, { signal: stop })
    } finally {
      print(await producer.close(), day, repeat)
    }
  },
})

async function send(producer: Producer, record: Uint8Array, pace: Pace, signal: AbortSignal): Promise<void> {
  const waitMs = pace.next()
  if (waitMs > 0) await pause(waitMs, undefined, { signal })
  await producer.send(TOPIC, record, { signal })
}

function print(
  { stream, next, offered, accepted, refused, links, ends }: Awaited<ReturnType<Producer['close']>>,
  { records, truncatedAt, digest }: Day,
  repeat: number,
): void {
  const file = { records, truncatedAt, digest }
  const ledger = { offered, accepted, refused }
  process.stdout.write(`${JSON.stringify({ stream, next, file, repeat, ledger, links, ends })}\n`)
}

function speedRule(): OptionRule<number> {
  const { read } = perSecond()
  return {
    fallback: 10_000,
    check: (value, name) =>
      typeof value === 'number' && (value >= 0.001 || value === Number.POSITIVE_INFINITY)
        ? value
        : refuse(name, "a number of at least 0.001 (messages per second), or 'max'", value),
    read: (given) => (given === 'max' ? Number.POSITIVE_INFINITY : read?.(given)),
  }
}
