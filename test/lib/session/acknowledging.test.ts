import { test } from 'tap'
import { writeReady } from '../../../lib/framing/zmtp/handshake.js'
import { PROPERTY, readAck, writeIntroduction, writeStream } from '../../../lib/framing/zmtp/peers.js'
import { checkOverflow } from '../../../lib/overflow.js'
import { ConsumerSession } from '../../../lib/session/consumer-session.js'
import type { Wire } from '../../../lib/session/wire.js'
import { framed, join, read } from '../framing/zmtp/reader.js'
import { scene } from '../support/feed.js'

/** A wire that takes everything into its memory while nobody reads at the far side. */
class FullWire implements Wire {
  pending = 0
  stuck = false
  written: Uint8Array[] = []

  write(bytes: Uint8Array): 'taken' | 'busy' {
    this.written.push(bytes)
    if (this.stuck) this.pending += bytes.length
    return this.stuck ? 'busy' : 'taken'
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

test('lets one acknowledgement at most wait for a producer that does not read', (t) => {
  const { platform, consumer } = scene({ overflow: checkOverflow('buffer', 'consumer', Infinity) })
  const wire = new FullWire()
  const context = {
    platform,
    role: 'dial',
    pattern: 'publish',
    options: {},
    maxMessageBytes: 1_000,
    signal: undefined,
    fault: (fault: object) => t.fail('a fault', fault),
    id: 'CONSUMER01',
    from: 'now',
    want: undefined,
    open: () => t.fail('nobody else comes') as never,
  } as const
  const options = { heartbeatMs: 0, handshakeMs: 1_000 }
  const setup = { context, options, greets: false, remote: 'producer', closed: () => {} }
  const session = new ConsumerSession(wire, setup, 1, () => consumer.open('producer', 'dialled'))
  session.receive(writeReady('PUB', { [PROPERTY]: writeIntroduction({}) }))
  // Every message is more than a quarter of the allowance, and acknowledged at once.
  session.receive(writeStream({ stream: 'STREAM0001', run: 1, next: 1, oldest: 1, allowance: 1_024 }))
  const message = framed(new Uint8Array(1), new Uint8Array(300))
  session.receive(message)
  t.strictSame(acknowledgements(wire), [1])
  wire.stuck = true
  for (let i = 0; i < 1_000; i++) session.receive(message)
  t.strictSame(acknowledgements(wire), [2], 'one is on its way')
  wire.pending = 0
  session.drained()
  t.strictSame(acknowledgements(wire), [1_001], 'the next one says the last of what was owed')
  wire.pending = 0
  session.drained()
  t.strictSame(acknowledgements(wire), [], 'and nothing is said twice')
  wire.stuck = false
  session.receive(message)
  t.strictSame(acknowledgements(wire), [1_002])
  session.close()
  t.end()
})

/** What the wire was given since the last look. */
function acknowledgements(wire: FullWire): number[] {
  const seen = read([join(...wire.written)])
  wire.written = []
  return seen.flatMap(({ command: [name, data] = ['', ''] }) => {
    return name === 'ACK' ? [readAck(Buffer.from(data, 'hex'))] : []
  })
}
