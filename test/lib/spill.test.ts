import t, { type Test } from 'tap'
import { balanceLink } from '../../lib/ledger.js'
import type { OverflowText } from '../../lib/overflow.js'
import type { Fault } from '../../lib/transport.js'
import type { FakePeer } from './support/fake-peer.js'
import { settled } from './support/fake-platform.js'
import { ProducerScene } from './support/producer-scene.js'

const KIB = 1024
const MEMORY_BYTES = 4 * KIB * KIB

/** A producer whose links may have 20 messages in memory, and peers that read only when they are told to. */
function open(t: Test, overflow: OverflowText = 'buffer:20:./disk') {
  const scene = new ProducerScene(overflow, { memoryBytes: MEMORY_BYTES })
  t.teardown(() => scene.producer.close({ drainMs: 0 }))
  const faults: Fault[] = []
  scene.producer.on('fault', (fault) => faults.push(fault))
  let sent = 0
  return {
    ...scene,
    scene,
    faults,
    join: () => scene.join({ kernelBytes: 0, runMessages: 1 }),
    /** Sends messages of 20 KiB, each with its number in front. */
    send(count: number): Promise<void>[] {
      const promises = Array.from({ length: count }, () => scene.producer.send('a', `${++sent}`.padEnd(20 * KIB)))
      scene.platform.turn()
      return promises
    },
    /** Everybody reads until nothing moves, the disk included. */
    async settle(...peers: FakePeer[]): Promise<void> {
      do {
        await scene.disk.settle()
        scene.settle(...peers)
      } while (scene.disk.pending > 0)
    },
  }
}

function numbers(peer: FakePeer): number[] {
  return peer.read.map(({ data }) => Number(Buffer.from(data).toString()))
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

t.test('what exceeds the limit waits on disk, and comes in order', async (t) => {
  const { producer, disk, join, send, settle } = open(t)
  const { link, peer } = join()
  for (let i = 0; i < 50; i++) {
    send(10)
    await disk.settle()
    const sum = balanceLink(link.ledger())
    if (sum !== undefined) t.fail(sum)
  }
  const { waiting, spilled = 0 } = link.ledger()
  t.equal(waiting, 499)
  t.ok(spilled > 450 && spilled < waiting, `${spilled} on disk`)
  t.ok(producer.stats().memory.used < MEMORY_BYTES)
  await settle(peer)
  t.same(numbers(peer), upTo(500))
  t.same([link.ledger().spilled, link.ledger().acknowledged], [0, 500])
})

t.test('what several links need is written once, and its file closed when the last of them has read it', async (t) => {
  const { disk, join, send, settle } = open(t)
  const [one, other] = [join(), join()]
  for (let i = 0; i < 50; i++) {
    send(10)
    await disk.settle()
  }
  t.ok(disk.written < 510 * 20 * KIB, `${disk.written} bytes`)
  await settle(one.peer)
  t.same(numbers(one.peer), upTo(500))
  t.equal(disk.files.size, 1)
  t.ok((other.link.ledger().spilled ?? 0) > 450)
  await settle(other.peer)
  t.same(numbers(other.peer), upTo(500))
})

t.test('a disk that is slower than the sender makes send() wait', async (t) => {
  const { platform, disk, join, send, settle } = open(t)
  const { link, peer } = join()
  let sent = 0
  let isSent = true
  while (isSent && sent < 1_000) {
    isSent = false
    const [sending] = send(1)
    sent++
    void sending?.then(() => {
      isSent = true
    })
    await settled()
  }
  t.ok(sent > 100 && sent < 200, `waits after ${sent}`)
  t.ok(link.full)
  await disk.settle()
  platform.turn()
  await settled()
  t.ok(isSent, 'the disk has caught up')
  await settle(peer)
  t.same(numbers(peer), upTo(sent))
})

t.test('a full disk is told once, and the policy says what happens then', async (t) => {
  for (const then of ['disconnect', 'drop', 'refuse'] as const) {
    const { producer, disk, faults, join, send, settle } = open(t, `buffer:20:./disk:${then}`)
    const { link, peer } = join()
    disk.fullAt = 100 * 20 * KIB
    const sending: Promise<void>[] = []
    for (let i = 0; i < 50; i++) {
      sending.push(...send(10))
      await disk.settle()
    }
    const refused = (await Promise.allSettled(sending)).filter(({ status }) => status === 'rejected').length
    t.match(faults, [{ code: 'SPILL_FAILED', message: /^the disk did not take .*: no space left on device$/ }])
    t.equal(faults.length, 1)
    await settle(peer)
    const ledger = link.ledger()
    t.equal(balanceLink(ledger), undefined)
    t.equal(refused > 0, then === 'refuse', `${then}: ${refused} refused`)
    t.equal(ledger.dropped.exhausted > 0, then === 'disconnect')
    t.equal(ledger.dropped.newest > 0, then === 'drop')
    if (then === 'disconnect') t.match(peer.closed, { code: 'BUFFER_FULL' })
    if (then === 'refuse') t.same(numbers(peer), upTo(500 - refused))
    if (then === 'drop') t.equal(numbers(peer).at(-1), 500)
    await producer.close({ drainMs: 0 })
    await disk.settle()
    t.equal(disk.files.size, 0)
  }
})

t.test('once all that a disk had taken has been read, it is used again', async (t) => {
  const { disk, faults, join, send, settle } = open(t, 'buffer:20:./disk:refuse')
  const { link, peer } = join()
  disk.fullAt = 0
  send(60)
  await disk.settle()
  t.equal(faults.length, 1)
  await settle(peer)
  disk.fullAt = Infinity
  const read = peer.read.length
  send(100)
  await disk.settle()
  t.ok((link.ledger().spilled ?? 0) > 50)
  await settle(peer)
  t.same([peer.read.length - read, faults.length], [100, 1])
})

t.test('who needs what the disk does not give back is cut off, and nobody else', async (t) => {
  const { disk, faults, join, send, settle } = open(t)
  const [slow, slower] = [join(), join()]
  for (let i = 0; i < 20; i++) {
    send(10)
    await disk.settle()
  }
  await settle(slow.peer)
  disk.unreadable = true
  await settle(slower.peer)
  t.match(slower.peer.closed, { code: 'SPILL_FAILED', message: /did not give back .*: input\/output error/ })
  t.equal(balanceLink(slower.link.ledger()), undefined)
  t.equal(faults.length, 1)
  send(1)
  await settle(slow.peer)
  t.same(numbers(slow.peer), upTo(201))
})

t.test('a producer that is closed leaves no file open', async (t) => {
  const { producer, disk, join, send } = open(t)
  join()
  send(100)
  await disk.settle()
  t.equal(disk.files.size, 1)
  await producer.close({ drainMs: 0 })
  await disk.settle()
  t.equal(disk.files.size, 0)
})
