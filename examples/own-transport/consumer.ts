import type { ConsumerCarrier, ConsumerContext, ConsumerPort, StreamStart } from 'fanwire'
import type { Line } from './line.js'
import { badPeer, MESSAGE, readSkip, readWord, SKIP, writeWord } from './records.js'

/** A consumer's end of a line. */
export function consumeFrom(line: Line, context: ConsumerContext, port: ConsumerPort): void {
  let started = false

  const say = (word: object): void => {
    line.write(writeWord(word))
  }
  const hex = (prefix: Uint8Array): string => Buffer.from(prefix).toString('hex')

  const carrier: ConsumerCarrier = {
    resume: () => line.resume(),
    subscribe: (prefix) => say({ subscribe: hex(prefix) }),
    unsubscribe: (prefix) => say({ unsubscribe: hex(prefix) }),
    acknowledge: (messages) => say({ taken: messages }),
    close: (reason) => line.close(reason),
  }

  line.begin({
    maxRecord: context.maxMessageBytes + 7,
    drained: () => undefined,
    closed: (reason) => port.disconnected(reason),
    failed: ({ code, message }) => context.fault({ code, message, remote: line.remote }),

    read(record) {
      const kind = record[0]
      if (kind !== MESSAGE && kind !== SKIP) {
        const { stream } = readWord(record)
        if (stream === undefined) return true
        if (started) throw badPeer('a second stream')
        started = true
        port.started(checkStart(stream as StreamStart))
        line.settled()
        return true
      }
      if (!started) throw badPeer('a message before its stream')
      if (kind === SKIP) {
        const { count, reason } = readSkip(record)
        port.skipped(count, reason)
        return true
      }
      const topicEnd = record.length < 3 ? Infinity : 3 + record.readUInt16BE(1)
      if (topicEnd > record.length) throw badPeer('a topic that is longer than its message')
      // False: the inbox is full. The line keeps what follows until resume().
      return port.message(record, 3, topicEnd, topicEnd, record.length)
    },
  })

  const { id, want } = context
  const { prefixes, from } = port.connected(carrier, { kind: 'fanwire' })
  say({ hello: { id, want } })
  for (const prefix of prefixes) carrier.subscribe(prefix)
  say({ start: from })
}

/** Numbers from elsewhere are looked at before anybody counts with them. */
function checkStart(start: StreamStart): StreamStart {
  const numbers = [start.run, start.next, start.oldest, start.allowance ?? 1]
  if (typeof start.stream !== 'string' || !numbers.every(Number.isSafeInteger))
    throw badPeer('a stream without numbers')
  return start
}
