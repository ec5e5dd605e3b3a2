import { parseAddress } from '../../../lib/address.js'
import { nodePlatform } from '../../../lib/node/platform.js'
import { Receiver, Sender } from '../../../transports/datagram/socket.js'
import { Happened, NOTHING } from './ends.js'
import type { BusyReport } from './sender.test.js'

// Run with --test-udp-no-try-send: every datagram waits for the event loop, as it does when an interface is busy.

const context = {
  platform: nodePlatform,
  signal: undefined,
  fault: (fault: object) => {
    throw new Error(JSON.stringify(fault))
  },
}
const received = new Happened<string>()
const answered = new Happened<string>()
const drained = new Happened<number>()
const replies: string[] = []

const receiver = await Receiver.open(
  parseAddress('udp://127.0.0.1:0'),
  { receiveBufferBytes: 65_536 },
  context,
  (bytes, remote) => {
    received.push(Buffer.from(bytes).toString())
    const text = String(received.all.length)
    replies.push(receiver.reply(remote, NOTHING, Buffer.from(text)))
  },
)
const sender = await Sender.open(parseAddress(receiver.url), {}, context, {
  drained: () => drained.push(1),
  onDatagram: (bytes) => answered.push(Buffer.from(bytes).toString()),
})
const waiting: [number, number][] = []
const answers = ['one.', 'two.', 'six.'].map((text) => {
  const answer = sender.send(Buffer.from('>'), Buffer.from(text))
  waiting.push([sender.counts.waiting, sender.counts.waitingBytes])
  return answer
})
await drained.reach(1)
await received.reach(3)
await answered.reach(1)
const { impairment, answersImpairment, ...counts } = sender.counts
const report: BusyReport = {
  answers,
  waiting,
  drained: drained.all.length,
  counts,
  received: received.all,
  replies,
  answered: answered.all,
}
process.send?.(report, () => process.disconnect())
await Promise.all([sender.close(), receiver.close()])
