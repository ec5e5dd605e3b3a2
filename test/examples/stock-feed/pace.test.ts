import t from 'tap'
import { Pace } from '../../../examples/stock-feed/pace.js'

t.test('spreads messages evenly, and lets late ones follow quickly', async (t) => {
  let now = 0
  const pace = new Pace(100, () => now)
  t.strictSame([pace.next(), pace.next(), pace.next()], [0, 10, 20])
  now = 60
  t.strictSame([pace.next(), pace.next()], [-30, -20])
})

t.test('does not catch up with what is long past', async (t) => {
  let now = 0
  const pace = new Pace(100, () => now)
  now = 10_000
  const waits = Array.from({ length: 12 }, () => pace.next())
  t.equal(waits.filter((wait) => wait <= 0).length, 11)
})

t.test('holds nothing back without a pace', async (t) => {
  const pace = new Pace(Number.POSITIVE_INFINITY, () => 0)
  for (let i = 0; i < 5; i++) t.equal(pace.next(), 0)
})
