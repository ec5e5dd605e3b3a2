import type { ConsumerCarrier, ConsumerContext, ConsumerPort, StreamStart } from 'fanwire'
import type { Line } from './line.js'
import { badPeer, MESSAGE, readSkip, readWord, SKIP, writeWord } from './records.js'

/** Which stream a producer has. */
type Carries = Pick<StreamStart, 'stream' | 'run'>

/** A consumer's end of a line. */
export function consumeFrom(line: Line, context: ConsumerContext, port: ConsumerPort): void {
  let connected = false
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

  const connect = (carries: Carries): void => {
    if (connected) throw badPeer('a second hello')
    connected = true
    const { id, want } = context
    const { prefixes, from } = port.connected(carrier, { kind: 'fanwire', carries: checkCarries(carries) })
    say({ hello: { id, want } })
    for (const prefix of prefixes) carrier.subscribe(prefix)
    say({ start: from })
  }

  const start = (stream: StreamStart): void => {
    if (!connected || started) throw badPeer('a stream that was not asked for')
    started = true
    port.started(checkStart(stream))
    line.settled()
  }

  line.begin({
    maxRecord: context.maxMessageBytes + 7,
    drained: () => undefined,
    closed: (reason) => port.disconnected(reason),
    failed: ({ code, message }) => context.fault({ code, message, remote: line.remote }),

    read(record) {
      const kind = record[0]
      if (kind !== MESSAGE && kind !== SKIP) {
        const { hello, stream } = readWord(record)
        if (hello !== undefined) connect(hello as Carries)
        if (stream !== undefined) start(stream as StreamStart)
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
}

/** Numbers from elsewhere are looked at before anybody counts with them. */
function checkStart(start: StreamStart): StreamStart {
  checkCarries(start)
  if (![start.next, start.oldest, start.allowance ?? 1].every(Number.isSafeInteger)) throw badPeer('a broken stream')
  return start
}

function checkCarries<T extends Carries>(carries: T): T {
  if (typeof carries.stream !== 'string' || !Number.isSafeInteger(carries.run)) throw badPeer('a stream without a name')
  return carries
}
