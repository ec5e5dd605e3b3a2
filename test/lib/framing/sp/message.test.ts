import fc from 'fast-check'
import { test } from 'tap'
import { type BodyFormat, BodyReader, STAMP_SIZE, type Stamping } from '../../../../lib/framing/body.js'
import { type SpMapping, spForms, spFraming } from '../../../../lib/framing/sp/message.js'
import { fromHex, toHex } from '../zmtp/reader.js'

const mappings = ['tcp', 'ipc'] as const
const stamping: Stamping = { stream: Buffer.from('ABCDEFGHI9'), time: () => 1_767_225_600_000_000 }

interface Form {
  readonly mapping: SpMapping
  readonly format: BodyFormat
  readonly stamping?: Stamping
}

function frame({ mapping, format, stamping }: Form, topic: string, data: Uint8Array, number = 1): Uint8Array {
  const framing = spFraming(mapping, format, stamping)
  const head = framing.head(Buffer.from(topic))
  const bytes = new Uint8Array(framing.size(head, data.length)).fill(0xa5)
  bytes.set(data, framing.write(bytes, 0, head, data.length, number))
  return bytes
}

function framed(form: Form, topic: string, data: string, number?: number): string {
  return toHex(frame(form, topic, Buffer.from(data), number))
}

function flat(text: string): string {
  return text.replace(/\s+/g, '')
}

// What libnanomsg 1.1.5 and libnng 1.5.2 send for bodies that are these data alone.
test('frames data alone byte for byte as nanomsg and NNG do', async (t) => {
  const raw = 'raw'
  t.equal(framed({ mapping: 'tcp', format: raw }, 'unseen', 'ABC'), flat('00 00 00 00 00 00 00 03  41 42 43'))
  t.equal(framed({ mapping: 'tcp', format: raw }, '', ''), flat('00 00 00 00 00 00 00 00'))
  t.equal(
    framed({ mapping: 'tcp', format: raw }, '', 'topic|hello'),
    flat('00 00 00 00 00 00 00 0b  74 6f 70 69 63 7c 68 65 6c 6c 6f'),
  )
  t.equal(framed({ mapping: 'tcp', format: raw }, '', 'xyz'), flat('00 00 00 00 00 00 00 03  78 79 7a'))
  t.equal(framed({ mapping: 'ipc', format: raw }, '', 'ABC'), flat('01  00 00 00 00 00 00 00 03  41 42 43'))
})

test('puts the topic, a zero and the data in one body, with or without a type in front', async (t) => {
  const body = '74 6f 70  00  61 62'
  t.equal(framed({ mapping: 'tcp', format: 'topic' }, 'top', 'ab'), flat(`0000000000000006 ${body}`))
  t.equal(framed({ mapping: 'ipc', format: 'topic' }, 'top', 'ab'), flat(`01 0000000000000006 ${body}`))
  t.equal(framed({ mapping: 'tcp', format: 'topic' }, '', ''), flat('0000000000000001 00'))
})

test('puts a stamp between topic and data, with the number that the log gives', async (t) => {
  const stamp = '41424344454647484939 00000000000004d2 0006474846204000'
  const form = { format: 'topic', stamping } as const
  const body = `74 6f 70  01  ${stamp} 61 62`
  t.equal(framed({ mapping: 'tcp', ...form }, 'top', 'ab', 1234), flat(`0000000000000020 ${body}`))
  t.equal(framed({ mapping: 'ipc', ...form }, 'top', 'ab', 1234), flat(`01 0000000000000020 ${body}`))
  t.equal(framed({ mapping: 'tcp', ...form }, '', '', 1234), flat(`000000000000001b 01 ${stamp}`))
})

test('shares a log only where the bytes are the same', async (t) => {
  const names = mappings.flatMap((mapping) => [
    spFraming(mapping, 'topic').name,
    spFraming(mapping, 'raw').name,
    spFraming(mapping, 'topic', stamping).name,
  ])
  t.equal(new Set(names).size, names.length)
  t.equal(spFraming('tcp', 'raw').name, spFraming('tcp', 'raw').name)
})

test('reads the size of a body at any place', async (t) => {
  const sizes: [bytes: string, size: number][] = [
    ['0000000000000000', 0],
    ['0000000000000001', 1],
    ['000000000000ffff', 65_535],
    ['0000000000010000', 65_536],
    ['0000000000100000', 1_048_576],
    ['0000000100000000', 2 ** 32],
    ['0020000000000000', 2 ** 53],
    ['8000000000000000', 2 ** 63],
    ['ffffffffffffffff', 2 ** 64],
  ]
  for (const [bytes, size] of sizes) {
    t.equal(spForms.tcp.bodySize(fromHex(`aaaa${bytes}`), 2), size, bytes)
    t.equal(spForms.ipc.bodySize(fromHex(`aaaa01${bytes}`), 2), size, bytes)
  }
})

test('takes no type of message but 1', async (t) => {
  for (let type = 0; type < 256; type++) {
    const bytes = Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0, 5)
    if (type === 1) t.equal(spForms.ipc.bodySize(bytes, 0), 5)
    else t.throws(() => spForms.ipc.bodySize(bytes, 0), { code: 'BAD_PEER', message: /of the type/ }, `${type}`)
  }
})

test('reads back what was framed, whatever it was', async (t) => {
  const topic = fc
    .string({ unit: 'grapheme', maxLength: 30 })
    .filter((text) => !text.includes('\0') && !text.includes('\x01'))
  const form: fc.Arbitrary<Form> = fc.oneof(
    fc.record({ mapping: fc.constantFrom(...mappings), format: fc.constantFrom<BodyFormat>('topic', 'raw') }),
    fc.record({
      mapping: fc.constantFrom(...mappings),
      format: fc.constant('topic' as const),
      stamping: fc.constant(stamping),
    }),
  )
  const number = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
  fc.assert(
    fc.property(form, topic, fc.uint8Array({ maxLength: 300 }), number, (form, topic, data, number) => {
      const bytes = frame(form, topic, data, number)
      const { headerSize, bodySize } = spForms[form.mapping]
      t.equal(headerSize + bodySize(bytes, 0), bytes.length)
      const body = new BodyReader(form.format)
      body.read(bytes, headerSize, bytes.length)
      t.equal(toHex(bytes.subarray(body.dataStart, body.dataEnd)), toHex(data))
      const seenTopic = Buffer.from(bytes.subarray(body.topicStart, body.topicEnd)).toString()
      t.equal(seenTopic, form.format === 'raw' ? '' : topic)
      t.equal(body.streamStart >= 0, form.stamping !== undefined)
      if (form.stamping === undefined) return
      t.equal(body.number, number)
      t.equal(body.timeUs, 1_767_225_600_000_000)
      t.equal(body.dataStart - body.streamStart, STAMP_SIZE)
    }),
  )
})
