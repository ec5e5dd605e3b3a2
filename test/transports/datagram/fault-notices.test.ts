import { test } from 'tap'
import type { Fault } from '../../../lib/transport.js'
import { FaultNotices } from '../../../transports/datagram/fault-notices.js'
import { FakePlatform } from '../../lib/support/fake-platform.js'

test('tells each cause at once, and then every 10 seconds how often it came', async (t) => {
  const clock = new FakePlatform()
  const told: string[] = []
  const notices = new FaultNotices(
    () => clock.now(),
    ({ message }) => told.push(message),
  )
  const fault = (message: string) => (): Fault => ({ code: 'SEND_FAILED', message })
  for (let i = 0; i < 50; i++) notices.add('a', fault('a'))
  notices.add('b', fault('b'))
  t.same(told, ['a', 'b'])
  clock.advance(9_999)
  notices.add('a', fault('a'))
  clock.advance(1)
  notices.add('a', fault('a'))
  notices.add('b', fault('b'))
  t.same(told.slice(2), ['a (and 50 times since this was last told)', 'b'])
})
