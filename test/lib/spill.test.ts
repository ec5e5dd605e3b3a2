import t, { type Test } from 'tap'
import { balanceLink } from '../../lib/ledger.js'
import { Memory } from '../../lib/memory.js'
import type { OverflowText } from '../../lib/overflow.js'
import { Retention } from '../../lib/retention.js'
import { SlabPool } from '../../lib/slab.js'
import { Spill } from '../../lib/spill.js'
import type { Fault } from '../../lib/transport.js'
import { FakeDisk } from './support/fake-disk.js'
import type { FakePeer } from './support/fake-peer.js'
import { FakePlatform, settled } from './support/fake-platform.js'
import { ProducerScene } from './support/producer-scene.js'

const KIB = 1024
const MEMORY_BYTES = 4 * KIB * KIB

/** A producer whose links may have 20 messages in memory, and peers that read only when they are told to. */
function open(
  t: Test,
  overflow: OverflowText = 'buffer:20:./disk',
  retention = new Retention(undefined),
  memoryBytes = MEMORY_BYTES,
) {
  const scene = new ProducerScene(overflow, { memoryBytes, retention })
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

t.test('a link that begins with the newest values loses nothing of what comes behind them', async (t) => {
  const { scene, disk, send, settle } = open(t, undefined, new Retention('latest-per-topic'))
  for (const topic of ['x', 'y']) void scene.producer.send(topic, '0')
  scene.platform.turn()
  const { link, peer } = scene.join({ kernelBytes: 0, runMessages: 1, from: 'latest-per-topic' })
  for (let i = 0; i < 30; i++) {
    send(10)
    await disk.settle()
  }
  t.ok((link.ledger().spilled ?? 0) > 200)
  await settle(peer)
  t.same(numbers(peer), [0, 0, ...upTo(300)])
})

t.test('a dialled peer that comes back with another filter gets what waits for it on disk', async (t) => {
  const { scene, disk, send, settle } = open(t, undefined, undefined, 8 * MEMORY_BYTES)
  const link = scene.dial()
  const peer = scene.connect(link, { prefixes: ['a'] })
  scene.settle(peer)
  link.disconnected(undefined)
  for (let i = 0; i < 20; i++) {
    send(10)
    await disk.settle()
  }
  t.ok((link.ledger().spilled ?? 0) > 100)
  const again = scene.connect(link, { prefixes: ['b'] })
  await settle(again)
  t.same(numbers(again), upTo(200))
  void scene.producer.send('a', 'not wanted any more')
  void scene.producer.send('b', '201')
  await settle(again)
  t.same(numbers(again), upTo(201))
  t.equal(balanceLink(link.ledger()), undefined)
})

t.test('a write that fails after its only reader has gone does not spoil the disk for the next', async (t) => {
  const { disk, faults, join, send, settle } = open(t)
  const gone = join()
  send(60)
  await disk.step()
  await disk.step()
  disk.fullAt = 0
  gone.peer.close()
  gone.link.disconnected(undefined)
  await disk.settle()
  t.match(faults, [{ code: 'SPILL_FAILED' }])
  disk.fullAt = Infinity
  const { link, peer } = join()
  for (let i = 0; i < 10; i++) {
    send(10)
    await disk.settle()
  }
  t.ok((link.ledger().spilled ?? 0) > 50)
  await settle(peer)
  t.same(numbers(peer), upTo(160, 61))
})

t.test('what is read from memory before its write fails is not missed when the next is written', async (t) => {
  const { disk, join, send, settle } = open(t, 'buffer:20:./disk:refuse')
  const { peer } = join()
  send(60)
  for (let i = 0; i < 2; i++) await disk.step()
  t.equal(disk.pending, 1, 'a write is under way')
  disk.fullAt = 0
  for (let i = 0; i < 30; i++) {
    peer.receive()
    peer.acknowledge()
  }
  send(30)
  await settle(peer)
  disk.fullAt = Infinity
  for (let i = 0; i < 10; i++) {
    send(10)
    await disk.settle()
  }
  await settle(peer)
  t.same(numbers(peer), upTo(190))
})

t.test('a producer that is closed while its first file is opened leaves none open', async (t) => {
  const { producer, disk, join, send } = open(t)
  join()
  send(60)
  await disk.step()
  await producer.close({ drainMs: 0 })
  await disk.settle()
  t.equal(disk.files.size, 0)
})

t.test('pages that wait for memory are asked for once a link, and come when there is some', async (t) => {
  const platform = new FakePlatform(1, new FakeDisk())
  const memory = new Memory(MEMORY_BYTES)
  const pool = new SlabPool(platform, memory)
  const disk = platform.spill as FakeDisk
  const nobody = () => []
  const host = { readers: nobody, stored: () => undefined, failed: () => undefined, lost: () => undefined }
  const spill = new Spill('disk', platform, pool, (slab) => pool.give(slab), memory, host)
  for (let first = 1; first <= 21; first += 10) {
    const slab = pool.takeWhole()
    slab.reset(first, first * 100)
    slab.count = 10
    slab.used = 1_000
    spill.add(slab)
  }
  await disk.settle()
  memory.used += MEMORY_BYTES
  let done = 0
  const reader = {}
  spill.load(1, reader, () => done++)
  const { timers } = platform
  for (let i = 0; i < 10; i++) spill.load(1, reader, () => done++)
  t.equal(platform.timers, timers)
  platform.advance(1_000)
  await disk.settle()
  t.equal(done, 0)
  memory.used -= MEMORY_BYTES
  platform.advance(20)
  await disk.settle()
  t.same([done, spill.slabOf(5)?.first], [1, 1])
  // What was in memory once is read again when it has gone.
  spill.trim()
  spill.load(1, reader, () => done++)
  await disk.settle()
  t.same([done, spill.slabOf(5)?.first], [2, 1])
  spill.close()
})
