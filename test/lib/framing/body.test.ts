import { deepEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  type BodyFormat,
  BodyReader,
  bodyHead,
  STAMP_SIZE,
  stampedHead,
  writeStamp,
} from '../../../lib/framing/body.js'
import { datagramFraming } from '../../../lib/framing/datagram.js'

// ABCDEFGHI9, number 1234, 2026-01-01T00:00:00Z
const STAMP = '41424344454647484939 00000000000004d2 0006474846204000'

/** One reader for all bodies, so that nothing of an earlier one may stay. */
const readers = { topic: new BodyReader('topic'), raw: new BodyReader('raw') }

interface Seen {
  readonly topic: string
  readonly data: string
  readonly stamp?: readonly [stream: string, number: number, timeUs: number]
  readonly bare?: true
}

t.test('finds topic and data on both sides of the first terminator', async (t) => {
  const cases: [body: string, topic: string, data: string][] = [
    ['4142 00 7879', '4142', '7879'],
    ['4142 00', '4142', ''],
    ['00', '', ''],
    ['00 7879', '', '7879'],
    ['41 00 00 01 02', '41', '000102'],
    ['c3a9 00 41', 'c3a9', '41'],
    ['02ff 00 41', '02ff', '41'],
  ]
  for (const [body, topic, data] of cases) t.strictSame(read(body), { topic, data }, body)
})

t.test('finds the stamp behind its terminator', async (t) => {
  const stamp = ['ABCDEFGHI9', 1234, 1_767_225_600_000_000] as const
  t.strictSame(read(`4142 01 ${STAMP} 7879`), { topic: '4142', data: '7879', stamp })
  t.strictSame(read(`4142 01 ${STAMP}`), { topic: '4142', data: '', stamp })
  t.strictSame(read(`01 ${STAMP} 00`), { topic: '', data: '00', stamp })
})

t.test('delivers a body without a terminator whole, and says so', async (t) => {
  for (const body of ['', '41', '4142434445', 'ff'.repeat(3_000)]) {
    t.strictSame(read(body), { topic: '', data: body, bare: true })
  }
})

t.test('looks for the terminator in 1,025 bytes, since a topic has 1,024 at most', async (t) => {
  const topic = '41'.repeat(1_024)
  t.strictSame(read(`${topic} 00 78`), { topic, data: '78' })
  t.strictSame(read(`${topic} 01 ${STAMP} 78`).topic, topic)
  const long = `${topic}420078`
  t.strictSame(read(long), { topic: '', data: long, bare: true })
})

t.test('takes 01 in data of other makers for no stamp', async (t) => {
  const fix = Buffer.from(
    '8=FIX.4.4|9=63|35=5|34=1091|49=TESTBUY1|52=20180920-18:24:58.675|56=TESTSELL1|10=138|'.replaceAll('|', '\x01'),
  )
  for (const body of [
    fix.toString('hex'),
    // A name of small letters; one of nine characters; number 0; number and time of 2^53.
    '41 01 61424344454647484939 00000000000004d2 0006474846204000 78',
    '41 01 41424344454647484920 00000000000004d2 0006474846204000 78',
    '41 01 41424344454647484939 0000000000000000 0006474846204000 78',
    '41 01 41424344454647484939 0020000000000000 0006474846204000 78',
    '41 01 41424344454647484939 00000000000004d2 0020000000000000 78',
  ]) {
    t.strictSame(read(body), { topic: '', data: body.replaceAll(' ', ''), bare: true }, body)
  }
})

t.test('takes a stamped body that is cut within the stamp as a whole, at every length', async (t) => {
  const body = `4142 01 ${STAMP} 7879`.replaceAll(' ', '')
  for (let length = 0; length <= body.length; length += 2) {
    const cut = body.slice(0, length)
    const seen = read(cut)
    if (length < 6 + 2 * STAMP_SIZE) t.strictSame(seen, { topic: '', data: cut, bare: true })
    else t.strictSame([seen.topic, seen.data, seen.bare], ['4142', cut.slice(58), undefined])
  }
})

t.test('does not look into raw bodies', async (t) => {
  for (const body of ['', '00', '41 00 78', `4142 01 ${STAMP} 7879`, '41']) {
    t.strictSame(read(body, 'raw'), { topic: '', data: body.replaceAll(' ', '') })
  }
})

t.test('writes stamps as they are read', async (t) => {
  const bytes = new Uint8Array(STAMP_SIZE + 2)
  writeStamp(bytes, 1, Buffer.from('ABCDEFGHI9'), 1234, 1_767_225_600_000_000)
  t.equal(hexOf(bytes), `00${STAMP}00`.replaceAll(' ', ''))
})

t.test('keeps nothing of the topic that it was given, and none of it in raw bodies', async (t) => {
  const topic = Buffer.from('AB')
  const heads = [bodyHead('topic', topic), stampedHead(topic), bodyHead('raw', topic)]
  topic.fill(0)
  t.strictSame(heads.map(hexOf), ['414200', '414201', ''])
})

t.test('frames a datagram as its body alone', async (t) => {
  for (const [format, expected] of [
    ['topic', '4142007879'],
    ['raw', '7879'],
  ] as const) {
    const framing = datagramFraming(format, 1_472)
    const head = framing.head(Buffer.from('AB'))
    const bytes = new Uint8Array(framing.size(head, 2))
    bytes.set(Buffer.from('xy'), framing.write(bytes, 0, head, 2, 1))
    t.equal(hexOf(bytes), expected)
    t.equal(framing.name, `datagram/${format}/1472`)
    t.equal(framing.maxBytes, 1_472)
  }
})

t.test('gives back topic, stamp and data of any message', async () => {
  const anyTopic = fc.uint8Array({ min: 2, maxLength: 1_024 })
  const anyName = fc.stringMatching(/^[0-9A-Z]{10}$/)
  const anyStamp = fc.option(fc.tuple(anyName, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), fc.maxSafeNat()))
  fc.assert(
    fc.property(anyTopic, anyStamp, fc.uint8Array({ maxLength: 100 }), (topic, stamp, data) => {
      const head = stamp === null ? bodyHead('topic', topic) : stampedHead(topic)
      const bytes = new Uint8Array(head.length + STAMP_SIZE)
      bytes.set(head)
      if (stamp !== null) writeStamp(bytes, head.length, Buffer.from(stamp[0]), stamp[1], stamp[2])
      const body = hexOf(stamp === null ? head : bytes) + hexOf(data)
      deepEqual(read(body), { topic: hexOf(topic), data: hexOf(data), ...(stamp && { stamp }) })
    }),
  )
})

t.test('splits any bytes into parts that cover them', async () => {
  const anyByte = fc.oneof(fc.constantFrom(0, 1, 0x41), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(fc.array(anyByte, { maxLength: 80 }), (bytes) => {
      const body = Buffer.from(bytes).toString('hex')
      const { topic, data, stamp, bare } = read(body)
      if (bare) return topic === '' && data === body
      const middle = 2 * (stamp === undefined ? 1 : 1 + STAMP_SIZE)
      return body.startsWith(topic) && body.endsWith(data) && topic.length + middle + data.length === body.length
    }),
    { numRuns: 2_000 },
  )
})

/** Reads a body that stands between bytes that would be terminators. */
function read(hex: string, format: BodyFormat = 'topic'): Seen {
  const body = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const bytes = Buffer.concat([Buffer.alloc(3), body, Buffer.alloc(40)])
  const reader = readers[format]
  reader.read(bytes, 3, 3 + body.length)
  const { topicStart, topicEnd, dataStart, dataEnd, streamStart, number, timeUs, bare } = reader
  if (topicStart !== 3 || dataEnd !== 3 + body.length) throw new Error('a body begins and ends where it does')
  return {
    topic: hexOf(bytes.subarray(topicStart, topicEnd)),
    data: hexOf(bytes.subarray(dataStart, dataEnd)),
    ...(streamStart >= 0 && { stamp: [bytes.toString('latin1', streamStart, streamStart + 10), number, timeUs] }),
    ...(bare && { bare }),
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
