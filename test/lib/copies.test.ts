import fc from 'fast-check'
import { test } from 'tap'
import { growing } from '../../lib/chunk.js'
import { Copies } from '../../lib/copies.js'
import { nodePlatform } from '../../lib/node/platform.js'

const bytes = fc.uint8Array({ maxLength: 40 })

/** Topic and data somewhere in memory. */
function placed(topic: Uint8Array, data: Uint8Array, before = 0, between = 0) {
  const memory = new Uint8Array(before + topic.length + between + data.length + 3).fill(0xaa)
  const topicEnd = before + topic.length
  memory.set(topic, before)
  memory.set(data, topicEnd + between)
  return [memory, before, topicEnd, topicEnd + between, topicEnd + between + data.length] as const
}

const said = (text: string, before = 0) => placed(new Uint8Array(0), Buffer.from(text), before)

test('a copy agrees with the first wherever it stands', async () => {
  fc.assert(
    fc.property(bytes, bytes, fc.nat(5), fc.nat(5), fc.nat(2 ** 40), (topic, data, before, between, number) => {
      const copies = new Copies(nodePlatform)
      copies.keep(number, ...placed(topic, data, 0, 1))
      return copies.agrees(number, ...placed(topic, data, before, between))
    }),
  )
})

test('one bit, one byte or the place of the boundary makes a difference', async () => {
  fc.assert(
    fc.property(bytes, bytes, fc.nat(), fc.nat(7), fc.nat(2), (topic, data, at, bit, before) => {
      const whole = Uint8Array.of(...topic, ...data, 1)
      const changed = whole.slice()
      const place = at % whole.length
      changed[place] = (changed[place] as number) ^ (1 << bit)
      const cut = (all: Uint8Array, length: number) => placed(all.subarray(0, length), all.subarray(length), before)
      const copies = new Copies(nodePlatform)
      copies.keep(7, ...placed(whole.subarray(0, topic.length), whole.subarray(topic.length)))
      const others = [cut(changed, topic.length), cut(whole.subarray(1), topic.length), cut(whole, topic.length + 1)]
      return others.every((other) => !copies.agrees(7, ...other))
    }),
  )
})

test('several messages of one chunk are compared each for itself', async (t) => {
  const copies = new Copies(nodePlatform)
  const [first, second] = [Buffer.from('onetwo.'), Buffer.from('onetwO.')]
  copies.keep(1, first, 0, 0, 0, 3)
  copies.keep(2, first, 3, 3, 3, 6)
  t.equal(copies.agrees(1, second, 0, 0, 0, 3), true)
  t.equal(copies.agrees(2, second, 3, 3, 3, 6), false)
  t.equal(copies.agrees(2, first, 3, 3, 3, 6), true)
})

test('a chunk may be filled further after its first message was compared', async (t) => {
  const copies = new Copies(nodePlatform)
  const [first, second] = [growing(Buffer.from('one...')), growing(Buffer.from('one...'))]
  copies.keep(1, first, 0, 0, 0, 3)
  t.equal(copies.agrees(1, second, 0, 0, 0, 3), true)
  first.write('two', 3)
  second.write('twO', 3)
  copies.keep(2, first, 3, 3, 3, 6)
  t.equal(copies.agrees(2, second, 3, 3, 3, 6), false)
})

test('a first copy that is no longer known agrees with anything', async (t) => {
  const copies = new Copies(nodePlatform)
  copies.keep(5, ...said('a'))
  t.equal(copies.agrees(5, ...said('b')), false)
  t.equal(copies.agrees(6, ...said('b')), true, 'never seen')
  copies.keep(5 + 16_384, ...said('b'))
  t.equal(copies.agrees(5, ...said('b')), true, 'its place was taken')
})

test('first copies of at most a MiB of chunks are known, and of the newest chunk always', async (t) => {
  const copies = new Copies(nodePlatform)
  const large = 'x'.repeat(2 ** 18)
  for (let number = 1; number <= 5; number++) copies.keep(number, ...said(large))
  const known = [1, 2, 3, 4, 5].map((number) => !copies.agrees(number, ...said('y')))
  t.same(known, [false, false, true, true, true])
  copies.keep(6, ...said('x'.repeat(2 ** 21)))
  t.same(
    [5, 6].map((number) => !copies.agrees(number, ...said('y'))),
    [false, true],
  )
})

test('first copies of some four thousand chunks are known', async (t) => {
  const copies = new Copies(nodePlatform)
  for (let number = 1; number <= 10_000; number++) copies.keep(number, ...said('x'))
  const known = Array.from({ length: 10_000 }, (_, i) => !copies.agrees(i + 1, ...said('y')))
  t.equal(known.filter(Boolean).length, 4_095)
  t.equal(known.lastIndexOf(false), 10_000 - 4_095 - 1, 'the last ones')
})
