import fc from 'fast-check'
import t from 'tap'
import type { BodyFormat } from '../../lib/framing/body.js'
import { moldudp64Framing } from '../../lib/framing/moldudp64/framing.js'
import { writeEndOfSession, writeHeader, writeHeartbeat, writeRequest } from '../../lib/framing/moldudp64/header.js'
import { sessionBytes } from '../../lib/framing/moldudp64/session.js'
import { bytesOf, examples, hexOf, joined } from '../lib/framing/moldudp64/packets.js'
import { type Dissected, dissect, tsharkMissing } from './tshark.js'

const skip = tsharkMissing()
const session = sessionBytes('FANWIRE001')

interface Sent {
  readonly topic: string
  readonly data: Uint8Array
}

t.test('tshark decodes every packet, byte for byte, and complains of none', { skip }, async (t) => {
  const top = Number.MAX_SAFE_INTEGER
  const of = (size: number, fill = 0x61) => new Uint8Array(size).fill(fill)
  const cases: readonly (readonly [format: BodyFormat, first: number, messages: readonly Sent[]])[] = [
    ['topic', 1, [{ topic: 'trades.AAPL', data: of(100) }]],
    ['topic', 2, [{ topic: '', data: of(0) }]],
    ['topic', 3, ['a', 'é', 'x'.repeat(1_024)].map((topic) => ({ topic, data: of(5) }))],
    ['raw', 6, [0, 1, 2, 255, 256].map((size) => ({ topic: '', data: of(size, size) }))],
    // As many add orders as an Ethernet packet has room for, 1,464 bytes.
    ['raw', 11, Array.from({ length: 38 }, () => ({ topic: '', data: of(36) }))],
    ['raw', 49, [{ topic: '', data: of(1_450) }]],
    // The largest datagram of UDP over IPv4: one message, and as many as can be.
    ['raw', 50, [{ topic: '', data: of(65_507 - 22) }]],
    ['raw', 51, Array.from({ length: 32_743 }, () => ({ topic: '', data: of(0) }))],
    ['topic', 2 ** 32 - 1, ['b', 'c'].map((topic) => ({ topic, data: of(3) }))],
    ['topic', top - 1, [{ topic: 'd', data: of(3) }]],
  ]
  const packets = cases.map(([format, first, messages]) => packet(format, first, messages))
  const seen = dissect(packets)
  t.equal(seen.length, cases.length)
  for (const [i, [format, first, messages]] of cases.entries()) {
    t.strictSame(seen[i], expected(format, first, messages), `from number ${first}`)
  }
})

t.test('tshark decodes a thousand packets of any messages', { skip }, async (t) => {
  const anyData = fc.uint8Array({ maxLength: 60 })
  const anyTopic = fc.string({ unit: fc.constantFrom('a', 'Z', '.', 'é'), maxLength: 20 })
  const anyMessages = fc.array(fc.record({ topic: anyTopic, data: anyData }), { minLength: 1, maxLength: 15 })
  const anyPacket = fc.tuple(
    fc.constantFrom<BodyFormat>('topic', 'raw'),
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 20 }),
    anyMessages,
  )
  const cases = fc.sample(anyPacket, { seed: 64, numRuns: 1_000 })
  const seen = dissect(cases.map(([format, first, messages]) => packet(format, first, messages)))
  t.strictSame(
    seen,
    cases.map(([format, first, messages]) => expected(format, first, messages)),
  )
})

t.test('tshark decodes heartbeats, ends of session and requests', { skip }, async (t) => {
  const seen = dissect([
    writeHeartbeat(session, 1),
    writeHeartbeat(sessionBytes('A'), Number.MAX_SAFE_INTEGER),
    writeEndOfSession(session, 4),
    writeRequest(session, 2, 2),
  ])
  const rest = { numbers: [], messages: [], complaints: [] }
  t.strictSame(seen, [
    { session: 'FANWIRE001', sequence: '1', count: '0', ...rest },
    { session: 'A         ', sequence: '9007199254740991', count: '0', ...rest },
    { session: 'FANWIRE001', sequence: '4', count: '65535', ...rest },
    { session: 'FANWIRE001', sequence: '2', count: '2', ...rest },
  ])
})

t.test('tshark complains of the malformed examples, so that its silence means something', { skip }, async (t) => {
  const { tooFewBlocks, tooManyBlocks, shortBlock, heartbeatWithBlock, endOfSessionWithBlock } = examples
  const malformed = [tooFewBlocks, tooManyBlocks, shortBlock, heartbeatWithBlock, endOfSessionWithBlock]
  const [count, length, end] = ['count.invalid', 'msglen.invalid', 'end_of_session_extra'].map((n) => `moldudp64.${n}`)
  t.strictSame(
    dissect(malformed.map(bytesOf)).map(({ complaints }) => complaints),
    [count, count, length, count, end].map((complaint) => ['_ws.malformed', complaint]),
  )
})

function packet(format: BodyFormat, first: number, messages: readonly Sent[]): Uint8Array {
  const framing = moldudp64Framing(format, 65_487)
  const blocks = messages.map(({ topic, data }) => {
    const head = framing.head(Buffer.from(topic))
    const block = new Uint8Array(framing.size(head, data.length))
    block.set(data, framing.write(block, 0, head, data.length, 1))
    return block
  })
  return joined(writeHeader(session, first, messages.length), ...blocks)
}

function expected(format: BodyFormat, first: number, messages: readonly Sent[]): Dissected {
  return {
    session: 'FANWIRE001',
    sequence: `${first}`,
    count: `${messages.length}`,
    numbers: messages.map((_, i) => `${first + i}`),
    messages: messages.map(
      ({ topic, data }) => (format === 'raw' ? '' : `${hexOf(Buffer.from(topic))}00`) + hexOf(data),
    ),
    complaints: [],
  }
}
