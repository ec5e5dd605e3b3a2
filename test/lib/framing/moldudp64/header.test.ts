import { deepEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  HEADER_SIZE,
  MAX_COUNT,
  writeEndOfSession,
  writeHeader,
  writeHeartbeat,
  writeRequest,
} from '../../../../lib/framing/moldudp64/header.js'
import { type RequestFlaw, readRequest } from '../../../../lib/framing/moldudp64/request.js'
import { sessionBytes } from '../../../../lib/framing/moldudp64/session.js'
import { bytesOf, embedded, examples, hexOf, packetOf } from './packets.js'

const session = sessionBytes('FANWIRE001')
const top = Number.MAX_SAFE_INTEGER

t.test('writes headers, heartbeats, ends of session and requests as the examples have them', async (t) => {
  t.equal(hexOf(writeHeader(session, 1, 3)), hexOf(bytesOf(examples.data).subarray(0, HEADER_SIZE)))
  t.equal(hexOf(writeHeartbeat(session, 4)), hexOf(bytesOf(examples.heartbeat)))
  t.equal(hexOf(writeEndOfSession(session, 4)), hexOf(bytesOf(examples.endOfSession)))
  t.equal(hexOf(writeRequest(session, 2, 2)), hexOf(bytesOf(examples.request)))
})

t.test('writes numbers up to 2^53 - 1, and counts up to 65,534', async (t) => {
  t.equal(hexOf(writeHeader(session, top - MAX_COUNT, MAX_COUNT).subarray(10)), '001fffffffff0001fffe')
  t.equal(hexOf(writeHeartbeat(session, top).subarray(10)), '001fffffffffffff0000')
  t.equal(hexOf(writeEndOfSession(session, 2 ** 32).subarray(10)), '0000000100000000ffff')
})

t.test('refuses numbers that a packet cannot have, and counts that would say something else', async (t) => {
  for (const sequence of [0, -1, 1.5, Number.NaN, top + 1, 2 ** 64, Number.POSITIVE_INFINITY]) {
    for (const write of [writeHeartbeat, writeEndOfSession]) {
      t.throws(() => write(session, sequence), { code: 'BAD_VALUE' }, `${sequence}`)
    }
    t.throws(() => writeHeader(session, sequence, 1), { code: 'BAD_VALUE' }, `${sequence}`)
    t.throws(() => writeRequest(session, sequence, 1), { code: 'BAD_VALUE' }, `${sequence}`)
  }
  for (const count of [0, -1, 1.5, Number.NaN, 0xffff, 0x10000]) {
    t.throws(() => writeHeader(session, 1, count), { code: 'BAD_VALUE' }, `${count}`)
    t.throws(() => writeRequest(session, 1, count), { code: 'BAD_VALUE' }, `${count}`)
  }
  t.throws(() => writeHeader(session, top, 1), { code: 'BAD_VALUE', message: /2\^53 - 1, got 9007199254740991/ })
})

t.test('reads the request of the examples, and no other length of it', async (t) => {
  const request = bytesOf(examples.request)
  t.strictSame(readRequest(request), { first: 2, count: 2 })
  for (let length = 0; length < HEADER_SIZE; length++) {
    t.equal(readRequest(embedded(request.subarray(0, length))), 'size', `${length} bytes`)
  }
  t.equal(readRequest(new Uint8Array([...request, 0])), 'size')
  t.equal(readRequest(bytesOf(examples.data)), 'size')
})

t.test('refuses requests that nobody can answer', async (t) => {
  const cases: [sequence: bigint, count: number, answer: ReturnType<typeof readRequest>][] = [
    [0n, 1, 'zeroSequence'],
    [1n, 0, 'count'],
    [1n, 0xffff, 'count'],
    [1n, 0xfffe, { first: 1, count: 0xfffe }],
    [2n ** 53n - 2n, 1, { first: top - 1, count: 1 }],
    [2n ** 53n - 1n, 1, 'tooLarge'],
    [2n ** 53n, 1, 'tooLarge'],
    [2n ** 64n - 1n, 0xfffe, 'tooLarge'],
  ]
  for (const [sequence, count, answer] of cases) {
    t.strictSame(readRequest(packetOf(sequence, count)), answer, `${sequence}, ${count}`)
  }
})

t.test('reads every request that it writes', async () => {
  const sessions = fc.uint8Array({ minLength: 10, maxLength: 10 })
  fc.assert(
    fc.property(sessions, fc.maxSafeNat(), fc.integer({ min: 1, max: MAX_COUNT }), (name, at, count) => {
      const first = Math.min(Math.max(at, 1), top - count)
      const bytes = writeRequest(name, first, count)
      deepEqual(readRequest(bytes), { first, count })
      deepEqual(bytes.subarray(0, 10), name)
    }),
  )
})

t.test('answers any bytes with a request or with the name of a flaw', async () => {
  const flaws: readonly RequestFlaw[] = ['size', 'zeroSequence', 'tooLarge', 'count']
  const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 20, maxLength: 20 }))
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const request = readRequest(bytes)
      if (typeof request === 'string') return flaws.includes(request)
      return hexOf(writeRequest(bytes.subarray(0, 10), request.first, request.count)) === hexOf(bytes)
    }),
  )
})
