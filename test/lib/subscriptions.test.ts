import fc from 'fast-check'
import t from 'tap'
import { Subscriptions } from '../../lib/subscriptions.js'
import { TopicNames } from '../../lib/topic-names.js'
import { FakePlatform } from './support/fake-platform.js'

const utf8 = (text: string) => new TextEncoder().encode(text)

function scene(most?: { readonly topics: number; readonly bytes: number }) {
  const platform = new FakePlatform()
  const subscriptions = new Subscriptions(platform, new TopicNames(platform, most))
  const wants = (topic: string | Uint8Array) => {
    const bytes = typeof topic === 'string' ? utf8(topic) : topic
    // Somewhere in a chunk, as topics are.
    const chunk = new Uint8Array(bytes.length + 5)
    chunk.set(bytes, 3)
    return subscriptions.wants(chunk, 3, 3 + bytes.length)
  }
  return { subscriptions, wants }
}

t.test('wants the topics that begin with a prefix, and nothing without one', async (t) => {
  const { subscriptions, wants } = scene()
  t.equal(wants('trades'), false)
  subscriptions.add('trades.A')
  const cases: readonly [topic: string, wanted: boolean][] = [
    ['trades.A', true],
    ['trades.AAPL', true],
    ['trades.B', false],
    ['trades.', false],
    ['', false],
    ['xtrades.A', false],
  ]
  for (const [topic, wanted] of cases) t.equal(wants(topic), wanted, topic)
  subscriptions.add('')
  t.equal(subscriptions.all, true)
  for (const [topic] of cases) t.equal(wants(topic), true)
  subscriptions.remove('')
  for (const [topic, wanted] of cases) t.equal(wants(topic), wanted, topic)
})

t.test('compares bytes, so that half a character and no text at all are prefixes, too', async (t) => {
  const { subscriptions, wants } = scene()
  const [half] = [utf8('é').subarray(0, 1)]
  subscriptions.add(half as Uint8Array)
  t.equal(wants('été'), true)
  t.equal(wants(Uint8Array.of(0xff, 0xfe)), false)
  subscriptions.add(Uint8Array.of(0xff))
  t.equal(wants(Uint8Array.of(0xff, 0xfe)), true)
})

t.test('counts how often a prefix was asked for, whether as text or as bytes', async (t) => {
  const { subscriptions, wants } = scene()
  t.strictSame(subscriptions.add('a'), utf8('a'))
  t.equal(subscriptions.add(utf8('a')), undefined, 'known')
  t.equal(subscriptions.size, 1)
  t.equal(subscriptions.remove('a'), undefined, 'still wanted')
  t.equal(wants('a'), true)
  t.strictSame(subscriptions.remove(utf8('a')), utf8('a'))
  t.equal(wants('a'), false)
  t.equal(subscriptions.remove('a'), undefined, 'never again')
  t.equal(subscriptions.size, 0)
  t.strictSame(subscriptions.prefixes, [])
})

t.test('keeps bytes of its own', async (t) => {
  const { subscriptions, wants } = scene()
  const prefix = utf8('a')
  const added = subscriptions.add(prefix)
  prefix[0] = 0x62
  t.strictSame(added, utf8('a'))
  t.strictSame(subscriptions.prefixes, [utf8('a')])
  t.equal(wants('a'), true)
})

t.test('tells whether a topic is wanted', async (t) => {
  const { subscriptions } = scene()
  subscriptions.add('a.')
  t.equal(subscriptions.has('a.b'), true)
  t.equal(subscriptions.has(utf8('a.b')), true)
  t.equal(subscriptions.has('a'), false)
})

t.test('matches topics beyond the longest allowed one, as foreign peers may send them', async (t) => {
  const { subscriptions, wants } = scene()
  subscriptions.add('a'.repeat(1_024))
  t.equal(wants('a'.repeat(5_000)), true)
  t.equal(wants('a'.repeat(1_023)), false)
  t.equal(wants(`b${'a'.repeat(5_000)}`), false)
})

t.test('agrees with startsWith after any changes, whatever it remembers of topics', async (t) => {
  const topic = fc.constantFrom('', 'a', 'ab', 'abc', 'b', 'ba', 'é', 'éa', 'c')
  const step = fc.record({ prefix: topic, on: fc.boolean(), asked: fc.array(topic, { maxLength: 5 }) })
  const most = fc.constantFrom(undefined, { topics: 2, bytes: 1_000 }, { topics: 100, bytes: 6 })
  fc.assert(
    fc.property(most, fc.array(step, { maxLength: 40, size: 'max' }), (most, steps) => {
      const { subscriptions, wants } = scene(most)
      const counts = new Map<string, number>()
      for (const { prefix, on, asked } of steps) {
        const count = counts.get(prefix) ?? 0
        if (on) subscriptions.add(prefix)
        else subscriptions.remove(prefix)
        counts.set(prefix, Math.max(0, count + (on ? 1 : -1)))
        const wanted = [...counts].filter(([, times]) => times > 0).map(([prefix]) => prefix)
        for (const topic of asked) {
          const expected = wanted.some((prefix) => topic.startsWith(prefix))
          if (wants(topic) !== expected) throw new Error(`${topic} is ${expected ? '' : 'not '}wanted by ${wanted}`)
        }
      }
    }),
    { numRuns: Number(process.env.FC_RUNS ?? 200), seed: Number(process.env.FC_SEED ?? 20260101) },
  )
  t.pass('no counterexample')
})
