import { type Test, test } from 'tap'
import { checkImpairment, fateOf } from '../../../lib/impairment.js'
import { balanceLink, balanceProducer, balanceStream } from '../../../lib/ledger.js'
import { openConsumer, openProducer, passing, readAll, turns } from './scene.js'

const lo = { interface: '127.0.0.1', body: 'raw' } as const
const SEEDS = 25
const MESSAGES = 300

/** Sends a message a datagram over two groups that are impaired, and closes the producer when all is told. */
async function run(t: Test, seed: number, served: boolean, impairment: string) {
  const groups = [1, 2].map((line) => `multicast://239.192.34.${line}:0`)
  const impair = `${impairment},seed=${seed}`
  const shared = await openConsumer(t, groups, lo)
  const urls = shared.consumer.urls
  await shared.consumer.close()
  const scene = await openProducer(t, urls, { ...lo, goodbyeMs: 2_000, ...(served && { requests: '127.0.0.1:0' }) })
  const requests = scene.counts().requests?.url
  const { consumer, told, counts } = await openConsumer(t, urls, { ...lo, impair, ...(served && { requests }) }, scene)
  const { taken } = readAll(consumer)
  for (let i = 1; i <= MESSAGES; i++) {
    await scene.producer.send('', `${i}`)
    await scene.producer.flush()
    if (i % 10 === 0) {
      await turns(1)
      scene.clock.advance(1)
    }
  }
  const ended = new Promise<void>((settled) => consumer.once('end', () => settled()))
  const closing = scene.close(5_000)
  await passing(scene.clock, ended, 1)
  const final = await closing
  const stats = consumer.stats()
  const [stream] = stats.streams
  if (stream === undefined) throw new Error('there is no stream')
  const wrong = [balanceProducer(final), ...final.links.map(balanceLink), balanceStream(stream)].find(Boolean)
  if (wrong !== undefined) throw new Error(`seed ${seed}: ${wrong}`)
  return { final, stream, stats, told, counts, taken, requests: scene.counts().requests, faults: scene.faults }
}

test(`${SEEDS} feeds over two impaired groups with a request server: nothing is lost`, async (t) => {
  let asked = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { stream, final, taken, requests } = await run(t, seed, true, 'loss=5%,duplicate=2%,reorder=5%,delay=0..3ms')
    if (stream.lost !== 0) t.fail(`seed ${seed}: ${stream.lost} are lost`)
    // What came before the first packet was never known of.
    const before = stream.first - 1
    t.equal(stream.received, final.accepted - before)
    t.same(
      taken.all.map((message) => Number(message.text())),
      Array.from({ length: MESSAGES - before }, (_, i) => before + 1 + i),
    )
    asked += requests?.answered ?? 0
  }
  t.ok(asked > 0, `${asked} requests were answered`)
})

test(`${SEEDS} feeds over two impaired groups without one: lost is what both have lost`, async (t) => {
  let total = 0
  for (let seed = 101; seed < 101 + SEEDS; seed++) {
    const { stream, final, told, stats, counts } = await run(t, seed, false, 'loss=15%,duplicate=2%')
    const fates = [0, 1].map((line) => checkImpairment(`loss=15%,duplicate=2%,seed=${seed + line}`))
    const expected: number[] = []
    for (let number = stream.first; number <= MESSAGES; number++) {
      const isLost = fates.every((fate) => typeof fate === 'object' && fateOf(fate, number - 1).length === 0)
      if (isLost) expected.push(number)
    }
    const lost = told.all.flatMap((line) => {
      const [, from, to] = /^gap lost (\d+)-(\d+)$/.exec(line) ?? []
      return from === undefined ? [] : Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => Number(from) + i)
    })
    if (`${lost}` !== `${expected}`) t.fail(`seed ${seed}`, { lost, expected })
    t.equal(stream.received + stream.lost, final.accepted - (stream.first - 1))
    total += lost.length
    // Each line keeps its own books, of which the socket's tell the same.
    for (const [i, { line }] of stats.links.entries()) {
      const own = fates[i]
      const missed = Array.from({ length: MESSAGES }, (_, at) => at + 1).filter(
        (number) => number >= stream.first && typeof own === 'object' && fateOf(own, number - 1).length === 0,
      )
      t.ok(Math.abs((line?.missed ?? 0) - missed.length) <= stream.first, `line ${i} missed ${line?.missed}`)
    }
    for (const { impairment } of counts()) {
      t.equal(
        (impairment?.offered ?? 0) + (impairment?.duplicated ?? 0),
        (impairment?.lost ?? 0) + (impairment?.passed ?? 0),
      )
    }
  }
  t.ok(total > 0, `${total} messages were lost on both lines`)
})
