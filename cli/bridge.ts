import { type ConsumerStats, pipe } from '../lib/index.js'
import { integer } from '../lib/options.js'
import { command, UsageError } from './command.js'
import { closeProducer, openConsumer, openProducer, sourceFlags, watchFlags } from './end.js'
import { keepLedgers } from './ledgers.js'
import { printStats } from './notes.js'

export const bridge = command({
  name: 'bridge',
  usage: 'FROM TO [options]',
  summary: 'Receives messages at one URL and sends them on at another.',
  details: `It dials FROM and listens at TO, until it is interrupted; ?role=listen or ?role=dial in a URL turns that around.
Every other option of a consumer may stand in FROM, and of a producer in TO. Where those behind TO are slow,
those before FROM wait, unless TO says otherwise: ?overflow=drop:newest:10000.`,
  flags: {
    ...sourceFlags,
    links: { value: 'N', help: 'receive nothing before TO has N links (0)', rule: integer(0, 1_000_000, 0) },
    ...watchFlags,
  },
  examples: [
    ['fanwire bridge tcp://127.0.0.1:5555 ipc:///tmp/prices.sock', 'from the network to all on this machine'],
    [
      "fanwire bridge 'tcp://*:5555?role=listen' 'tcp://*:6666'",
      'a place to meet: producers dial port 5555, consumers port 6666',
    ],
    [
      "fanwire bridge tcp://127.0.0.1:5555 'tcp://127.0.0.1:6666?overflow=drop:latest-per-topic' --topic quotes. --stats",
      'of every quote only the newest for those who are slow; both ledgers at the end',
    ],
  ],
  async run([from, to, ...more], { topic: topics, from: start, links, verbose, stats }, stop) {
    if (from === undefined || to === undefined || more.length > 0) throw new UsageError('give two URLs: FROM and TO')
    const producer = await openProducer([to], {}, verbose, stop)
    const allSent = keepLedgers(producer)
    let received: ConsumerStats | undefined
    try {
      if (links > 0) await producer.linked({ count: links, signal: stop })
      const consumer = await openConsumer([from], { topics, from: start }, verbose, stop)
      const allReceived = keepLedgers(consumer)
      try {
        await pipe(consumer, producer, { signal: stop })
      } finally {
        received = allReceived(await consumer.close())
      }
    } finally {
      const sent = await closeProducer(producer)
      if (stats) printStats({ consumer: received, producer: allSent(sent) })
    }
  },
})
