import fc from 'fast-check'
import t from 'tap'
import { checkTopic, MAX_TOPIC_BYTES } from '../../lib/topic.js'

const badTopic = { name: 'FanwireError', code: 'BAD_TOPIC' }

t.test('takes topics up to 1,024 bytes', async (t) => {
  const longest = ['', 'trades.AAPL', 'a'.repeat(1024), 'é'.repeat(512), '€'.repeat(341), '😀'.repeat(256)]
  for (const topic of longest) t.doesNotThrow(() => checkTopic(topic), JSON.stringify(topic.slice(0, 12)))
})

t.test('refuses topics from 1,025 bytes', async (t) => {
  const longer = ['a'.repeat(1025), `${'é'.repeat(512)}a`, '€'.repeat(342), `${'😀'.repeat(256)}a`, 'a'.repeat(1e7)]
  for (const topic of longer) t.throws(() => checkTopic(topic), badTopic, JSON.stringify(topic.slice(0, 12)))
})

t.test('refuses the two characters that end a topic on the wire', async (t) => {
  t.throws(() => checkTopic('a\u0000b'), { ...badTopic, message: /U\+0000.*position 1/ })
  t.throws(() => checkTopic('\u0001'), { ...badTopic, message: /U\+0001/ })
  t.doesNotThrow(() => checkTopic('\u0002\t\n\u007f'))
})

t.test('refuses what is not text', async (t) => {
  for (const topic of [undefined, null, 7, new Uint8Array(3)]) {
    t.throws(() => checkTopic(topic as unknown as string), badTopic, String(topic))
  }
})

t.test('agrees with the platform about size and half characters', async (t) => {
  const unit = fc.oneof(fc.integer({ min: 2, max: 0xffff }), fc.constantFrom(0xd800, 0xdbff, 0xdc00, 0xdfff, 0x41))
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), fc.nat({ max: 400 }), (units, times) => {
      const topic = String.fromCharCode(...units).repeat(times)
      const bytes = new TextEncoder().encode(topic)
      const good =
        bytes.length <= MAX_TOPIC_BYTES && new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) === topic
      let passed = true
      try {
        checkTopic(topic)
      } catch {
        passed = false
      }
      // Text above the limit may be refused for either reason.
      return passed === good
    }),
  )
  t.pass()
})
