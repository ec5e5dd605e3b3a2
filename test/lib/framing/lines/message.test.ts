import fc from 'fast-check'
import { test } from 'tap'
import { type BodyFormat, BodyReader, type Stamping } from '../../../../lib/framing/body.js'
import type { Framing } from '../../../../lib/framing/framing.js'
import { LineDecoder } from '../../../../lib/framing/lines/decoder.js'
import { lineFraming, sizedForm, sizedFraming } from '../../../../lib/framing/lines/message.js'
import { RecordDecoder } from '../../../../lib/framing/records.js'
import { fromHex, toHex } from '../zmtp/reader.js'

const stamping: Stamping = { stream: Buffer.from('ABCDEFGHI9'), time: () => 1_767_225_600_000_000 }

function frame(framing: Framing, topic: string, data: Uint8Array, number = 1): Uint8Array {
  const head = framing.head(Buffer.from(topic))
  const bytes = new Uint8Array(framing.size(head, data.length)).fill(0xa5)
  bytes.set(data, framing.write(bytes, 0, head, data.length, number))
  return bytes
}

function framed(framing: Framing, topic: string, data: string, number?: number): string {
  return toHex(frame(framing, topic, Buffer.from(data), number))
}

test('ends data alone, or topic, a zero and data, by a newline', async (t) => {
  t.equal(framed(lineFraming('raw'), 'unseen', 'ABC'), '4142430a')
  t.equal(framed(lineFraming('raw'), '', ''), '0a')
  t.equal(framed(lineFraming('raw'), '', 'é\r\0'), 'c3a90d000a')
  t.equal(framed(lineFraming('topic'), 'top', 'ab'), '746f700061620a')
  t.equal(framed(lineFraming('topic'), '', ''), '000a')
})

test('puts the size of a body in front of it, in four bytes', async (t) => {
  t.equal(framed(sizedFraming('raw'), 'unseen', 'A\n\r\n'), '00000004410a0d0a')
  t.equal(framed(sizedFraming('raw'), '', ''), '00000000')
  t.equal(framed(sizedFraming('topic'), 'top', 'ab'), '00000006746f70006162')
  t.equal(framed(sizedFraming('topic'), '', ''), '0000000100')
  const large = frame(sizedFraming('raw'), '', new Uint8Array(0x01_02_03))
  t.equal(toHex(large.subarray(0, 4)), '00010203')
})

test('puts a stamp between topic and data, with the number that the log gives', async (t) => {
  const stamp = '4142434445464748493900000000000004d20006474846204000'
  t.equal(framed(sizedFraming('topic', stamping), 'top', 'ab', 1234), `00000020746f7001${stamp}6162`)
  t.equal(framed(sizedFraming('topic', stamping), '', '', 1234), `0000001b01${stamp}`)
})

test('refuses to put into a line what no reader would get as it is, and says what is right', async (t) => {
  const cases: [data: string, message: RegExp][] = [
    ['\n', /the data has a newline in it, where a newline ends the message; .*frame: 'u32'/],
    ['a\nb', /has a newline in it/],
    ['a\r\n', /has a newline in it/],
    [`${'x'.repeat(5_000)}\n`, /has a newline in it/],
    ['\r', /the data ends with a carriage return.*frame: 'u32'/],
    ['a\r', /ends with a carriage return/],
  ]
  for (const format of ['raw', 'topic'] as const) {
    const framing = lineFraming(format)
    for (const [data, message] of cases) {
      for (const form of [data, Buffer.from(data), new Uint8Array(Buffer.from(data))]) {
        t.throws(() => framing.check?.(form), { code: 'BAD_VALUE', message })
      }
    }
    for (const data of ['', 'a', 'a\rb', '\ra', '\u010a', 'ਊ', '\0', '\x0b\x0c\u2028']) {
      for (const form of [data, Buffer.from(data), new Uint8Array(Buffer.from(data))]) framing.check?.(form)
    }
  }
  t.equal(sizedFraming('raw').check, undefined)
})

test('refuses a topic with a newline where topics are part of the line', async (t) => {
  t.throws(() => lineFraming('topic').head(Buffer.from('a\nb')), { code: 'BAD_TOPIC', message: /has a newline/ })
  t.equal(lineFraming('raw').head(Buffer.from('a\nb')).length, 0)
  t.equal(lineFraming('topic').head(Buffer.from('a\r')).length, 3)
  t.equal(sizedFraming('topic').head(Buffer.from('a\nb')).length, 4)
})

test('has a log of its own for every form', async (t) => {
  const framings = [
    lineFraming('raw'),
    lineFraming('topic'),
    sizedFraming('raw'),
    sizedFraming('topic'),
    sizedFraming('topic', stamping),
  ]
  t.equal(new Set(framings.map(({ name }) => name)).size, 5)
})

test('brings back any message that it does not refuse', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 30 })
  const text = fc.uint8Array({ maxLength: 30 }).map((data) => data.map((byte) => byte & 0x1f))
  const topics = fc
    .string({ unit: 'binary', maxLength: 6 })
    .filter((topic) => !topic.includes('\0') && !topic.includes('\x01'))
  const messages = fc.array(fc.record({ topic: topics, data: fc.oneof(bytes, text) }), { maxLength: 8 })
  const formats = fc.constantFrom<BodyFormat>('raw', 'topic')
  let refused = 0
  fc.assert(
    fc.property(fc.constantFrom('newline', 'u32'), formats, fc.boolean(), messages, (how, format, stamps, all) => {
      const framing =
        how === 'newline'
          ? lineFraming(format)
          : sizedFraming(format, stamps && format === 'topic' ? stamping : undefined)
      const taken = all.filter(({ topic, data }) => {
        try {
          framing.head(Buffer.from(topic))
          framing.check?.(data)
          return true
        } catch {
          refused++
          return false
        }
      })
      const reader = new BodyReader(format)
      const seen: { topic: string; data: string }[] = []
      const onRecord = (chunk: Uint8Array, start: number, end: number) => {
        reader.read(chunk, start, end)
        const { topicStart, topicEnd, dataStart, dataEnd } = reader
        const topic = Buffer.from(chunk.subarray(topicStart, topicEnd)).toString()
        return seen.push({ topic, data: toHex(chunk.subarray(dataStart, dataEnd)) }) > 0
      }
      const allocate = (size: number) => new Uint8Array(size)
      const decoder =
        how === 'newline'
          ? new LineDecoder(onRecord, { maxLineBytes: 100, allocate })
          : new RecordDecoder(onRecord, { form: sizedForm, maxBodyBytes: 200, allocate })
      for (const { topic, data } of taken) decoder.push(frame(framing, topic, data))
      const expected = taken.map(({ topic, data }) => ({ topic: format === 'raw' ? '' : topic, data: toHex(data) }))
      t.strictSame(seen, expected)
    }),
  )
  t.ok(refused > 0, 'some were refused')
})

test('reads what other programs write with a size in front', async (t) => {
  // What Python's struct.pack('>I', len(data)) + data gives for b'ABC', b'' and b'a\nb'.
  const bytes = fromHex('00000003414243 00000000 00000003610a62')
  for (let at = 0; at <= bytes.length; at++) {
    const seen: string[] = []
    const decoder = new RecordDecoder((chunk, start, end) => seen.push(toHex(chunk.subarray(start, end))) > 0, {
      form: sizedForm,
      maxBodyBytes: 3,
      allocate: (size) => new Uint8Array(size),
    })
    decoder.push(bytes.slice(0, at))
    t.equal(decoder.begun, ![0, 7, 11, 18].includes(at), `cut at ${at}`)
    decoder.push(bytes.slice(at))
    t.strictSame(seen, ['414243', '', '610a62'])
    t.equal(decoder.begun, false)
  }
  for (const size of ['00000004', '7fffffff', 'ffffffff']) {
    const allocate = () => {
      throw new Error('memory was reserved')
    }
    const decoder = new RecordDecoder(() => true, { form: sizedForm, maxBodyBytes: 3, allocate })
    t.throws(() => decoder.push(fromHex(size)), { code: 'BAD_PEER', message: /at most 3 are accepted/ })
  }
})
