import t from 'tap'
import { Rate } from '../../../../examples/stock-feed/show/rate.js'

t.test('tells how much a count has grown in about the last second', async (t) => {
  const rate = new Rate()
  t.equal(rate.see(0, 0), 0)
  t.equal(rate.see(100, 500), 200)
  t.equal(rate.see(300, 1_000), 300)
  t.equal(rate.see(300, 1_500), 200, 'the first half second is forgotten')
  t.equal(rate.see(300, 2_500), 0)
})

t.test('begins anew with a process that counts from nothing', async (t) => {
  const rate = new Rate()
  rate.see(1_000, 0)
  rate.see(2_000, 1_000)
  t.equal(rate.see(10, 1_100), 0)
  t.equal(rate.see(60, 1_200), 500)
})
