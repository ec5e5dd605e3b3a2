import t from 'tap'
import { Pace, perSecond } from '../../cli/pace.js'

t.test('lets the first pass at once and the others at equal distances', async (t) => {
  const pace = new Pace(10, () => 5_000)
  t.strictSame([pace.next(), pace.next(), pace.next()], [0, 100, 200])
})

t.test('makes up for coarse timers', async (t) => {
  let now = 0
  const pace = new Pace(1_000, () => now)
  t.strictSame([pace.next(), pace.next()], [0, 1])
  now = 5
  t.strictSame([pace.next(), pace.next(), pace.next(), pace.next(), pace.next()], [0, 0, 0, 0, 1])
})

t.test('does not make up for a long pause', async (t) => {
  let now = 0
  const pace = new Pace(100, () => now)
  pace.next()
  now = 60_000
  const passed = Array.from({ length: 20 }, () => pace.next())
  t.equal(passed.filter((waitMs) => waitMs === 0).length, 11, 'a tenth of a second of it')
})

t.test('reads how many a second', async (t) => {
  const read = (text: string) => perSecond().check(perSecond().read?.(text), '--rate')
  t.strictSame(['100/s', '100', '0.5/s', '1_000/s'].map(read), [100, 100, 0.5, 1_000])
  for (const wrong of ['', '/s', '5/m', 'fast', '0', '-1/s']) t.throws(() => read(wrong), { code: 'BAD_OPTION' }, wrong)
})
