import fc from 'fast-check'
import t from 'tap'
import type { Codec } from '../../lib/codec.js'
import type { ConsumerSettings } from '../../lib/consumer.js'
import type { Policy } from '../../lib/overflow.js'
import { EVENTS, HOLD_MS, Scene } from './support/consumer-scene.js'
import { type FakeStream, readTold, type Told } from './support/fake-line.js'

/**
 * The promise from the consumer's side: under any interleaving of lines that come, go, lag and begin anew, of policies,
 * filters, loops and acknowledgements, every sum holds at every moment, order holds, nothing comes twice, every loss is
 * told where it lies, and producers learn what is safe, in time.
 */

const TOPICS = ['a', 'a.b', 'a.c', 'b', 'b.é', '', 'c']
const PREFIXES = ['', 'a', 'a.', 'b', 'b.é', 'x']

const limit = fc.record({ messages: fc.integer({ min: 1, max: 30 }), bytes: fc.integer({ min: 50, max: 20_000 }) })
const policy: fc.Arbitrary<Policy> = fc.oneof(
  fc.record({
    policy: fc.constant('drop' as const),
    keep: fc.constantFrom('newest', 'oldest', 'latest-per-topic'),
    limit,
  }),
  fc.record({ policy: fc.constant('buffer' as const), limit, then: fc.constantFrom('disconnect', 'drop') }),
  limit.map((limit) => ({ policy: 'backpressure', limit, timeoutMs: Infinity, then: 'disconnect' }) as const),
)
const codec: Codec<Told> = {
  encode: () => '',
  decode: (data: Uint8Array) => {
    const told = readTold(data)
    if (told.broken) throw new Error('broken')
    return told
  },
}
const settings: fc.Arbitrary<ConsumerSettings> = fc.record({
  id: fc.constant('CONSUMER01'),
  topics: fc.oneof(
    { weight: 3, arbitrary: fc.constant(['']) },
    { weight: 1, arbitrary: fc.uniqueArray(fc.constantFrom(...PREFIXES), { maxLength: 3 }) },
  ),
  overflow: policy,
  from: fc.constantFrom('now', 'oldest'),
  acknowledge: fc.constantFrom('taken', 'manual'),
  onLoss: fc.constantFrom('skip', 'fail'),
  lines: fc.constantFrom('arbitrate', 'arbitrate', 'separate'),
  holdMs: fc.constantFrom(0, 50, HOLD_MS),
  codec: fc.constantFrom(undefined, codec as unknown as Codec<never>),
})
const at = fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 2, 3, 4)
const stream = fc.nat({ max: 1 })
const line = fc.record({
  origin: fc.constantFrom('dialled' as const, 'accepted' as const),
  kind: fc.constantFrom('fanwire' as const, 'fanwire' as const, 'fanwire' as const, 'foreign' as const),
  allowance: fc.constantFrom(400, 4_000, 100_000),
  drops: fc.constantFrom(0, 0, 5),
  stream: fc.constantFrom(0, 0, 1),
})
const step = fc.oneof(
  {
    weight: 24,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      stream: fc.constantFrom(0, 0, 1),
      topic: fc.constantFrom(...TOPICS),
      size: fc.oneof(fc.nat({ max: 100 }), fc.integer({ min: 1_000, max: 6_000 })),
      broken: fc.constantFrom(false, false, true),
      times: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 36,
    arbitrary: fc.record({ do: fc.constant('bring' as const), at, count: fc.integer({ min: 1, max: 25 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('open' as const), line }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('connect' as const), at }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('cut' as const), at }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('hear' as const), at }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('checkpoint' as const), at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('forget' as const), stream }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('blink' as const), at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), stream }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('react' as const),
      event: fc.constantFrom(...EVENTS),
      how: fc.constantFrom('close', 'take', 'acknowledge'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('filter' as const),
      prefix: fc.constantFrom(...PREFIXES),
      on: fc.boolean(),
    }),
  },
  { weight: 16, arbitrary: fc.record({ do: fc.constant('take' as const), batches: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), how: fc.constantFrom('break', 'abort') }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('ack' as const), index: fc.nat({ max: 20 }) }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 300 }) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

async function perform(scene: Scene, action: Step): Promise<void> {
  const { platform, consumer, lines, streams } = scene
  switch (action.do) {
    case 'publish': {
      const { topic, size, broken, times } = action
      for (let i = 0; i < times; i++) streams[action.stream]?.messages.push({ topic, size, broken })
      return
    }
    case 'open':
      if (lines.length < 5) scene.open(action.line)
      return
    case 'forget': {
      const of = streams[action.stream] as FakeStream
      of.oldest = of.next
      return
    }
    case 'blink': {
      // Long enough for the producer to forget what this line had not brought.
      const line = lines[action.at]
      line?.cut()
      if (line !== undefined) line.stream.oldest = line.stream.next
      line?.connect()
      return
    }
    case 'restart':
      scene.restart(action.stream)
      return
    case 'react':
      scene.react(action.event, action.how as 'close' | 'take' | 'acknowledge')
      return
    case 'filter':
      if (action.on) consumer.subscribe(action.prefix)
      else consumer.unsubscribe(action.prefix)
      return
    case 'take':
      scene.take(action.batches)
      return
    case 'leave':
      await scene.leave(action.how as 'break' | 'abort')
      return
    case 'ack':
      for (const message of scene.unacknowledged.splice(action.index % (scene.unacknowledged.length + 1), 1))
        message.ack()
      return
    case 'turn':
      platform.turn()
      return
    case 'advance':
      platform.turn()
      platform.advance(action.ms)
      return
    case 'bring':
      lines[action.at]?.bring(action.count)
      return
    default:
      lines[action.at]?.[action.do]()
  }
}

const lines = fc.array(line, { minLength: 1, maxLength: 3 })
const steps = fc.array(step, { minLength: 1, maxLength: 80, size: 'max' })

t.test('every sum holds at every moment, and every loss is told, whatever happens', async (t) => {
  await fc.assert(
    fc.asyncProperty(settings, lines, steps, fc.boolean(), async (settings, lines, steps, settles) => {
      const scene = new Scene(settings)
      for (const line of lines) scene.open(line)
      for (const action of steps) {
        await perform(scene, action)
        await scene.check()
      }
      if (settles) await scene.settle()
      await scene.close()
    }),
    { numRuns: Number(process.env.FC_RUNS ?? 300), seed: Number(process.env.FC_SEED ?? 20260101) },
  )
  t.pass('no counterexample')
})
