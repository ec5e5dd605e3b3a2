import t, { type Test } from 'tap'
import type { FakePeer } from './support/fake-peer.js'
import { settled } from './support/fake-platform.js'
import { ProducerScene, texts } from './support/producer-scene.js'

/** Events come in the middle of what a producer does, and their listeners may send. */

t.test('a send from within a listener keeps the numbers of several logs in step', async (t) => {
  for (const [event, overflow] of [
    ['slow', 'backpressure:5s:disconnect:3'],
    ['slow', 'buffer:3:refuse'],
    ['unlink', 'buffer:3'],
    ['drop', 'drop:newest:3'],
    ['drop', 'drop:oldest:3'],
  ] as const) {
    for (const log of [0, 1]) {
      const scene = new ProducerScene(({ want }) => want ?? 'buffer', {}, 2)
      const reading = [scene.join({ log: 0 }).peer, scene.join({ log: 1 }).peer]
      const slow = scene.join({ log, kernelBytes: 0, peer: { want: overflow } })
      let told = 0
      scene.producer.on(event, () => {
        if (told++ < 3) scene.send(`told:${told}`)
      })
      for (let i = 0; i < 20; i++) {
        scene.send(`a:${i}`)
        if (i % 5 === 4) scene.platform.turn()
        if (i === 9) scene.platform.advance(1_000)
      }
      scene.settle(slow.peer, ...reading)
      await settled(100)
      scene.settle(slow.peer, ...reading)
      const name = `${event} of ${overflow} in log ${log}`
      t.ok(told > 0, name)
      checkSame(t, reading, name)
      const [first] = reading as [FakePeer]
      const sent = scene.producer.stats().accepted
      t.equal(first.read.length, sent, name)
      t.same(
        texts(first).filter((text) => text.startsWith('a:')),
        Array.from({ length: 20 }, (_, i) => `a:${i}`).filter((text) => texts(first).includes(text)),
        'in order',
      )
    }
  }
})

t.test('a send from within a listener takes neither the room nor the place of what others sent', async (t) => {
  // A slab has room for two of them.
  const data = 'd'.repeat(100_000)
  for (const [event, overflow, memoryMiB, logs, most] of [
    // Cut for the memory that its writes hold, cut at the limit of its backlog, and waited for.
    ['unlink', 'buffer', 1, [0, 1], 1],
    ['unlink', 'buffer', 1, [1], 2],
    ['unlink', 'buffer', 4, [0, 1], 3],
    ['unlink', 'buffer', 4, [1], 1],
    ['unlink', 'buffer', 4, [1], 2],
    ['slow', 'backpressure:5s', 4, [0, 1], 1],
    ['slow', 'backpressure:5s', 4, [1], 2],
  ] as const) {
    const scene = new ProducerScene(({ want }) => want ?? 'buffer', { memoryBytes: memoryMiB * 1024 * 1024 }, 2)
    const reading = [scene.join({ log: 0 }).peer, scene.join({ log: 1 }).peer]
    const stuck = logs.map((log) => scene.join({ log, kernelBytes: 0, peer: { want: overflow } }).peer)
    let told = 0
    scene.producer.on(event, () => {
      for (let i = 0; i < most; i++) scene.send(`told:${told++}${data}`)
    })
    for (let i = 0; i < 100; i++) {
      scene.send(`a:${i}${data}`)
      scene.settle(...reading)
    }
    const name = `${event} of ${overflow} in ${memoryMiB} MiB, log ${logs}, ${most} each`
    t.ok(told > 0, name)
    for (let round = 0; round < 200; round++) {
      scene.settle(...reading, ...stuck)
      await settled()
    }
    checkSame(t, reading, name)
    const { accepted, offered, refused } = scene.producer.stats()
    t.match({ offered, sum: accepted + refused }, { offered: 100 + told, sum: 100 + told }, name)
    t.equal(reading[0]?.read.length, accepted, name)
    if (event === 'unlink') t.equal(refused, 0, name)
  }
})

t.test('what is sent upon the end of the last link that was behind does not make room for what ended it', (t) => {
  const scene = new ProducerScene('buffer', { memoryBytes: 1024 * 1024 })
  // Memory that is not the log's to give.
  for (let i = 0; i < 250; i++) scene.join({ prefixes: [`nothing ${i}`] })
  const reading = scene.join()
  const stuck = scene.join({ kernelBytes: 0, runMessages: 1 })
  const data = 'd'.repeat(60_000)
  scene.producer.on('unlink', () => scene.send(`told:${data}`))
  for (let i = 0; i < 4; i++) scene.send(`a:${data}`)
  scene.settle(reading.peer)
  t.equal(stuck.peer.closed, null)
  scene.send(`a:${data}`)
  t.match(stuck.peer.closed, { code: 'BUFFER_FULL' })
  scene.settle(reading.peer)
  t.same(
    reading.peer.read.map(({ topic }) => topic),
    ['a', 'a', 'a', 'a', 'told', 'a'],
  )
  t.end()
})

t.test('whoever hears that a link is slow is held back by it at once', async (t) => {
  const scene = new ProducerScene('backpressure:5s:disconnect:3')
  const { peer } = scene.join({ kernelBytes: 0 })
  let outcome: unknown
  let tried: unknown
  scene.producer.once('slow', () => {
    tried = scene.producer.trySend('tried', '')
    void scene.producer.send('waited', '').then(() => {
      outcome = 'sent'
    })
  })
  scene.send('a:outstanding')
  scene.platform.turn()
  scene.send('a:1', 'a:2')
  t.equal(tried, undefined)
  scene.send('a:3')
  t.equal(tried, 'full')
  await settled()
  t.equal(outcome, undefined)
  t.equal(scene.producer.stats().accepted, 4)
  scene.settle(peer)
  await settled()
  t.equal(outcome, 'sent')
  scene.settle(peer)
  t.same(texts(peer), ['a:outstanding', 'a:1', 'a:2', 'a:3', 'waited:'])
})

t.test('whoever hears that a link is slow is refused where its policy refuses', async (t) => {
  const scene = new ProducerScene('buffer:3:refuse')
  const { peer } = scene.join({ kernelBytes: 0 })
  const outcomes: unknown[] = []
  scene.producer.once('slow', () => {
    outcomes.push(scene.producer.trySend('tried', ''))
    scene.producer.send('sent', '').catch(({ code }) => outcomes.push(code))
  })
  scene.send('a:outstanding')
  scene.platform.turn()
  scene.send('a:1', 'a:2', 'a:3')
  await settled()
  t.same(outcomes, ['full', 'BUFFER_FULL'])
  scene.settle(peer)
  t.match(scene.producer.stats(), { accepted: 4, refused: 2, offered: 6 })
  t.same(texts(peer), ['a:outstanding', 'a:1', 'a:2', 'a:3'])
})

/** The peers of several logs have read the same under the same numbers. */
function checkSame(t: Test, peers: readonly FakePeer[], name: string): void {
  const [first, ...others] = peers.map(({ read }) =>
    read.map(({ number, topic, data }) => `${number} ${topic}:${Buffer.from(data).toString().slice(0, 10)}`),
  )
  for (const other of others) t.same(other, first, name)
}
