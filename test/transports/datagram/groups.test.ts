import { networkInterfaces } from 'node:os'
import { test } from 'tap'
import { openConsumer, openProducer, passing, readAll } from './scene.js'

const lo = { interface: '127.0.0.1' }
const others = Object.entries(networkInterfaces())
  .flatMap(([name, all = []]) => all.map((one) => ({ name, ...one })))
  .filter(({ internal }) => !internal)
const outside = others.find(({ family }) => family === 'IPv4')?.address
// Loopback has no way for groups of IPv6.
const linkLocal = others.find(({ address }) => address.startsWith('fe80'))
const six = linkLocal && { interface: linkLocal.name }

test('another group on the same port never leaks in', async (t) => {
  const one = await openConsumer(t, 'multicast://239.192.31.2:0', lo)
  const { port } = new URL(one.url.replace('multicast', 'http'))
  const two = await openConsumer(t, `multicast://239.192.31.3:${port}`, lo)
  const reading = [readAll(one.consumer), readAll(two.consumer)] as const
  const senders = await Promise.all([one.url, two.url].map((url) => openProducer(t, url, lo)))
  for (let i = 0; i < 20; i++) for (const [k, { producer }] of senders.entries()) await producer.send('t', `${k}`)
  for (const [k, { taken }] of reading.entries()) {
    await taken.reach(20)
    t.ok(taken.all.every((message) => message.text() === `${k}`))
  }
  t.match(one.consumer.stats().streams, { length: 1 })
  t.match([...one.counts(), ...two.counts()], [{ rejected: {} }, { rejected: {} }])
})

test('every consumer of a group gets everything, by IPv4 and by IPv6', async (t) => {
  const groups = [
    { url: 'multicast://239.192.31.4:0', by: lo },
    ...(six ? [{ url: 'multicast://[ff12::fa04]:0', by: six }] : []),
  ]
  for (const { url, by } of groups) {
    const first = await openConsumer(t, url, by)
    const more = await Promise.all([1, 2].map(() => openConsumer(t, first.url, by)))
    const { producer } = await openProducer(t, first.url, { ...by, loopback: true })
    const readings = [first, ...more].map(({ consumer }) => readAll(consumer))
    for (let i = 0; i < 100; i++) await producer.send('t', `${i}`)
    for (const { taken } of readings) {
      await taken.reach(100)
      t.same(
        taken.all.map((message) => message.text()),
        Array.from({ length: 100 }, (_, i) => `${i}`),
      )
    }
  }
})

test('one producer to several groups, and one consumer of them: each message once, with the books of each line', async (t) => {
  const consumer = await openConsumer(t, ['multicast://239.192.31.5:0', 'multicast://239.192.31.6:0'], {
    ...lo,
    impair: (index: number) => (index % 3 === 0 ? [] : [{ delayMs: 0, overtakenBy: 0 }]),
  })
  const { taken } = readAll(consumer.consumer)
  const { producer, clock } = await openProducer(t, consumer.consumer.urls, lo, consumer)
  for (let i = 0; i < 30; i++) {
    await producer.send('t', `${i}`)
    await producer.flush()
  }
  await passing(clock, producer.close(), 1)
  await consumer.told.reach(2)
  const { streams, links } = consumer.consumer.stats()
  const [stream] = streams
  // Both lines lose the same datagrams here, which are numbers 1, 4, 7 and so on; the first of them was never known of.
  t.match(stream, { first: 2, next: 31, received: 20, lost: 9, missing: 0, duplicates: 20 })
  t.equal(taken.all.length, 20)
  const lines = links.map(({ line }) => line)
  t.match(lines, [
    { missed: 9, duplicates: 0 },
    { missed: 9, duplicates: 0 },
  ])
  t.equal((lines[0]?.wins ?? 0) + (lines[1]?.wins ?? 0), 20)
  t.match(consumer.counts(), [{ impairment: { offered: 33 } }, { impairment: { offered: 33 } }])
})

test('lines of one consumer are impaired independently, and the same in every run', async (t) => {
  const losses: string[] = []
  for (let run = 0; run < 2; run++) {
    const consumer = await openConsumer(t, ['udp://127.0.0.1:0', 'udp://127.0.0.1:0'], { impair: 'loss=20%,seed=7' })
    const { producer, clock } = await openProducer(t, consumer.consumer.urls, {}, consumer)
    const lost = consumer.counts().map(({ impairment }) => impairment?.lost ?? 0)
    const pattern: string[][] = [[], []]
    for (let i = 0; i < 100; i++) {
      await producer.send('t', `${i}`)
      await producer.flush()
      while (consumer.counts().some(({ impairment }) => (impairment?.offered ?? 0) <= i))
        await passing(clock, tick(), 0)
      for (const [k, { impairment }] of consumer.counts().entries()) {
        pattern[k]?.push(impairment?.lost === lost[k] ? '.' : 'x')
        lost[k] = impairment?.lost ?? 0
      }
    }
    t.notSame(pattern[0], pattern[1])
    losses.push(pattern.map((line) => line.join('')).join(' '))
  }
  t.equal(losses[0], losses[1])
})

test('hears a group on its own interface', {
  skip: outside === undefined && 'there is no other interface than loopback',
}, async (t) => {
  const inside = await openConsumer(t, 'multicast://239.192.31.7:0', lo)
  const { taken } = readAll(inside.consumer)
  const local = await openProducer(t, inside.url, lo)
  const other = await openProducer(t, inside.url, { interface: outside, loopback: true })
  await other.producer.send('t', 'from elsewhere')
  await other.producer.flush()
  await local.producer.send('t', 'from here')
  await taken.reach(1)
  t.equal(taken.all[0]?.text(), 'from here', 'nobody has joined on the other one')
})

function tick(): Promise<void> {
  return new Promise((next) => setImmediate(next))
}
