import fc from 'fast-check'
import { test } from 'tap'
import { Fingerprints } from '../../lib/fingerprints.js'

const bytes = fc.uint8Array({ maxLength: 40 })

/** Topic and data somewhere in memory. */
function placed(topic: Uint8Array, data: Uint8Array, before: number, between: number) {
  const memory = new Uint8Array(before + topic.length + between + data.length + 3).fill(0xaa)
  const topicEnd = before + topic.length
  memory.set(topic, before)
  memory.set(data, topicEnd + between)
  return [memory, before, topicEnd, topicEnd + between, topicEnd + between + data.length] as const
}

test('a copy agrees with the first wherever it stands', async () => {
  fc.assert(
    fc.property(bytes, bytes, fc.nat(5), fc.nat(5), fc.nat(2 ** 40), (topic, data, before, between, number) => {
      const prints = new Fingerprints()
      prints.remember(number, ...placed(topic, data, 0, 1))
      return prints.agrees(number, ...placed(topic, data, before, between))
    }),
  )
})

test('one bit, one byte or the place of the boundary makes a difference', async () => {
  fc.assert(
    fc.property(bytes, bytes, fc.nat(), fc.integer({ min: 0, max: 7 }), (topic, data, at, bit) => {
      const whole = Uint8Array.of(...topic, ...data, 1)
      const changed = whole.slice()
      const place = at % whole.length
      changed[place] = (changed[place] as number) ^ (1 << bit)
      const cut = (all: Uint8Array, length: number) => placed(all.subarray(0, length), all.subarray(length), 0, 0)
      const prints = new Fingerprints()
      prints.remember(7, ...cut(whole, topic.length))
      const others = [cut(changed, topic.length), cut(whole.subarray(1), 0), cut(whole, topic.length + 1)]
      return others.every((other) => !prints.agrees(7, ...other))
    }),
  )
})

test('a number that is no longer known agrees with anything', async (t) => {
  const prints = new Fingerprints()
  prints.remember(5, ...placed(Uint8Array.of(1), Uint8Array.of(2), 0, 0))
  const other = placed(Uint8Array.of(1), Uint8Array.of(3), 0, 0)
  t.equal(prints.agrees(5, ...other), false)
  t.equal(prints.agrees(5 + 16_384, ...other), true, 'never seen')
  prints.remember(5 + 16_384, ...other)
  t.equal(prints.agrees(5, ...other), true, 'its place was taken')
})
