import { createConsumer } from '../../lib/index.js'
import { BodyCounts, MessageReader } from '../../lib/message-reader.js'
import type { ConsumerContext, Transport } from '../../lib/transport.js'
import { numbered } from '../../transports/datagram/index.js'
import { SessionFeed } from '../../transports/datagram/session-feed.js'
import { type Prepare, topicsOf } from '../contender.js'
import { blockOf, blocksIn, COUNT_AT, HEADER_BYTES, SEQUENCE_AT } from './packets.js'

const SESSION = 'ONEPROCESS'
const REMOTE = { address: '127.0.0.1', port: 1 }
/** Packets that are given to both lines before the loop has its turn: well below what an inbox has room for. */
const ROUND = 256
/** By so many packets the second line is behind the first. */
const LAG = 2
/** Under the manner `lossy` each line loses one packet in so many, and the other one has it. */
const LOSS_EVERY = 20

/**
 * All that fanwire does with the packets of two lines between the socket and the application, and no socket: packets are
 * read, their messages numbered, the first copy of each wins, and a loop takes them by `batches()`.
 */
export const prepare: Prepare = async (task) => {
  const lines: SessionFeed[] = []
  const open = (context: ConsumerContext) => {
    const feed = feedOf(context)
    lines.push(feed)
    return { urls: [], close: async () => feed.end(undefined) }
  }
  const transport: Transport = { ...numbered, schemes: ['line'], consume: async (_, context) => open(context) }
  const consumer = await createConsumer(['line://127.0.0.1:1', 'line://127.0.0.1:2'], { transport })
  const [first, second] = lines as [SessionFeed, SessionFeed]

  let taken = 0
  let touched = 0
  let goal = Infinity
  let reached = () => {}
  const take = async () => {
    for await (const batch of consumer.batches()) {
      for (const { data } of batch) touched += data.length + (data[0] as number)
      taken += batch.length
      if (taken >= goal) reached()
    }
  }
  void take()

  const block = blockOf(topicsOf(task)[0] ?? '', task.size)
  const most = blocksIn(block.length)
  // A line's datagrams have memory of their own, which nobody reads any more when it is used again.
  const packets = [0, 1].map(() => Array.from({ length: ROUND }, () => packetOf(block, most)))
  const [ones, others] = packets as [Buffer[], Buffer[]]
  const lossy = task.manner === 'lossy'
  let sent = 0

  /** @param lost which of {@link LOSS_EVERY} packets the line does not bring */
  const give = (line: SessionFeed, packet: Buffer, index: number, lost: number): void => {
    if (lossy && index % LOSS_EVERY === lost) return
    packet.writeUInt32BE(1 + index * most, SEQUENCE_AT + 4)
    line.receive(packet, REMOTE)
  }

  return async (count) => {
    for (let left = Math.ceil(count / most); left > 0; ) {
      const round = Math.min(ROUND, left)
      for (let i = 0; i < round + LAG; i++) {
        if (i < round) give(first, ones[i] as Buffer, sent + i, 0)
        if (i >= LAG) give(second, others[i - LAG] as Buffer, sent + i - LAG, LOSS_EVERY / 2)
      }
      sent += round
      goal = sent * most
      if (taken < goal) {
        await new Promise<void>((resolve) => {
          reached = resolve
        })
      }
      left -= round
    }
    const [stream] = consumer.stats().streams
    if (stream?.lost !== 0 || taken !== goal || touched === 0) throw new Error(`taken ${taken} of ${goal}`)
  }
}

function feedOf(context: ConsumerContext): SessionFeed {
  const session = Buffer.from(SESSION)
  const line = {
    full: unexpected,
    roomy: unexpected,
    closed: () => undefined,
    replaced: unexpected,
    reject: unexpected,
  }
  const messages = new MessageReader(
    { body: 'topic', topicOf: undefined },
    context.platform,
    new BodyCounts(),
    unexpected,
  )
  const port = context.open(SESSION, 'accepted')
  const feed = new SessionFeed(session, REMOTE, line, port, messages, context, 65_535, undefined)
  port.connected(feed, { kind: 'foreign', numbers: true })
  port.started({ stream: SESSION, run: 0, next: 1, oldest: 1, recovery: { reorderMs: 60_000 } })
  return feed
}

function packetOf(block: Buffer, count: number): Buffer {
  const packet = Buffer.concat([Buffer.alloc(HEADER_BYTES), ...Array<Buffer>(count).fill(block)])
  packet.write(SESSION)
  packet.writeUInt16BE(count, COUNT_AT)
  return packet
}

function unexpected(): never {
  throw new Error('this was not to happen')
}
