import { deepEqual, equal } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { BodyReader } from '../../../../lib/framing/body.js'
import { moldudp64Framing } from '../../../../lib/framing/moldudp64/framing.js'
import { writeHeader } from '../../../../lib/framing/moldudp64/header.js'
import { PacketReader } from '../../../../lib/framing/moldudp64/packet.js'
import { sessionBytes } from '../../../../lib/framing/moldudp64/session.js'
import { bytesOf, examples, hexOf, joined, seenOf } from './packets.js'

const session = sessionBytes('FANWIRE001')

t.test('writes the blocks of the examples from raw bodies', async (t) => {
  const framing = moldudp64Framing('raw', 1_452)
  for (const name of ['data', 'zeroLength'] as const) {
    const messages = seenOf[name].messages ?? []
    const packet = joined(
      writeHeader(session, seenOf[name].sequence ?? 0, messages.length),
      ...messages.map((message) => framed(framing, '', bytesOf(message))),
    )
    t.equal(hexOf(packet), hexOf(bytesOf(examples[name])), name)
  }
})

t.test('puts the topic and its terminator in front of the data', async (t) => {
  const framing = moldudp64Framing('topic', 1_452)
  t.equal(hexOf(framed(framing, 'AB', bytesOf('7879'))), '0005 4142 00 7879'.replaceAll(' ', ''))
  t.equal(hexOf(framed(framing, '', new Uint8Array(0))), '0001 00'.replaceAll(' ', ''))
  t.equal(hexOf(framed(moldudp64Framing('raw', 1_452), 'AB', bytesOf('7879'))), '0002 7879'.replaceAll(' ', ''))
})

t.test('shares a log only where body and packet size are the same', async (t) => {
  t.equal(moldudp64Framing('topic', 1_452).name, 'moldudp64/topic/1452')
  t.equal(moldudp64Framing('raw', 1_452).name, 'moldudp64/raw/1452')
})

t.test('has room for what fits a packet, and never for more than the length can tell', async (t) => {
  t.equal(moldudp64Framing('raw', 1_452).maxBytes, 1_452)
  const { maxBytes } = moldudp64Framing('raw', 1_000_000)
  t.equal(maxBytes, 65_537)
  const largest = framed(moldudp64Framing('raw', 1_000_000), '', new Uint8Array(65_535).fill(1))
  t.equal(largest.length, maxBytes)
  t.equal(hexOf(largest.subarray(0, 2)), 'ffff')
})

t.test('keeps nothing of the topic that it was given', async (t) => {
  const topic = bytesOf('4142')
  const head = moldudp64Framing('topic', 1_452).head(topic)
  topic.fill(0)
  t.equal(hexOf(head), '414200')
})

t.test('gives back topic and data of any messages, packed together', async () => {
  const anyTopic = fc.uint8Array({ min: 2, max: 255, maxLength: 40 })
  const anyMessages = fc.array(fc.tuple(anyTopic, fc.uint8Array({ maxLength: 60 })), { minLength: 1, maxLength: 20 })
  const formats = fc.constantFrom('topic' as const, 'raw' as const)
  fc.assert(
    fc.property(formats, anyMessages, fc.integer({ min: 1, max: 2 ** 52 }), (format, messages, first) => {
      const framing = moldudp64Framing(format, 65_000)
      const heads = messages.map(([topic]) => framing.head(topic))
      const slab = new Uint8Array(5 + messages.reduce((n, [, data], i) => n + size(framing, heads[i], data), 0) + 5)
      let at = 5
      for (const [i, [, data]] of messages.entries()) {
        slab.set(data, framing.write(slab, at, heads[i] as Uint8Array, data.length, i + 1))
        at += size(framing, heads[i], data)
      }
      equal(at, slab.length - 5)
      equal(hexOf(slab.subarray(0, 5)) + hexOf(slab.subarray(at)), '0'.repeat(20))
      const packet = joined(writeHeader(session, first, messages.length), slab.subarray(5, at))
      const reader = new PacketReader()
      equal(reader.read(packet), true)
      deepEqual(
        [reader.kind, reader.flaw, reader.sequence, reader.next],
        ['data', undefined, first, first + messages.length],
      )
      const body = new BodyReader(format)
      for (const [topic, data] of messages) {
        equal(reader.advance(), true)
        body.read(packet, reader.start, reader.end)
        equal(body.bare, false)
        deepEqual(packet.slice(body.topicStart, body.topicEnd), format === 'raw' ? new Uint8Array(0) : topic)
        deepEqual(packet.slice(body.dataStart, body.dataEnd), data)
      }
      equal(reader.advance(), false)
    }),
  )
})

type Framing = ReturnType<typeof moldudp64Framing>

function size(framing: Framing, head: Uint8Array | undefined, data: Uint8Array): number {
  return framing.size(head as Uint8Array, data.length)
}

function framed(framing: Framing, topic: string, data: Uint8Array): Uint8Array {
  const head = framing.head(Buffer.from(topic))
  const bytes = new Uint8Array(framing.size(head, data.length))
  bytes.set(data, framing.write(bytes, 0, head, data.length, 1))
  return bytes
}
