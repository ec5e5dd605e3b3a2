import fc from 'fast-check'
import t from 'tap'
import { Consumer, type ConsumerSettings } from '../../lib/consumer.js'
import type { ConsumerLink } from '../../lib/consumer-link.js'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import type { GapChange } from '../../lib/gaps.js'
import { balanceLink, balanceProducer, balanceStream, countDropped, type ProducerLinkLedger } from '../../lib/ledger.js'
import type { Loop } from '../../lib/loop.js'
import type { Arrival, Message } from '../../lib/message.js'
import type { Policy } from '../../lib/overflow.js'
import { Producer } from '../../lib/producer.js'
import type { ProducerLink } from '../../lib/producer-link.js'
import { Retention } from '../../lib/retention.js'
import type { Stream } from '../../lib/stream.js'
import { type CableOptions, FakeCable } from './support/fake-cable.js'
import { FakePlatform, settled } from './support/fake-platform.js'

/**
 * Both sides of the promise at once: a producer and its consumers, connected through kernels of bounded size that may be
 * cut at any moment. Once nothing moves any more, both ledgers of every connection agree, nothing came twice, and every gap
 * is exact, whether or not the producer retains what was cut off.
 */

const TOPICS = ['a', 'a.b', 'b', 'b.é', '']
const PREFIXES = ['', 'a', 'b', 'x']
const HOLD_MS = 200

interface Sent {
  readonly topic: string
  readonly size: number
}

/** A consumer that takes note of what it was told to be lost or dropped. */
class Listener extends Consumer {
  readonly fates = new Map<number, 'lost' | 'dropped'>()

  override gap(stream: Stream, change: GapChange): void {
    const { from, to, state } = change
    if (state === 'lost' || state === 'dropped') {
      for (let number = from; number < to; number++) this.fates.set(number, state)
    }
    super.gap(stream, change)
  }
}

interface Side {
  readonly consumer: Listener
  readonly cables: FakeCable[]
  readonly delivered: Arrival[]
  readonly unacknowledged: Arrival[]
  loop: Loop<Message[]> | undefined
  asked: boolean
}

class Scene {
  readonly platform = new FakePlatform()
  readonly producer: Producer
  readonly sides: Side[] = []
  readonly sent: Sent[] = []
  /** Which call got which number, as consumers see it. */
  readonly #numbers = new Map<number, number>()
  readonly #errors: unknown[] = []

  constructor(
    readonly policy: Policy,
    readonly retention: Retention,
  ) {
    this.platform.listening = false
    this.producer = new Producer(this.platform, {
      stream: 'STREAM0001',
      policy,
      overflow: () => policy,
      memoryBytes: 16 * 1024 * 1024,
      maxMessageBytes: 1024 * 1024,
      stallMs: 30_000,
      unacknowledgedBytes: 10_000,
      retention,
      codec: undefined,
    })
    this.producer.log(zmtpFraming)
  }

  send(topic: string, size: number): void {
    const data = new Uint8Array(4 + size)
    new DataView(data.buffer).setUint32(0, this.sent.length)
    this.sent.push({ topic, size })
    this.producer.send(topic, data).catch(() => undefined)
  }

  join(settings: ConsumerSettings, cables: readonly Omit<CableOptions, 'id'>[]): void {
    const consumer = new Listener(this.platform, settings)
    const log = this.producer.log(zmtpFraming)
    const names = cables.map((_, i) => `cable ${this.sides.length}.${i}`)
    const made = cables.map((cable, i) => {
      return new FakeCable(names[i] as string, log, consumer, { ...cable, id: settings.id })
    })
    this.sides.push({
      consumer,
      cables: made,
      delivered: [],
      unacknowledged: [],
      loop: undefined,
      asked: false,
    })
    for (const cable of made) cable.connect()
  }

  take(side: Side): void {
    side.loop ??= side.consumer.batches()
    if (side.asked) return
    side.asked = true
    side.loop.next().then(
      ({ value }) => {
        side.asked = false
        for (const message of value ?? []) this.#note(side, message as Arrival)
      },
      (error) => this.#errors.push(error),
    )
  }

  #note(side: Side, message: Arrival): void {
    const { delivered, consumer } = side
    const last = delivered.at(-1)
    delivered.push(message)
    side.unacknowledged.push(message)
    const call = new DataView(message.data.buffer, message.data.byteOffset).getUint32(0)
    const { number } = message
    const sent = this.sent[call]
    if (sent?.topic !== message.topic || sent.size + 4 !== message.data.length)
      this.#fail(`call ${call} came otherwise`)
    if (last !== undefined && last.number >= number) this.#fail(`${number} came after ${last.number}`)
    if ((this.#numbers.get(call) ?? number) !== number) this.#fail(`call ${call} has two numbers`)
    this.#numbers.set(call, number)
    let missed = 0
    for (const lost of consumer.fates.keys()) if (lost < number && lost > (last?.number ?? 0)) missed++
    if (missed !== message.missed) this.#fail(`${message.missed} told missed before ${number}, it was ${missed}`)
  }

  #fail(message: string): void {
    this.#errors.push(new Error(message))
  }

  async check(): Promise<void> {
    await settled(3)
    if (this.#errors.length > 0) throw this.#errors[0]
    const stats = this.producer.stats()
    must(balanceProducer(stats))
    for (const link of stats.links) must(balanceLink(link))
    for (const { consumer, cables } of this.sides) {
      for (const stream of consumer.stats().streams) must(balanceStream(stream))
      for (const cable of cables) this.#checkEnds(cable)
    }
  }

  #checkEnds({ remote, producer, consumer, connected }: FakeCable): void {
    if (producer === undefined || consumer === undefined) return
    const given = (producer as ProducerLink).ledger()
    must(balanceLink(given))
    // A consumer whose inbox is full refuses the connection.
    if (!connected || (consumer as ConsumerLink).state !== 'open') return
    const { received, acknowledged = 0 } = (consumer as ConsumerLink).ledger()
    if (received > given.handed + given.inFlight) throw new Error(`${remote}: ${received} received of ${given.handed}`)
    if ((given.acknowledged ?? 0) > acknowledged) throw new Error(`${remote}: ${given.acknowledged} acknowledged`)
  }

  /** Everybody reads, hears, takes and acknowledges until nothing moves; then both sides are compared. */
  async settle(): Promise<void> {
    await this.#drain()
    await this.#drain()
    for (const side of this.sides) this.#compare(side)
  }

  async #drain(): Promise<void> {
    let before = ''
    for (let round = 0; round < 5_000; round++) {
      for (const side of this.sides) {
        for (const cable of side.cables) {
          cable.connect()
          cable.hear()
          cable.read(20_000)
        }
        this.take(side)
        await settled(3)
        for (const message of side.unacknowledged.splice(0)) message.ack()
      }
      this.platform.turn()
      if (round % 10 === 0) for (const { cables } of this.sides) for (const cable of cables) cable.checkpoint()
      if (round % 10 === 5) this.platform.advance(HOLD_MS)
      if (round % 10 < 9) continue
      await this.check()
      const now = JSON.stringify([this.producer.stats(), this.sides.map(({ consumer }) => consumer.stats())])
      const moves = this.sides.some(({ cables }) => cables.some(({ moving }) => moving))
      if (now === before && !moves) return
      before = now
    }
    throw new Error('something is stuck')
  }

  #compare({ consumer, cables, delivered }: Side): void {
    const { streams, inbox } = consumer.stats()
    const { next } = this.producer.stats()
    if (inbox.messages > 0) throw new Error(`${inbox.messages} messages are stuck`)
    for (const cable of cables) if (cable.connected) this.#compareEnds(cable, consumer)
    if (!cables.some(({ connected }) => connected)) return
    const [stream] = streams
    if (stream === undefined || streams.length > 1) throw new Error(`${streams.length} streams`)
    if (stream.next !== next) throw new Error(`the consumer is at ${stream.next}, the producer at ${next}`)
    if (stream.missing > 0 || stream.inboxWaiting > 0) throw new Error(`still open: ${JSON.stringify(stream)}`)
    const lost = [...consumer.fates.values()].filter((fate) => fate === 'lost').length
    if (stream.lost !== lost) throw new Error(`${lost} told lost, ${stream.lost} counted`)
    for (const { number } of delivered) if (consumer.fates.has(number)) throw new Error(`${number} was not lost`)
    const [only, ...others] = cables
    if (only?.connections === 1 && others.length === 0) {
      const { received, filtered, declared } = (only.consumer as ConsumerLink).ledger()
      const expected = { received, filtered, declared, lost: 0, duplicates: 0, late: 0 }
      for (const [name, count] of Object.entries(expected)) {
        const all = stream[name as keyof typeof expected]
        if (all !== count) throw new Error(`${name} is ${all}, and ${count} by its only connection`)
      }
    }
    // Whoever dials resumes by itself.
    if (this.retention !== ALL || !cables.every(({ resumes }) => resumes)) return
    if (stream.lost > 0) throw new Error(`lost although all was retained: ${JSON.stringify(stream)}`)
    const leftOut = stream.declared + stream.filtered + stream.unwanted + stream.inboxDropped
    if (delivered.length !== next - stream.first - leftOut) throw new Error(`${delivered.length} delivered`)
  }

  #compareEnds({ remote, producer, consumer: port }: FakeCable, consumer: Listener): void {
    const given: ProducerLinkLedger = (producer as ProducerLink).ledger()
    const link = consumer.links.find((each) => each === (port as unknown))
    const taken = link?.ledger()
    const { handed, filtered, dropped, acknowledged, waiting, inFlight } = given
    const expected = { received: handed, filtered, declared: countDropped(dropped), acknowledged }
    if (waiting + inFlight > 0) throw new Error(`${remote}: ${JSON.stringify(given)} is not quiet`)
    if (acknowledged !== handed) throw new Error(`${remote}: ${acknowledged} of ${handed} acknowledged`)
    for (const [name, count] of Object.entries(expected)) {
      const other = taken?.[name as keyof typeof expected]
      if (other !== count) throw new Error(`${remote}: ${name} is ${count} at the producer, ${other} at the consumer`)
    }
  }

  async close(): Promise<void> {
    for (const { consumer } of this.sides) await consumer.close()
    for (const { cables } of this.sides)
      if (cables.some(({ connected }) => connected)) throw new Error('still connected')
    await this.producer.close({ drainMs: 0 })
    this.platform.turn()
    if (this.platform.timers > 0) throw new Error(`${this.platform.timers} timers are left`)
  }
}

const ALL = new Retention({ messages: 1_000_000, bytes: 1e9 })

function must(sum: string | undefined): void {
  if (sum !== undefined) throw new Error(sum)
}

const limit = fc.record({ messages: fc.integer({ min: 1, max: 40 }), bytes: fc.integer({ min: 100, max: 100_000 }) })
const drop = { policy: fc.constant('drop' as const), limit }
const producerPolicy: fc.Arbitrary<Policy> = fc.oneof(
  fc.record({ ...drop, keep: fc.constantFrom('newest', 'oldest', 'latest-per-topic') }),
  fc.record({ policy: fc.constant('buffer' as const), limit, then: fc.constantFrom('disconnect', 'drop', 'refuse') }),
  fc.record({
    policy: fc.constant('backpressure' as const),
    limit,
    timeoutMs: fc.constantFrom(1_000, 5_000),
    then: fc.constantFrom('disconnect', 'drop', 'reject'),
  }),
)
const consumerPolicy: fc.Arbitrary<Policy> = fc.oneof(
  limit.map((limit) => ({ policy: 'backpressure', limit, timeoutMs: Infinity, then: 'disconnect' }) as const),
  fc.record({ ...drop, keep: fc.constantFrom('newest', 'oldest') }),
  fc.record({ policy: fc.constant('buffer' as const), limit, then: fc.constantFrom('disconnect', 'drop') }),
)
const retention = fc.constantFrom(
  () => ALL,
  () => ALL,
  () => new Retention(undefined),
  () => new Retention({ messages: 5 }),
  () => new Retention('latest-per-topic'),
)
const cable = fc.record({
  dialler: fc.constantFrom('consumer' as const, 'consumer' as const, 'producer' as const),
  kernelBytes: fc.constantFrom(0, 500, 5_000, 1_000_000),
  runBytes: fc.constantFrom(100, 4_096, 262_144),
})
const side = fc.record({
  settings: fc.record({
    id: fc.stringMatching(/^[0-9A-Z]{10}$/),
    topics: fc.oneof(fc.constant(['']), fc.uniqueArray(fc.constantFrom(...PREFIXES), { maxLength: 2 })),
    overflow: consumerPolicy,
    from: fc.constantFrom('now', 'oldest', 'latest-per-topic'),
    acknowledge: fc.constantFrom('taken', 'manual'),
    onLoss: fc.constant('skip'),
    lines: fc.constant('arbitrate'),
    holdMs: fc.constantFrom(0, HOLD_MS),
    codec: fc.constant(undefined),
  }),
  cables: fc.array(cable, { minLength: 1, maxLength: 2 }),
})
const which = fc.nat({ max: 5 })
const step = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      topic: fc.constantFrom(...TOPICS),
      size: fc.oneof(
        { weight: 5, arbitrary: fc.nat({ max: 200 }) },
        { weight: 1, arbitrary: fc.integer({ min: 2_000, max: 30_000 }) },
      ),
      times: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 30,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      which,
      bytes: fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: 5_000 }), fc.constant(1_000_000)),
    }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('hear' as const), which }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('checkpoint' as const), which }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('cut' as const), which }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('connect' as const), which }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('take' as const), which }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), which }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('filter' as const),
      which,
      prefix: fc.constantFrom(...PREFIXES),
      on: fc.boolean(),
    }),
  },
  { weight: 20, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 2_000 }) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function perform(scene: Scene, action: Step): void {
  const { platform, sides } = scene
  if (action.do === 'send') {
    for (let i = 0; i < action.times; i++) scene.send(action.topic, action.size)
    return
  }
  if (action.do === 'turn') {
    platform.turn()
    return
  }
  if (action.do === 'advance') {
    platform.turn()
    platform.advance(action.ms)
    return
  }
  const side = sides[action.which % sides.length] as Side
  const cable = side.cables[action.which % side.cables.length] as FakeCable
  switch (action.do) {
    case 'take':
      scene.take(side)
      return
    case 'acknowledge':
      for (const message of side.unacknowledged.splice(0)) message.ack()
      return
    case 'filter':
      if (action.on) side.consumer.subscribe(action.prefix)
      else side.consumer.unsubscribe(action.prefix)
      return
    case 'read':
      cable.read(action.bytes)
      return
    default:
      cable[action.do]()
  }
}

const sides = fc.array(side, { minLength: 1, maxLength: 3 })
const steps = fc.array(step, { minLength: 1, maxLength: 80, size: 'max' })

t.test('both sides agree once nothing moves, wherever connections were cut', async (t) => {
  await fc.assert(
    fc.asyncProperty(producerPolicy, retention, sides, steps, async (policy, retention, sides, steps) => {
      const scene = new Scene(policy, retention())
      for (const { settings, cables } of sides) scene.join(settings as ConsumerSettings, cables)
      for (const action of steps) {
        perform(scene, action)
        await scene.check()
      }
      await scene.settle()
      await scene.close()
    }),
    { numRuns: Number(process.env.FC_RUNS ?? 150), seed: Number(process.env.FC_SEED ?? 20260101) },
  )
  t.pass('no counterexample')
})
