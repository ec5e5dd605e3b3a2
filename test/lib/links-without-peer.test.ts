import t from 'tap'
import { balanceLink } from '../../lib/ledger.js'
import { settled } from './support/fake-platform.js'
import { ProducerScene, texts } from './support/producer-scene.js'

/** Links that a producer dials: they exist between two connections. */

t.test('flush() waits no longer for the acknowledgements of a peer that has left', async (t) => {
  const scene = new ProducerScene()
  const link = scene.dial()
  const peer = scene.connect(link)
  scene.send('a:1')
  scene.platform.turn()
  peer.receive()
  let done = false
  const flushed = scene.producer.flush().then(() => {
    done = true
  })
  await settled()
  t.equal(done, false)
  link.disconnected(undefined)
  await settled()
  t.equal(done, true, 'nothing else has happened')
  await flushed
})

t.test('flush() goes on waiting for what a peer that has left was not given', async (t) => {
  const scene = new ProducerScene('buffer')
  const link = scene.dial()
  scene.connect(link, { kernelBytes: 0 })
  scene.send('a:1')
  scene.platform.turn()
  scene.send('a:2')
  let done = false
  const flushed = scene.producer.flush().then(() => {
    done = true
  })
  await settled()
  link.disconnected(undefined)
  await settled()
  t.equal(done, false)
  const peer = scene.connect(link)
  scene.settle(peer)
  await flushed
  t.same(texts(peer), ['a:2'], 'what was outstanding is unknown, and not sent twice')
})

t.test('what is dropped for a peer that is away stands in the ledger of its next connection', async (t) => {
  for (const [overflow, dropped, read] of [
    ['drop:newest:4', { newest: 6 }, ['a:6', 'a:7', 'a:8', 'a:9']],
    ['buffer:4', { exhausted: 8 }, ['a:8', 'a:9']],
    ['buffer:4:drop', { newest: 6 }, ['a:6', 'a:7', 'a:8', 'a:9']],
    ['drop:oldest:4', { oldest: 6 }, ['a:0', 'a:1', 'a:2', 'a:3']],
    ['drop:latest-per-topic', { superseded: 9 }, ['a:9']],
  ] as const) {
    const scene = new ProducerScene(overflow)
    const link = scene.dial()
    const before = scene.connect(link)
    scene.send('a:before')
    scene.settle(before)
    before.close()
    link.disconnected(undefined)
    const announced: number[] = []
    scene.producer.on('drop', ({ count }) => announced.push(count))
    for (let i = 0; i < 10; i++) {
      scene.send(`a:${i}`)
      scene.platform.turn()
    }
    t.equal(balanceLink(link.ledger()), undefined, overflow)
    const peer = scene.connect(link)
    scene.settle(peer)
    t.same(texts(peer), read, overflow)
    link.checkpoint()
    peer.receive()
    const ledger = link.ledger()
    t.equal(balanceLink(ledger), undefined, overflow)
    t.match(ledger, { considered: 10, handed: read.length, dropped }, overflow)
    t.match({ start: peer.start?.next, next: peer.next }, { start: 2, next: 12 }, overflow)
    t.equal(peer.dropped, 10 - read.length, 'and the peer is told of it')
    scene.platform.advance(60_000)
    t.equal(
      announced.reduce((sum, count) => sum + count, 0),
      10 - read.length,
      'each is announced once',
    )
  }
})
