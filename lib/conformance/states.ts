import type { Consumer } from '../consumer.js'
import type { Producer } from '../producer.js'
import { counted } from './delivery.js'
import type { Scenario } from './index.js'
import { codeOf, pattern, type Stage, turn } from './stage.js'

/** What an end does in each of its states. Opening has tests of its own: there is no end yet to ask. */
type State = 'alone' | 'linked' | 'closing' | 'closed'

interface Operation<End> {
  readonly name: string
  /** Returns something to compare: a value, the code of an error, `'waits'` for what has not settled after some turns. */
  readonly run: (end: End) => unknown
  readonly expected: { readonly [Name in State]: unknown }
}

const producerOperations: readonly Operation<Producer>[] = [
  {
    name: 'send',
    run: (producer) => codeOf(producer.send('a', 'x')),
    expected: { alone: undefined, linked: undefined, closing: 'CLOSED', closed: 'CLOSED' },
  },
  {
    name: 'send of a bad topic',
    run: (producer) => codeOf(producer.send('\u0000', 'x')),
    expected: { alone: 'BAD_TOPIC', linked: 'BAD_TOPIC', closing: 'CLOSED', closed: 'CLOSED' },
  },
  {
    name: 'send of what is no data',
    run: (producer) => codeOf(producer.send('a', 7 as never)),
    expected: { alone: 'BAD_VALUE', linked: 'BAD_VALUE', closing: 'CLOSED', closed: 'CLOSED' },
  },
  {
    name: 'trySend',
    run: (producer) => producer.trySend('a', 'x'),
    expected: { alone: 'sent', linked: 'sent', closing: 'closed', closed: 'closed' },
  },
  {
    name: 'linked',
    run: (producer) => settledOrWaits(producer.linked()),
    expected: { alone: 'waits', linked: undefined, closing: undefined, closed: 'CLOSED' },
  },
  {
    name: 'hasSubscribers',
    run: (producer) => producer.hasSubscribers('a'),
    expected: { alone: false, linked: true, closing: true, closed: false },
  },
  {
    name: 'flush',
    run: (producer) => settledOrWaits(producer.flush()),
    expected: { alone: undefined, linked: undefined, closing: 'waits', closed: 'CLOSED' },
  },
  {
    name: 'links',
    run: (producer) => producer.links.filter(({ state }) => state === 'open').length,
    expected: { alone: 0, linked: 1, closing: 1, closed: 0 },
  },
  {
    name: 'unref',
    run: (producer) => producer.unref() === producer,
    expected: { alone: true, linked: true, closing: true, closed: true },
  },
]

const consumerOperations: readonly Operation<Consumer>[] = [
  {
    name: 'subscribe',
    run: (consumer) => codeOf((async () => consumer.subscribe('b') === consumer)()),
    expected: { alone: true, linked: true, closing: 'CLOSED', closed: 'CLOSED' },
  },
  {
    name: 'subscribe to a bad topic',
    run: (consumer) => codeOf((async () => consumer.subscribe('\u0001'))()),
    expected: { alone: 'BAD_TOPIC', linked: 'BAD_TOPIC', closing: 'CLOSED', closed: 'CLOSED' },
  },
  {
    name: 'unsubscribe',
    run: (consumer) => consumer.unsubscribe('b') === consumer,
    expected: { alone: true, linked: true, closing: true, closed: true },
  },
  {
    name: 'linked',
    run: (consumer) => settledOrWaits(consumer.linked()),
    expected: { alone: 'waits', linked: undefined, closing: 'CLOSED', closed: 'CLOSED' },
  },
  {
    name: 'a step of a loop',
    run: async (consumer) => {
      const loop = consumer.messages()
      const step = await settledOrWaits(loop.next().then(({ done }) => (done ? 'done' : 'message')))
      await loop.return()
      return step
    },
    expected: { alone: 'waits', linked: 'waits', closing: 'done', closed: 'done' },
  },
  {
    name: 'a step of a second loop',
    run: async (consumer) => {
      const first = consumer.messages()
      const waiting = first.next()
      const code = await codeOf(
        consumer
          .batches()
          .next()
          .then(({ done }) => (done ? 'done' : 'batch')),
      )
      await first.return()
      await waiting
      return code
    },
    expected: { alone: 'BUSY', linked: 'BUSY', closing: 'done', closed: 'done' },
  },
  {
    name: 'a loop whose signal is aborted',
    run: (consumer) =>
      consumer
        .messages({ signal: AbortSignal.abort() })
        .next()
        .then(({ done }) => done),
    expected: { alone: true, linked: true, closing: true, closed: true },
  },
  {
    name: 'links',
    run: (consumer) => consumer.links.filter(({ state }) => state === 'open').length,
    expected: { alone: 0, linked: 1, closing: 0, closed: 0 },
  },
  {
    name: 'unref',
    run: (consumer) => consumer.unref() === consumer,
    expected: { alone: true, linked: true, closing: true, closed: true },
  },
]

export function testStates(scenario: Scenario): void {
  for (const state of ['alone', 'linked', 'closing', 'closed'] as const) {
    scenario(`answers every call of a producer that is ${state}`, { ...counted(), filtersAtProducer: true }, (stage) =>
      runAll(stage, state, producerOperations, producerIn),
    )
    scenario(`answers every call of a consumer that is ${state}`, { ...counted(), filtersAtProducer: true }, (stage) =>
      runAll(stage, state, consumerOperations, consumerIn),
    )
  }

  scenario('returns one promise, however often an end is closed', {}, async (stage) => {
    const { producer, consumer } = await stage.cast()
    const closing = [producer.close(), producer.close({ drainMs: 0 }), consumer.close(), consumer.close()]
    stage.assert.ok(closing[0] === closing[1] && closing[2] === closing[3])
    await Promise.all(closing)
    stage.assert.ok(producer.close() === closing[0] && consumer.close() === closing[2])
    await Promise.all([producer[Symbol.asyncDispose](), consumer[Symbol.asyncDispose]()])
  })
}

async function runAll<End extends Producer | Consumer>(
  stage: Stage,
  state: State,
  operations: readonly Operation<End>[],
  endIn: (stage: Stage, state: State) => Promise<End>,
): Promise<void> {
  for (const { name, run, expected } of operations) {
    const end = await endIn(stage, state)
    stage.assert.deepEqual(await run(end), expected[state], `${name} while ${state}`)
    stage.check(end)
    // Closing has nobody to wait for any more.
    for (const link of [...end.links]) link.close()
    await stage.close()
  }
}

async function producerIn(stage: Stage, state: State): Promise<Producer> {
  const isDialling = stage.listens === 'consumer'
  if (state === 'alone') return stage.produce(isDialling ? await stage.freeUrl() : stage.freshUrl())
  const { producer } = await stage.cast({
    produce: { unacknowledgedBytes: 1_024 },
    consume: { overflow: { policy: 'backpressure', limit: { messages: 1 } } },
  })
  // Somebody who does not read makes closing last.
  if (state === 'closing') for (let i = 0; i < 5; i++) void producer.send('a', pattern(1_000, i))
  if (state === 'closing') void producer.close({ drainMs: 30_000 })
  if (state === 'closed') await producer.close()
  return producer
}

async function consumerIn(stage: Stage, state: State): Promise<Consumer> {
  const isDialling = stage.listens === 'producer'
  if (state === 'alone') return stage.consume(isDialling ? await stage.freeUrl() : stage.freshUrl())
  const { consumer } = await stage.cast()
  if (state === 'closing') void consumer.close()
  if (state === 'closed') await consumer.close()
  return consumer
}

async function settledOrWaits(promise: Promise<unknown>): Promise<unknown> {
  const some = async () => {
    for (let i = 0; i < 5; i++) await turn()
    return 'waits'
  }
  return Promise.race([codeOf(promise), some()])
}
