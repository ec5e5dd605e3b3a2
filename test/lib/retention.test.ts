import t from 'tap'
import { createProducer } from '../../lib/index.js'
import { Retention } from '../../lib/retention.js'

t.test('to retain none of something is to retain nothing', async (t) => {
  for (const retain of [{ messages: 0 }, { bytes: 0 }, { ageMs: 0 }, { messages: 5, bytes: 0 }]) {
    t.ok(new Retention(retain).nothing)
  }
  t.ok(new Retention(undefined).nothing)
  t.notOk(new Retention({ messages: 1, bytes: undefined }).nothing)
})

t.test('a transport that needs the past has its way only where nothing was said', async (t) => {
  const open = new Retention(undefined)
  open.retain(1_000)
  t.notOk(open.nothing)
  const none = new Retention({ messages: 0 })
  none.retain(1_000)
  t.ok(none.nothing)
})

t.test('a producer that retains none holds as little memory as one that was not asked to', async (t) => {
  const used: number[] = []
  for (const retain of [undefined, '0', { bytes: 0 }] as const) {
    const producer = await createProducer('inproc://retain-none', retain === undefined ? {} : { retain })
    for (let i = 0; i < 1_000; i++) await producer.send('a', 'x'.repeat(1_000))
    used.push(producer.stats().memory.used)
    await producer.close()
  }
  t.strictSame(used, [used[0], used[0], used[0]])
})
