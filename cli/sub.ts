import { integer, oneOf } from '../lib/options.js'
import { command, UsageError } from './command.js'
import { endFlags, endOptions, openConsumer, sourceFlags } from './end.js'
import { formats } from './format.js'
import { keepLedgers } from './ledgers.js'
import { printStats } from './notes.js'
import { Output } from './output.js'

export const sub = command({
  name: 'sub',
  usage: 'URL… [options]',
  summary: 'Receives messages and prints each as a line.',
  details: `It dials, waits for producers that are not there yet, and comes back to those that were away, until it is
interrupted or has printed as many messages as wanted. Several URLs are lines of one stream: the first copy of
a message counts. Every option of a consumer may stand in a URL.`,
  flags: {
    ...sourceFlags,
    count: { value: 'N', help: 'end after N messages', rule: integer(1, Number.MAX_SAFE_INTEGER) },
    format: {
      value: 'FORMAT',
      help: 'json (as without it), or the data alone: text or hex, a line each, or raw, as it is',
      rule: oneOf(['json', 'text', 'raw', 'hex'], 'json'),
    },
    lines: {
      value: 'HOW',
      help: 'arbitrate (as without it), or separate: each link is printed for itself',
      rule: oneOf(['arbitrate', 'separate']),
    },
    ...endFlags,
  },
  examples: [
    ['fanwire sub tcp://127.0.0.1:5555', 'all that a producer on this machine sends'],
    [
      'fanwire sub tcp://127.0.0.1:5555 --topic trades. --topic quotes. --format text',
      'the data alone, of topics that begin with trades. or quotes.',
    ],
    ['fanwire sub tcp://127.0.0.1:5555 --from oldest | head -1', 'the oldest message that the producer retains'],
    [
      "fanwire sub 'tcp://127.0.0.1:5555?onLoss=fail' --count 100 --stats",
      'a hundred messages and then the ledger; fails if one was lost',
    ],
    ['fanwire sub ipc:///tmp/prices.sock --listen', 'be called by producers, ZeroMQ publishers among them'],
  ],
  async run(urls, flags, stop) {
    if (urls.length === 0) throw new UsageError('no URL to receive from')
    const { topic: topics, count, from, lines, verbose } = flags
    const consumer = await openConsumer(urls, { ...endOptions(flags), topics, from, lines }, verbose, stop)
    const complete = keepLedgers(consumer)
    const output = new Output(process.stdout, stop)
    const format = formats[flags.format]
    let printed = 0
    try {
      // One by one, so that what the ledger calls delivered is what was printed.
      for await (const message of consumer.messages({ signal: stop })) {
        const behind = output.write(format(message))
        if (behind !== undefined) await behind
        if (++printed === count) break
      }
    } finally {
      output.flush()
      const stats = await consumer.close()
      if (flags.stats) printStats(complete(stats))
    }
  },
})
