import type { Carrier, LogPort, Peer, ProducerContext, ProducerPort, StartFrom } from 'fanwire'
import type { Line } from './line.js'
import { badPeer, readWord, writeWord } from './records.js'

/** Peers send words and nothing else, so that their records are small. */
export const MOST_FROM_CONSUMERS = 65_536

/** A producer's end of a line. `claim` gives the link, once the peer has said that it is a consumer. */
export function produceOn(line: Line, context: ProducerContext, log: LogPort, claim: () => ProducerPort): void {
  let port: ProducerPort | undefined
  let started = false

  const carrier: Carrier = {
    maxRun: { bytes: 65_536, messages: Infinity },
    write: (run) => line.write(run),
    close: (reason) => line.close(reason),
  }

  line.begin({
    maxRecord: MOST_FROM_CONSUMERS,
    drained: () => port?.taken(),
    closed: (reason) => port?.disconnected(reason),
    failed: ({ code, message }) => context.fault({ code, message, remote: line.remote }),

    read(record) {
      const { hello, subscribe, unsubscribe, start, taken } = readWord(record)
      if (hello !== undefined) {
        if (port !== undefined) throw badPeer('a second hello')
        port = claim()
        port.connected(carrier, { kind: 'fanwire', acknowledges: true, ...(hello as Pick<Peer, 'id' | 'want'>) })
        line.settled()
        return true
      }
      if (port === undefined) throw badPeer('something before its hello')
      if (subscribe !== undefined) port.subscribe(Buffer.from(String(subscribe), 'hex'))
      if (unsubscribe !== undefined) port.unsubscribe(Buffer.from(String(unsubscribe), 'hex'))
      if (start !== undefined) {
        if (started) throw badPeer('a second start')
        started = true
        // Nothing is written before start() has returned, so that this is what the peer hears first.
        line.write(writeWord({ stream: port.start(start as StartFrom) }))
      }
      if (taken !== undefined) port.acknowledged(Number(taken))
      return true
    },
  })
  // First of all, so that a consumer who knows the stream can ask for the rest of it.
  line.write(writeWord({ hello: { stream: log.stream, run: log.run } }))
}
