import { test } from 'tap'
import { type GroupSocket, Membership, type Wanted } from '../../../transports/datagram/membership.js'
import { stoppedClock } from './ends.js'

/** Joins and leaves nothing, but notes what it is asked for, and fails as it is told. */
class SocketDouble implements GroupSocket {
  readonly calls: string[] = []
  failure: string | undefined

  addMembership(group: string, selector?: string): void {
    this.#note(`join ${group} on ${selector}`)
  }

  dropMembership(group: string, selector?: string): void {
    this.#note(`leave ${group} on ${selector}`)
  }

  addSourceSpecificMembership(source: string, group: string, selector?: string): void {
    this.#note(`join ${group} of ${source} on ${selector}`)
  }

  dropSourceSpecificMembership(source: string, group: string, selector?: string): void {
    this.#note(`leave ${group} of ${source} on ${selector}`)
  }

  #note(call: string): void {
    this.calls.push(call)
    if (this.failure) throw Object.assign(new Error(`addMembership ${this.failure}`), { code: this.failure })
  }
}

const wanted: Wanted = {
  group: '239.1.2.3',
  family: 4,
  interface: '127.0.0.1',
  source: undefined,
  url: 'multicast://239.1.2.3:5000',
}

function membership(changes: Partial<Wanted> = {}, failure?: string) {
  const socket = new SocketDouble()
  socket.failure = failure
  const { clock, faults, context } = stoppedClock()
  return { socket, clock, faults, membership: new Membership(socket, { ...wanted, ...changes }, context) }
}

test('tries again with growing pauses while the interface is not up, and tells each cause once', async (t) => {
  const { socket, clock, faults, membership: one } = membership({}, 'ENODEV')
  one.join()
  t.equal(one.joined, false)
  const tries: number[] = []
  for (let ms = 0; ms < 60_000; ms += 100) {
    const before = socket.calls.length
    clock.advance(100)
    if (socket.calls.length > before) tries.push(ms + 100)
  }
  t.same(tries, [100, 300, 700, 1_500, 3_100, 6_300, 12_700, 22_700, 32_700, 42_700, 52_700])
  t.match(faults.all, [
    {
      code: 'JOIN_FAILED',
      message:
        'cannot join 239.1.2.3 on 127.0.0.1 for multicast://239.1.2.3:5000: addMembership ENODEV; trying again until it is there',
      remote: 'multicast://239.1.2.3:5000',
    },
  ])
  socket.failure = 'EADDRNOTAVAIL'
  clock.advance(30_000)
  t.equal(faults.all.length, 2, 'another cause is told, too')
  socket.failure = undefined
  clock.advance(10_000)
  t.equal(one.joined, true)
  t.equal(clock.timers, 0)
  socket.failure = 'EADDRNOTAVAIL'
  one.rejoin()
  t.equal(faults.all.length, 3, 'it was up in between')
  t.equal(one.joined, false)
  clock.advance(100)
  t.equal(faults.all.length, 3)
})

test('leaves before it joins anew', async (t) => {
  const { socket, membership: one } = membership()
  one.join()
  one.rejoin()
  t.same(socket.calls, ['join 239.1.2.3 on 127.0.0.1', 'leave 239.1.2.3 on 127.0.0.1', 'join 239.1.2.3 on 127.0.0.1'])
  const { socket: other, membership: two } = membership({ source: '10.0.0.5' })
  two.join()
  two.rejoin()
  t.same(other.calls, [
    'join 239.1.2.3 of 10.0.0.5 on 127.0.0.1',
    'leave 239.1.2.3 of 10.0.0.5 on 127.0.0.1',
    'join 239.1.2.3 of 10.0.0.5 on 127.0.0.1',
  ])
})

test('takes a group that its socket is in already for joined', async (t) => {
  const { faults, membership: one } = membership({}, 'EADDRINUSE')
  one.join()
  t.equal(one.joined, true)
  t.same(faults.all, [])
})

test('keeps trying when its interface is taken away', async (t) => {
  const { socket, clock, faults, membership: one } = membership({ interface: 'eth77' })
  one.join()
  t.equal(one.joined, false)
  t.match(faults.all, [{ code: 'JOIN_FAILED', message: /: interface eth77 is not up; trying/ }])
  t.equal(clock.timers, 1)
  t.same(socket.calls, [])
  one.unref()
  t.equal(clock.timers, 1)
  one.close()
  one.join()
  t.equal(clock.timers, 0)
})
