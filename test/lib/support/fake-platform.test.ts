import { test } from 'tap'
import { FakePlatform } from './fake-platform.js'

test('fires timers in the order in which they fall due, those set meanwhile included', async (t) => {
  const platform = new FakePlatform()
  const seen: string[] = []
  platform.timer(20, () => seen.push(`late ${platform.now()}`))
  platform.timer(10, () => {
    seen.push(`early ${platform.now()}`)
    platform.timer(5, () => seen.push(`between ${platform.now()}`))
    platform.defer(() => seen.push('deferred'))
  })
  platform.timer(15, () => seen.push('cancelled')).cancel()
  platform.advance(19)
  t.strictSame(seen, ['early 10', 'deferred', 'between 15'])
  t.equal(platform.timers, 1)
  platform.advance(1)
  t.strictSame(seen.at(-1), 'late 20')
  t.equal(platform.now(), 20)
})

test('runs deferred callbacks and breaths only when told', async (t) => {
  const platform = new FakePlatform()
  let deferred = 0
  let breathed = 0
  platform.defer(() => {
    deferred++
    platform.defer(() => deferred++)
  })
  const breath = platform.breathe().then(() => breathed++)
  await undefined
  t.equal(deferred, 0)
  t.equal(platform.turn(), 2)
  t.equal(deferred, 2)
  t.equal(breathed, 0)
  t.equal(platform.breath(), 1)
  await breath
  t.equal(breathed, 1)
})
