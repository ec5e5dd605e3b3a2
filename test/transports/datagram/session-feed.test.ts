import { test } from 'tap'
import type { MessageReader } from '../../../lib/message-reader.js'
import { nodePlatform } from '../../../lib/node/platform.js'
import type { ConsumerContext, ConsumerPort } from '../../../lib/transport.js'
import { SessionFeed } from '../../../transports/datagram/session-feed.js'
import { Feed } from './packets.js'

test('reads nothing of a packet that it has turned down, when there is room again', async (t) => {
  const packets = new Feed()
  const told: string[] = []
  const messages = {
    message: (_: unknown, bytes: Uint8Array, start: number, end: number) => {
      told.push(Buffer.from(bytes.subarray(start, end)).toString())
      return false
    },
  } as unknown as MessageReader
  const port = { numbered: () => undefined, answered: () => undefined } as unknown as ConsumerPort
  const line = {
    full: () => told.push('full'),
    roomy: () => told.push('roomy'),
    closed: () => undefined,
    replaced: () => undefined,
    reject: (kind: string) => told.push(kind),
  }
  const context = { platform: nodePlatform, maxMessageBytes: 5 } as unknown as ConsumerContext
  const remote = { address: '127.0.0.1', port: 1 }
  const feed = new SessionFeed(packets.session, remote, line, port, messages, context, 5, () => undefined)
  feed.receive(packets.data(2, 'longer than five'), remote)
  feed.answer(packets.data(1, 'one'))
  feed.resume()
  t.same(told, ['tooLong', 'one', 'full', 'roomy'])
})
