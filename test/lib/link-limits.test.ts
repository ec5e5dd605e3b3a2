import t, { type Test } from 'tap'
import { balanceLink, countDropped } from '../../lib/ledger.js'
import type { Link } from '../../lib/producer-face.js'
import type { ProducerLink } from '../../lib/producer-link.js'
import { Retention } from '../../lib/retention.js'
import type { FakePeer } from './support/fake-peer.js'
import { ProducerScene, texts } from './support/producer-scene.js'

/** Links at their limits, and what changes of filters and peers do to that. */

const wished = (link: Link) => link.want ?? 'backpressure'

t.test('conflates for more than 64 prefixes as they change, and no count goes below zero', async (t) => {
  const scene = new ProducerScene('drop:latest-per-topic', {
    memoryBytes: 1024 * 1024,
    retention: new Retention('latest-per-topic'),
  })
  const prefixes = Array.from({ length: 70 }, (_, i) => `wanted.${i}.`)
  const { link, peer } = scene.join({ prefixes, kernelBytes: 0 })
  scene.send('wanted.1.a:first')
  scene.platform.turn()
  for (let i = 0; i < 500; i++) scene.send(`other.${i}:before anybody asked`)
  scene.send('wanted.2.a:second')
  // As much as leaves nothing of it in memory but newest values.
  const noise = 'n'.repeat(1_000)
  for (let i = 0; i < 2_000; i++) scene.send(`noise:${noise}`)
  link.subscribe(Buffer.from('other.'))
  scene.send('other.0:after', 'other.1:after')
  t.equal(balanceLink(link.ledger()), undefined)
  scene.settle(peer)
  t.same(texts(peer), ['wanted.1.a:first', 'wanted.2.a:second', 'other.0:after', 'other.1:after'])
  checkAgreement(t, link, peer)
  t.match(link.ledger(), { handed: 4, dropped: { superseded: 0 }, waiting: 0 })
})

t.test('a link that conflates goes on with every topic when it is back from having stalled', async (t) => {
  const scene = new ProducerScene('drop:latest-per-topic:10', { stallMs: 1_000 })
  const stalled = scene.join({ kernelBytes: 0, peer: { id: 'CONSUMER01' } })
  scene.send('a')
  scene.platform.turn()
  scene.platform.advance(1_000)
  t.match(stalled.peer.closed, { code: 'STALLED' })
  const { link, peer } = scene.join({ kernelBytes: 0, peer: { id: 'CONSUMER01' } })
  for (let round = 0; round < 3; round++) for (let i = 0; i < 100; i++) scene.send(`topic.${i}:${round}`)
  scene.platform.turn()
  t.match(link.ledger().dropped, { newest: 0 })
  scene.settle(peer)
  const newest = texts(peer).filter((text) => text.endsWith(':2'))
  t.equal(newest.length, 100, 'its limit is the memory, on probation as ever')
  t.match(link.ledger(), { dropped: { newest: 0 }, considered: 300 })
  checkAgreement(t, link, peer)
})

t.test('a link that had closed its ears listens again as soon as it has read what waited', async (t) => {
  const scene = new ProducerScene('drop:oldest:4')
  const { link, peer } = scene.join({ kernelBytes: 0 })
  for (let i = 0; i < 10; i++) scene.send(`a:${i}`)
  scene.platform.turn()
  const { oldest } = link.ledger().dropped
  t.ok(oldest > 0, `${oldest} were dropped`)
  // What was outstanding is taken, and all the rest is given in its place.
  peer.receive()
  scene.send('a:heard')
  scene.settle(peer)
  t.equal(texts(peer).at(-1), 'a:heard')
  t.equal(link.ledger().dropped.oldest, oldest)
  checkAgreement(t, link, peer)
})

t.test('a dialled link reads as its present peer wants it, and not as the last one did', async (t) => {
  const sent = ['a:1', 'b:1', 'a:2', 'b:2', 'a:3']
  for (const [before, now, read] of [
    ['drop:latest-per-topic', 'buffer', sent],
    ['buffer', 'drop:latest-per-topic', ['a:1', 'b:2', 'a:3']],
  ] as const) {
    const scene = new ProducerScene(wished)
    const link = scene.dial()
    const first = scene.connect(link, { peer: { want: before } })
    scene.send('a:0')
    scene.settle(first)
    leave(first, link)
    const second = scene.connect(link, { peer: { want: now }, kernelBytes: 0 })
    scene.send('a:1')
    scene.platform.turn()
    scene.send(...sent.slice(1))
    scene.settle(second)
    t.same(texts(second), read, now)
    checkAgreement(t, link, second)
  }
})

t.test('a dialled link that conflates no more has the limit of its present peer', async (t) => {
  const scene = new ProducerScene(wished)
  const link = scene.dial()
  leave(scene.connect(link, { peer: { want: 'drop:latest-per-topic' } }), link)
  const slow: string[] = []
  scene.producer.on('slow', ({ remote }) => slow.push(remote))
  scene.connect(link, { peer: { want: 'backpressure:5s:disconnect:4' }, kernelBytes: 0 })
  for (let i = 0; i < 10; i++) scene.send(`a:${i}`)
  t.same(slow, ['peer'])
})

t.test('a write that begins is progress: it has all of stallMs, however long nothing was sent', async (t) => {
  const scene = new ProducerScene('buffer', { stallMs: 30_000 })
  const idle = scene.join({ prefixes: ['idle'], kernelBytes: 0 })
  const stuck = scene.join({ prefixes: ['stuck'], kernelBytes: 0 })
  scene.send('stuck')
  scene.platform.turn()
  scene.platform.advance(29_999)
  scene.send('idle')
  scene.platform.turn()
  t.equal(idle.link.busy, true)
  scene.platform.advance(1)
  t.match(stuck.peer.closed, { code: 'STALLED' })
  t.equal(idle.peer.closed, null)
  scene.platform.advance(29_998)
  t.equal(idle.peer.closed, null)
  scene.platform.advance(1)
  t.match(idle.peer.closed, { code: 'STALLED' }, 'and no more than that')
})

t.test('a link that reads its past does not make everybody else’s messages leave one by one', async (t) => {
  const scene = new ProducerScene('buffer:100', { retention: new Retention({ messages: 1_000 }) })
  const data = 'd'.repeat(2_000)
  for (let i = 0; i < 500; i++) scene.send(`a:${data}`)
  scene.platform.turn()
  const past = scene.join({ from: 'oldest', kernelBytes: 0 })
  const live = scene.join()
  scene.platform.turn()
  t.equal(past.link.catchingUp, true)
  const writes = writesOf(live.peer)
  for (let i = 0; i < 50; i++) scene.send(`a:now ${i}`)
  t.equal(writes.count, 0)
  scene.platform.turn()
  t.equal(writes.count, 1)
  t.equal(past.peer.closed, null, 'its limit does not hold yet')
  scene.settle(past.peer, live.peer)
  t.equal(past.peer.read.length, 550)
  t.equal(past.link.catchingUp, false)
})

t.test('a link that has read its past has its limit again', async (t) => {
  const scene = new ProducerScene('buffer:100', { retention: new Retention({ messages: 1_000 }) })
  for (let i = 0; i < 500; i++) scene.send(`a:${i}`)
  scene.platform.turn()
  const { link, peer } = scene.join({ from: 'oldest', kernelBytes: 0 })
  scene.settle(peer)
  t.equal(link.catchingUp, false)
  scene.send('a:outstanding')
  scene.platform.turn()
  for (let i = 0; i < 99; i++) scene.send('a:waits')
  t.equal(peer.closed, null)
  scene.send('a:too much')
  t.match(peer.closed, { code: 'BUFFER_FULL' })
})

t.test('filters that change to and fro do not pile up behind what waits', async (t) => {
  const scene = new ProducerScene('buffer')
  const { link, peer } = scene.join({ prefixes: ['a'], kernelBytes: 0 })
  scene.send('a:outstanding')
  scene.platform.turn()
  scene.send('a:waits')
  toggle(scene, link, 2)
  const { used } = scene.producer.stats().memory
  toggle(scene, link, 1_000)
  t.ok((link.cursor?.segments.length ?? 0) <= 3, `${link.cursor?.segments.length} segments`)
  t.equal(scene.producer.stats().memory.used, used)
  link.subscribe(Buffer.from('b'))
  scene.send('a:1', 'b:1', 'c:1')
  scene.settle(peer)
  t.same(texts(peer), ['a:outstanding', 'a:waits', 'a:1', 'b:1'])
  checkAgreement(t, link, peer)
})

t.test('filters that change to and fro forget nothing that a link has missed with its ears closed', async (t) => {
  const scene = new ProducerScene('drop:oldest:4')
  const { link, peer } = scene.join({ prefixes: ['a'], kernelBytes: 0 })
  for (let i = 0; i < 9; i++) scene.send(`a:${i}`)
  scene.platform.turn()
  link.cursor?.drop(2)
  link.applyPolicy()
  t.equal(link.cursor?.deaf, false)
  t.ok((link.cursor?.waiting ?? 0) > 0, 'it listens again before it has read what waits')
  toggle(scene, link, 10)
  scene.send('a:heard')
  scene.settle(peer)
  t.equal(texts(peer).at(-1), 'a:heard')
  const { next, read, filtered, dropped } = peer
  t.equal(next, scene.producer.stats().next)
  t.equal(read.length + filtered + dropped, (next ?? 0) - (peer.start?.next ?? 0))
  t.equal(filtered, link.ledger().filtered)
})

/** Wants `b` as well, and no longer, between messages that are for nobody. */
function toggle(scene: ProducerScene, link: ProducerLink, times: number): void {
  for (let i = 0; i < times; i++) {
    link.subscribe(Buffer.from('b'))
    scene.send('nobody')
    link.unsubscribe(Buffer.from('b'))
    scene.send('nobody')
  }
}

function leave(peer: FakePeer, link: ProducerLink): void {
  peer.close()
  link.disconnected(undefined)
}

function writesOf(peer: FakePeer): { readonly count: number } {
  const writes = { count: 0 }
  const write = peer.write.bind(peer)
  peer.write = (run) => {
    writes.count++
    return write(run)
  }
  return writes
}

/** What the link says is what its peer has heard, once everything is read. */
function checkAgreement(t: Test, link: ProducerLink, peer: FakePeer): void {
  // Where the kernel has no room the word on the last numbers is outstanding first.
  link.checkpoint()
  peer.receive()
  t.equal(link.checkpoint(), peer.next)
  const ledger = link.ledger()
  t.equal(balanceLink(ledger), undefined)
  t.match(
    { handed: ledger.handed, filtered: ledger.filtered, dropped: countDropped(ledger.dropped) },
    { handed: peer.read.length, filtered: peer.filtered, dropped: peer.dropped },
  )
}
