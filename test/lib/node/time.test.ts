import t from 'tap'
import { nodePlatform } from '../../../lib/node/platform.js'

t.test('tells the time of day in whole microseconds, and follows a clock that is set', async (t) => {
  const near = () => {
    const before = Date.now()
    const time = nodePlatform.time()
    const after = Date.now()
    t.ok(Number.isSafeInteger(time))
    t.ok(time / 1_000 > before - 3 && time / 1_000 < after + 3, `${time} is about ${before}`)
    return time
  }
  const first = near()
  const { now } = Date
  const set = t.intercept(Date, 'now', { value: () => now() + 3_600_000 })
  t.ok(near() - first >= 3_599_000_000)
  set.restore()
  t.ok(near() - first < 60_000_000)
})

t.test('tells microseconds and not only milliseconds', async (t) => {
  const times = Array.from({ length: 1_000 }, () => nodePlatform.time())
  t.ok(new Set(times.map((time) => time % 1_000)).size > 10)
  t.ok(times.every((time, i) => i === 0 || time >= (times[i - 1] as number) - 3_000))
})
