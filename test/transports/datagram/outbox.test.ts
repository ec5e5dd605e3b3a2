import type { Socket } from 'node:dgram'
import { test } from 'tap'
import { Outbox } from '../../../transports/datagram/outbox.js'
import { bytes, NOTHING, stoppedClock } from './ends.js'

/** A socket of which every send comes to the end that the test has set. */
function outbox(outcome: () => Error | null) {
  const { faults, context } = stoppedClock()
  const strayed: string[] = []
  const socket = {
    getSendQueueCount: () => 0,
    getSendQueueSize: () => 0,
    send: (parts: Uint8Array, settled: (error: Error | null, size: number) => void) => settled(outcome(), parts.length),
  }
  const hooks = { strayed: () => strayed.push('strayed') }
  return {
    faults,
    strayed,
    outbox: new Outbox(socket as unknown as Socket, 'udp://peer', 1_472, undefined, context, hooks),
  }
}

const failure = (code: string) => Object.assign(new Error(`send ${code}`), { code })

test('says what became of a datagram that the system refuses, whatever the reason', async (t) => {
  const cases: readonly (readonly [reason: string, code: string, message: RegExp, strayed: boolean])[] = [
    ['ECONNREFUSED', 'SEND_FAILED', /^a datagram to udp:\/\/peer got lost at once: nobody has that port open$/, false],
    ['ENETUNREACH', 'SEND_FAILED', /got lost at once: send ENETUNREACH$/, false],
    ['EPERM', 'SEND_FAILED', /got lost at once: send EPERM$/, false],
    ['ENODEV', 'SEND_FAILED', /got lost at once: its interface was taken away$/, true],
    ['EMSGSIZE', 'TOO_LONG', /is larger than the network takes: send EMSGSIZE; send smaller ones$/, false],
  ]
  for (const [reason, code, message, strays] of cases) {
    const { outbox: one, faults, strayed } = outbox(() => failure(reason))
    one.send(NOTHING, bytes('data'))
    t.match(faults.all, [{ code, message, remote: 'udp://peer', cause: { code: reason } }], reason)
    t.match(one.counts, { sent: 0, sentBytes: 0, failed: 1, waiting: 0 })
    t.equal(strayed.length, strays ? 1 : 0)
    t.equal(one.owe(), 'taken', 'nothing waits')
  }
})

test('outlives a socket that is not connected at the moment', async (t) => {
  let connected = false
  const {
    outbox: one,
    faults,
    strayed,
  } = outbox(() => {
    if (connected) return null
    throw failure('ERR_SOCKET_BAD_PORT')
  })
  one.send(NOTHING, bytes('lost'))
  t.match(faults.all, [{ code: 'SEND_FAILED', message: /its interface was taken away/ }])
  t.equal(strayed.length, 1)
  connected = true
  one.send(NOTHING, bytes('there'))
  t.match(one.counts, { sent: 1, sentBytes: 5, failed: 1 })
})

test('says that a datagram is longer than it may be without asking the system', async (t) => {
  const { outbox: one, faults } = outbox(() => null)
  one.send(Buffer.alloc(20), Buffer.alloc(1_453))
  one.send(Buffer.alloc(20), Buffer.alloc(1_452))
  t.match(faults.all, [
    { code: 'TOO_LONG', message: 'a datagram of 1473 bytes to udp://peer exceeds the 1472 that one can have' },
  ])
  t.match(one.counts, { sent: 1, failed: 1 })
})
