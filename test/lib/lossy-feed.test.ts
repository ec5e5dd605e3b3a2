import t from 'tap'
import { balanceStream } from '../../lib/ledger.js'
import { type FeedOptions, LossyFeed } from './support/lossy-feed.js'

const reorderMs = 5
const requests = { retryMs: 50, retryMaxMs: 1_000, tries: 5, pipelined: 4 }
const SEEDS = Number(process.env.FEED_SEEDS ?? 1_000)

const SIZE = 1_000

async function run(options: Omit<FeedOptions, 'messages' | 'loss'> & Partial<FeedOptions>): Promise<LossyFeed> {
  const feed = new LossyFeed({ messages: 200, loss: 0.05, duplication: 0.02, delayMs: 3, ...options })
  await feed.run()
  const [stream] = feed.consumer.stats().streams
  if (stream === undefined) throw new Error('there is no stream')
  const wrong = balanceStream(stream)
  if (wrong !== undefined) throw new Error(wrong)
  const isOrdered = feed.received.every((number, at) => at === 0 || number > (feed.received[at - 1] as number))
  if (!isOrdered) throw new Error(`out of order: ${feed.received}`)
  if (stream.missing > 0) throw new Error(`${stream.missing} are still missing`)
  const told = feed.lost.filter((number) => number < (feed.received.at(-1) as number)).length
  if (feed.missed !== told) throw new Error(`messages told of ${feed.missed} losses, of ${told} before them`)
  return feed
}

t.test(`${SEEDS} feeds with 5 % loss on both lines and a request server: nothing is lost`, async (t) => {
  let repaired = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const feed = await run({
      seed,
      recovery: { reorderMs, requests },
      // Requests and answers are lost as everything is.
      server: (from, count, feed) => feed.random() > 0.05 && feed.answer(from, Math.min(count, 5)),
    })
    if (feed.received.length !== 200)
      t.fail(`seed ${seed}: ${feed.received.length} of 200 received`, { lost: feed.lost })
    repaired += feed.lostOnAll.length
    await feed.consumer.close()
  }
  t.ok(repaired > 0, `${repaired} messages were lost on both lines`)
})

t.test(
  `${SEEDS} feeds without a request server: what is lost on both lines is reported, no more, no fewer`,
  async (t) => {
    let lost = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const feed = await run({ seed, recovery: { reorderMs } })
      if (`${feed.lost}` !== `${feed.lostOnAll}`) t.fail(`seed ${seed}`, { lost: feed.lost, lostOnAll: feed.lostOnAll })
      lost += feed.lost.length
      await feed.consumer.close()
    }
    t.ok(lost > 0, `${lost} messages were lost`)
  },
)

t.test('with no hold at all, the application loses what one wire loses, and nothing stalls', async (t) => {
  const feed = await run({
    seed: 3,
    messages: SIZE,
    lines: 1,
    delayMs: 0,
    holdMs: 0,
    recovery: { reorderMs, requests },
  })
  t.ok(feed.lostOnAll.length > 0)
  t.same(feed.lost, feed.lostOnAll)
  t.equal(feed.requests, 0)
})

const servers: Record<string, { server: FeedOptions['server']; recovers: boolean }> = {
  'that answers one message at a time': { server: (from, _, feed) => feed.answer(from, 1), recovers: true },
  'that answers everything twice': {
    server: (from, count, feed) => {
      feed.answer(from, count)
      feed.answer(from, count)
    },
    recovers: true,
  },
  'that answers more than was asked for': {
    server: (from, count, feed) => feed.answer(from, count + 7),
    recovers: true,
  },
  'that never answers': { server: () => undefined, recovers: false },
}
for (const [name, { server, recovers }] of Object.entries(servers)) {
  t.test(`a request server ${name}: bounded time, right account`, async (t) => {
    const feed = await run({ seed: 11, messages: SIZE, lines: 1, loss: 0.1, recovery: { reorderMs, requests }, server })
    t.ok(feed.lostOnAll.length > 0)
    t.ok(feed.requests > 0)
    if (recovers) t.equal(feed.received.length, SIZE)
    else
      t.same(
        feed.lost.toSorted((a, b) => a - b),
        feed.lostOnAll,
      )
    t.ok(feed.requests < 2_000, `${feed.requests} requests`)
  })
}
