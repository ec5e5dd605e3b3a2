import type { ConsumerOverflow } from '../consumer-options.js'
import { countDropped } from '../ledger.js'
import type { Message } from '../message.js'
import type { OverflowChoice } from '../overflow.js'
import type { Producer } from '../producer.js'
import type { Link } from '../producer-face.js'
import { counted } from './delivery.js'
import type { Scenario } from './index.js'
import type { Reader } from './reader.js'
import { begin, type Cast, codeOf, heard, pattern, range, type Stage, sequencesOf, turn, unlinked } from './stage.js'

const STALLED = 'STALLED001'
const HEALTHY = 'HEALTHY001'
/** What may wait for the link that stalls. */
const LIMIT = { messages: 100 }
const SENT = 2_000
const TOPICS = 5
/** Patience with a link that nobody reads from, in tests that are about its end. */
const PATIENCE_MS = 50

/** Somebody who has stopped reading, beside somebody who has not. */
interface Scene extends Cast {
  readonly stalled: Reader
  readonly healthy: Reader
  /** The link of the one who has stopped. */
  readonly link: Link
}

export function testOverflow(scenario: Scenario): void {
  testDropping(scenario)
  testBuffering(scenario)
  testBackpressure(scenario)
  testInbox(scenario)
}

function testDropping(scenario: Scenario): void {
  const held = { ...counted(), flowControlled: true } as const

  scenario('drops all but the newest for who has stopped reading, and for nobody else', held, async (stage) => {
    const { assert } = stage
    const scene = await enact(stage, { policy: 'drop', keep: 'newest', limit: LIMIT })
    await Promise.all([sendAll(scene.producer), scene.healthy.count(SENT)])
    const { dropped, waiting } = scene.link.ledger()
    assert.ok(waiting <= LIMIT.messages)
    assert.equal(countDropped(dropped), dropped.newest)
    await endAndCompare(stage, scene)
    const numbers = sequencesOf(scene.stalled.taken)
    assert.deepEqual(numbers.slice(-LIMIT.messages), range(SENT + 2 - LIMIT.messages, SENT + 2))
    assert.deepEqual(sequencesOf(scene.healthy.taken), range(1, SENT + 2))
  })

  scenario('drops newcomers for who has stopped reading, and keeps what waits', held, async (stage) => {
    const { assert } = stage
    const scene = await enact(stage, { policy: 'drop', keep: 'oldest', limit: LIMIT })
    await Promise.all([sendAll(scene.producer), scene.healthy.count(SENT)])
    const { dropped } = scene.link.ledger()
    assert.ok(dropped.oldest > SENT / 2)
    assert.equal(countDropped(dropped), dropped.oldest)
    // With room again the next message is for everybody.
    await scene.stalled.during(scene.producer.flush())
    await endAndCompare(stage, scene)
    const kept = SENT - dropped.oldest
    assert.deepEqual(sequencesOf(scene.stalled.taken), [...range(1, kept + 1), SENT + 1])
    assert.equal(scene.stalled.taken.at(-1)?.missed, dropped.oldest)
  })

  scenario('keeps the newest message of each topic for who has stopped reading', held, async (stage) => {
    const { assert } = stage
    const scene = await enact(stage, { policy: 'drop', keep: 'latest-per-topic' })
    await Promise.all([sendAll(scene.producer), scene.healthy.count(SENT)])
    await endAndCompare(stage, scene)
    const { dropped } = scene.link.ledger()
    assert.ok(dropped.superseded > SENT / 2)
    assert.deepEqual(
      sequencesOf(scene.stalled.taken.filter(({ sequence }) => (sequence as number) > SENT - TOPICS)),
      range(SENT + 1 - TOPICS, SENT + 2),
    )
  })

  scenario('drops for a consumer that asks for it, and announces what it drops', held, async (stage) => {
    const { assert } = stage
    const want = 'drop:latest-per-topic'
    const consume = { want, overflow: { policy: 'backpressure', limit: { messages: 10 } } } as const
    const { producer, consumer } = await stage.cast({ consume, produce: { unacknowledgedBytes: 16_384 } })
    const [link] = producer.links as [Link]
    assert.deepEqual([link.want, link.policy.policy], [want, 'drop'])
    const announced = heard(producer, 'drop', ({ reason }) => reason === 'superseded')
    const reader = stage.reader(consumer)
    await sendAll(producer)
    await producer.send('end', '')
    await Promise.all([announced, reader.until(({ topic }) => topic === 'end')])
  })
}

function testBuffering(scenario: Scenario): void {
  const held = { ...counted(), flowControlled: true } as const

  scenario('cuts off who has stopped reading when its buffer is full', held, async (stage) => {
    const { assert } = stage
    const scene = await enact(stage, { policy: 'buffer', then: 'disconnect', limit: LIMIT })
    const cut = heard(scene.producer, 'unlink', (link) => link.peer?.id === STALLED)
    await Promise.all([sendAll(scene.producer), scene.healthy.count(SENT)])
    const [link, reason] = await cut
    assert.equal((reason as { code?: unknown } | undefined)?.code, 'BUFFER_FULL')
    if (stage.listens === 'producer') assert.ok(link.ledger().dropped.exhausted >= LIMIT.messages)
    await endAfterReturn(stage, scene)
  })

  scenario('drops what a full buffer cannot hold', held, async (stage) => {
    const { assert } = stage
    const scene = await enact(stage, { policy: 'buffer', then: 'drop', limit: LIMIT })
    await Promise.all([sendAll(scene.producer), scene.healthy.count(SENT)])
    const { dropped } = scene.link.ledger()
    assert.ok(dropped.newest > SENT / 2)
    await endAndCompare(stage, scene)
  })

  scenario('refuses a send for everybody while one buffer is full', held, async (stage) => {
    const { assert } = stage
    const scene = await enact(stage, { policy: 'buffer', then: 'refuse', limit: LIMIT })
    const { producer, healthy, stalled } = scene
    const codes = await Promise.all(range(0, SENT).map((i) => codeOf(producer.send('a', pattern(1_000, i)))))
    const refused = codes.filter((code) => code !== undefined)
    assert.ok(refused.length > 0 && refused.every((code) => code === 'BUFFER_FULL'))
    assert.equal(producer.trySend('a', 'full'), 'full')
    const { accepted, refused: counted } = producer.stats()
    assert.deepEqual([accepted, counted], [SENT - refused.length, refused.length + 1])
    await Promise.all([healthy.count(accepted), stalled.count(accepted)])
    // Those who had to wait have read: the way is free.
    await producer.flush()
    await producer.send('end', '')
    await Promise.all([healthy.count(accepted + 1), stalled.count(accepted + 1)])
    assert.deepEqual(sequencesOf(stalled.taken), range(1, accepted + 2))
    await stage.settle(scene, true)
  })
}

function testBackpressure(scenario: Scenario): void {
  const held = { ...counted(), flowControlled: true } as const

  scenario('makes send() wait for who has stopped reading, and loses nothing', held, async (stage) => {
    const { assert } = stage
    const scene = await enact(stage, { policy: 'backpressure', timeoutMs: 60_000, limit: LIMIT })
    const { producer, healthy, stalled, link } = scene
    const slow = heard(producer, 'slow')
    let sent = 0
    const sending = begin(async () => {
      for (; sent < SENT; sent++) await producer.send(`${sent % TOPICS}`, pattern(1_000, sent))
    })
    assert.equal((await slow)[0], link)
    for (let i = 0; i < 20; i++) await turn()
    const before = sent
    assert.ok(before < SENT / 2, `${before} of ${SENT} are sent`)
    assert.equal(producer.trySend('a', 'full'), 'full')
    for (let i = 0; i < 20; i++) await turn()
    assert.equal(sent, before)
    await healthy.count(before)
    await Promise.all([sending, healthy.count(SENT), stalled.count(SENT)])
    assert.deepEqual(sequencesOf(stalled.taken), range(1, SENT + 1))
    assert.equal(countDropped(link.ledger().dropped), 0)
    await stage.settle(scene, true)
  })

  scenario('lets a send that waits be given up, and then nobody got it', held, async (stage) => {
    const { assert } = stage
    const scene = await enact(stage, { policy: 'backpressure', timeoutMs: 60_000, limit: LIMIT })
    const { producer, healthy, stalled } = scene
    const giveUp = new AbortController()
    const waiting = await fill(producer, giveUp.signal)
    const { accepted } = producer.stats()
    giveUp.abort('enough')
    for (const outcome of waiting) assert.equal(await outcome, 'enough')
    const after = producer.send('end', '')
    await Promise.all([healthy.count(accepted + 1), stalled.count(accepted + 1), after])
    assert.equal(producer.stats().refused, waiting.length)
    assert.equal(stalled.taken.at(-1)?.topic, 'end')
    await stage.settle(scene, true)
  })

  scenario('cuts off who holds the producer back without any progress', held, async (stage) => {
    const { assert } = stage
    const overflow = { policy: 'backpressure', timeoutMs: PATIENCE_MS, then: 'disconnect', limit: LIMIT } as const
    const scene = await enact(stage, overflow)
    const cut = heard(scene.producer, 'unlink', (link) => link.peer?.id === STALLED)
    await Promise.all([sendAll(scene.producer), scene.healthy.count(SENT)])
    const [, reason] = await cut
    assert.equal((reason as { code?: unknown } | undefined)?.code, 'STALLED')
    await endAfterReturn(stage, scene)
  })

  scenario('goes on without who holds the producer back, and drops for it', held, async (stage) => {
    const { assert } = stage
    const scene = await enact(stage, {
      policy: 'backpressure',
      timeoutMs: PATIENCE_MS,
      then: 'drop',
      limit: LIMIT,
    })
    await Promise.all([sendAll(scene.producer), scene.healthy.count(SENT)])
    assert.ok(scene.link.ledger().dropped.newest > SENT / 2)
    await endAndCompare(stage, scene)
  })

  scenario('rejects a send that waited for too long, and then nobody got it', held, async (stage) => {
    const { assert } = stage
    const scene = await enact(stage, {
      policy: 'backpressure',
      timeoutMs: PATIENCE_MS,
      then: 'reject',
      limit: LIMIT,
    })
    const { producer, healthy, stalled } = scene
    const waiting = await fill(producer)
    const { accepted } = producer.stats()
    for (const outcome of waiting) assert.equal(await outcome, 'TIMEOUT')
    const ending = stalled.count(accepted).then(() => producer.send('end', ''))
    await Promise.all([ending, healthy.count(accepted + 1)])
    await stalled.count(accepted + 1)
    assert.equal(producer.stats().refused, waiting.length)
    await stage.settle(scene, true)
  })

  scenario('cuts a link whose system takes no byte for too long', held, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({
      // More than what the system swallows for somebody who does not read.
      produce: { overflow: 'drop:newest:20', stallMs: PATIENCE_MS, unacknowledgedBytes: 2 ** 30 },
      consume: { overflow: { policy: 'backpressure', limit: { messages: 1 } } },
    })
    const cut = heard(producer, 'unlink')
    const gone = unlinked(consumer)
    for (let i = 0; i < 40; i++) await producer.send('a', new Uint8Array(1_000_000))
    const [link, reason] = await cut
    assert.equal((reason as { code?: unknown } | undefined)?.code, 'STALLED')
    if (stage.listens === 'producer') assert.ok(link.ledger().dropped.stalled > 0)
    await stage.reader(consumer).during(gone)
  })
}

function testInbox(scenario: Scenario): void {
  const held = { ...counted(), flowControlled: true } as const

  /** Sends to a consumer that does not read, then lets it read what its policy has kept. */
  const keptBy = async (
    stage: Stage,
    overflow: ConsumerOverflow,
  ): Promise<{ kept: readonly Message[]; cast: Cast }> => {
    const cast = await stage.cast({ consume: { overflow } })
    for (let i = 0; i < 1_000; i++) await cast.producer.send(`${i % TOPICS}`, `${i}`)
    await cast.producer.flush()
    stage.check()
    return { kept: await stage.reader(cast.consumer).rest(), cast }
  }

  scenario('keeps the newest in the inbox of an application that does not read', held, async (stage) => {
    const { kept, cast } = await keptBy(stage, { policy: 'drop', keep: 'newest', limit: { messages: 50 } })
    stage.assert.deepEqual(sequencesOf(kept), range(951, 1_001))
    await compareInbox(stage, cast, 950, 50)
  })

  scenario('keeps the oldest in the inbox of an application that does not read', held, async (stage) => {
    const { kept, cast } = await keptBy(stage, { policy: 'drop', keep: 'oldest', limit: { messages: 50 } })
    stage.assert.deepEqual(sequencesOf(kept), range(1, 51))
    await compareInbox(stage, cast, 950, 50)
  })

  scenario('keeps the newest of each topic in the inbox of an application that does not read', held, async (stage) => {
    const { kept, cast } = await keptBy(stage, { policy: 'drop', keep: 'latest-per-topic' })
    stage.assert.deepEqual(sequencesOf(kept), range(996, 1_001))
    await compareInbox(stage, cast, 995, 5)
  })

  scenario('drops from a full buffer of an application that does not read', held, async (stage) => {
    const { kept, cast } = await keptBy(stage, { policy: 'buffer', then: 'drop', limit: { messages: 50 } })
    stage.assert.deepEqual(sequencesOf(kept), range(951, 1_001))
    await compareInbox(stage, cast, 950, 50)
  })

  scenario('cuts off whoever fills the buffer of an application that does not read', held, async (stage) => {
    const { assert } = stage
    const overflow = { policy: 'buffer', then: 'disconnect', limit: { messages: 50 } } as const
    const { producer, consumer } = await stage.cast({ consume: { overflow } })
    const cut = heard(consumer, 'unlink')
    for (let i = 0; i < 200; i++) void producer.send('a', `${i}`)
    const [, reason] = await cut
    assert.equal((reason as { code?: unknown } | undefined)?.code, 'BUFFER_FULL')
    const reader = stage.reader(consumer)
    const taken = await reader.rest()
    assert.ok(taken.length > 50)
    assert.deepEqual(sequencesOf(taken), range(1, taken.length + 1))
  })

  scenario('tells when a full inbox makes producers wait', held, async (stage) => {
    const overflow = { policy: 'backpressure', limit: { messages: 10 } } as const
    const { producer, consumer } = await stage.cast({ consume: { overflow } })
    const slow = heard(consumer, 'slow')
    for (let i = 0; i < 20; i++) await producer.send('a', `${i}`)
    const [{ reason, link }] = await slow
    stage.assert.deepEqual([reason, link], ['inbox', consumer.links[0]])
    await stage.reader(consumer).count(20)
  })
}

async function enact(stage: Stage, overflow: OverflowChoice): Promise<Scene> {
  const cast = await stage.cast({
    consumers: 2,
    produce: {
      overflow: ({ peer }) => (peer?.id === STALLED ? overflow : 'buffer'),
      unacknowledgedBytes: 16_384,
    },
    consume: (i) =>
      i === 0 ? { id: STALLED, overflow: { policy: 'backpressure', limit: { messages: 10 } } } : { id: HEALTHY },
  })
  const [stalled, healthy] = cast.consumers.map((consumer) => stage.reader(consumer)) as [Reader, Reader]
  const link = cast.producer.links.find(({ peer }) => peer?.id === STALLED) as Link
  return { ...cast, stalled, healthy, link }
}

async function sendAll(producer: Producer): Promise<void> {
  for (let i = 0; i < SENT; i++) await producer.send(`${i % TOPICS}`, pattern(1_000, i))
}

/** Sends until five calls wait. Returns what becomes of them. */
async function fill(producer: Producer, signal?: AbortSignal): Promise<Promise<unknown>[]> {
  for (;;) {
    const call = codeOf(producer.send('a', pattern(1_000, 0), signal && { signal }))
    const settled = await Promise.race([call.then(() => true), turn().then(() => false)])
    if (settled) continue
    const others = range(0, 4).map(() => codeOf(producer.send('a', pattern(1_000, 0), signal && { signal })))
    return [call, ...others]
  }
}

/** Sends one more, lets everybody read to it, and compares what the two sides tell. */
async function endAndCompare(stage: Stage, { stalled, healthy, ...cast }: Scene): Promise<void> {
  const { assert } = stage
  const { producer } = cast
  const gaps = { dropped: 0 }
  stalled.consumer.on('gap', ({ missing, state }) => {
    if (state === 'dropped') gaps.dropped += missing
  })
  await producer.send('end', '')
  const isEnd = ({ topic }: Message) => topic === 'end'
  await Promise.all([stalled.until(isEnd), healthy.until(isEnd)])
  await stage.settle(cast, true)
  const dropped = countDropped(cast.link.ledger().dropped)
  assert.equal(
    stalled.taken.reduce((sum, { missed }) => sum + missed, 0),
    dropped,
  )
  assert.ok(gaps.dropped <= dropped)
  const [stream] = stalled.consumer.stats().streams
  assert.deepEqual([stream?.declared, stream?.lost, stream?.missing], [dropped, 0, 0])
  assert.equal(healthy.taken.length, SENT + 1)
}

/** The one that was cut off reads again, comes back, and has exact gaps. */
async function endAfterReturn(stage: Stage, { producer, stalled, healthy, ...cast }: Scene): Promise<void> {
  const { assert } = stage
  await stalled.during(producer.linked({ count: 2 }))
  await producer.send('end', '')
  const isEnd = ({ topic }: Message) => topic === 'end'
  await Promise.all([stalled.until(isEnd), healthy.until(isEnd)])
  const [stream] = stalled.consumer.stats().streams
  const missed = stalled.taken.reduce((sum, message) => sum + message.missed, 0)
  assert.equal(stalled.taken.length + missed, SENT + 1)
  assert.equal((stream?.lost ?? 0) + (stream?.declared ?? 0), missed)
  assert.equal(healthy.taken.length, SENT + 1)
  await stage.settle({ ...cast, producers: [producer] }, false)
}

async function compareInbox(stage: Stage, cast: Cast, dropped: number, delivered: number): Promise<void> {
  const [stream] = cast.consumer.stats().streams
  stage.assert.deepEqual([stream?.inboxDropped, stream?.delivered, stream?.received], [dropped, delivered, 1_000])
  await stage.settle(cast, true)
}
