import t from 'tap'
import {
  type Channel,
  findObstacle,
  interfaceOf,
  multicastChannel,
  type Place,
  unicastChannel,
} from '../../../examples/stock-feed/channel.js'

t.test('by multicast everybody hears the same lines, as many as it wants', async (t) => {
  const { kind, publisher, receivers } = await multicastChannel([2, 1])
  t.equal(kind, 'multicast')
  t.equal(new Set(publisher.lines).size, 2)
  for (const url of publisher.lines) t.match(url, /^multicast:\/\/239\.192\.\d+\.\d+:\d+$/)
  t.same(
    receivers.map(({ lines }) => lines),
    [publisher.lines, publisher.lines.slice(0, 1)],
  )
  t.ok(receivers.every(({ requests }) => requests === publisher.requests))
  t.same(interfaceOf(publisher), { interface: '127.0.0.1' })
})

t.test('by unicast nobody shares a line, and the publisher feeds them all', async (t) => {
  const { kind, publisher, receivers } = await unicastChannel([2, 1, 2])
  t.equal(kind, 'unicast')
  t.same(
    receivers.map(({ lines }) => lines.length),
    [2, 1, 2],
  )
  t.same(
    receivers.flatMap(({ lines }) => lines),
    publisher.lines,
  )
  t.equal(new Set(publisher.lines).size, 5)
  for (const url of publisher.lines) t.match(url, /^udp:\/\/127\.0\.0\.1:\d+$/)
  t.same(interfaceOf(publisher), {})
})

t.test('what a line cannot carry is an obstacle, with its reason', async (t) => {
  const through = (...lines: string[]): Channel => {
    const publisher: Place = { lines, requests: '127.0.0.1:1' }
    return { kind: 'multicast', publisher, receivers: [] }
  }
  t.match(await findObstacle(through('multicast://127.0.0.1:5')), /BAD_ADDRESS/)
  t.match(await findObstacle(through('udp://127.0.0.1:5')), /interface belongs to a multicast group/)
})
