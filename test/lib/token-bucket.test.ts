import { test } from 'tap'
import { TokenBucket } from '../../lib/token-bucket.js'
import { FakePlatform } from './support/fake-platform.js'

test('lets a burst of 5 ms leave at once, and then the rate', async (t) => {
  const clock = new FakePlatform()
  const bucket = new TokenBucket(1_000_000, () => clock.now())
  t.equal(bucket.burst, 5_000)
  let left = 0
  while (bucket.waitMs === 0 && left < 100) {
    bucket.take(1_000)
    left++
  }
  t.equal(left, 5)
  t.ok(bucket.waitMs > 0 && bucket.waitMs <= 0.001 + 1e-9, 'the next byte is due in a microsecond')
  clock.advance(1)
  t.equal(bucket.waitMs, 0)
})

test('goes into debt for a datagram larger than the burst, and pays it', async (t) => {
  const clock = new FakePlatform()
  const bucket = new TokenBucket(10_000, () => clock.now())
  t.equal(bucket.burst, 50)
  bucket.take(1_050)
  t.ok(Math.abs(bucket.waitMs - 100.1) < 1e-6)
  clock.advance(100)
  t.ok(bucket.waitMs > 0)
  clock.advance(0.2)
  t.equal(bucket.waitMs, 0)
})

test('saves up no more than its burst', async (t) => {
  const clock = new FakePlatform()
  const bucket = new TokenBucket(1_000, () => clock.now(), 10)
  clock.advance(60_000)
  bucket.take(10)
  t.ok(bucket.waitMs > 0)
})

test('keeps the rate however coarse the timers are', async (t) => {
  for (const [perSecond, tickMs] of [
    [125_000_000, 1],
    [125_000_000, 4],
    [50_000_000, 2],
    [1_000_000, 1],
    [20_000, 1],
  ] as const) {
    const clock = new FakePlatform()
    const bucket = new TokenBucket(perSecond, () => clock.now())
    let bytes = 0
    for (let ms = 0; ms < 2_000; ms += tickMs) {
      while (bucket.waitMs === 0) {
        bucket.take(1_472)
        bytes += 1_472
      }
      clock.advance(tickMs)
    }
    const most = perSecond * 2 + bucket.burst + 1_472
    t.ok(bytes <= most, `${bytes} of at most ${most} bytes at ${perSecond}/s`)
    t.ok(bytes >= perSecond * 2 * 0.99 - 1_472, `${bytes} bytes in 2 s at ${perSecond}/s, every ${tickMs} ms`)
  }
})

test('makes up for the time in which something waited, and no longer than for a while', async (t) => {
  const clock = new FakePlatform()
  const bucket = new TokenBucket(1_000, () => clock.now(), 5)
  const leaving = () => {
    let left = 0
    for (; bucket.waitMs === 0; left++) bucket.take(1)
    return left
  }
  t.equal(leaving(), 5)
  clock.advance(30)
  bucket.waited(50)
  t.equal(leaving(), 30, 'all that was gained')
  clock.advance(300)
  bucket.waited(50)
  t.equal(leaving(), 50, 'up to what is allowed')
  clock.advance(30)
  t.equal(leaving(), 5, 'nothing has waited')
  clock.advance(30)
  bucket.waited(50)
  bucket.take(10)
  clock.advance(101)
  t.equal(leaving(), 5, 'what was granted is not kept for a burst out of nothing')
  clock.advance(1)
  bucket.waited(2)
  t.equal(leaving(), 1, 'a grant is no less than the burst')
})
