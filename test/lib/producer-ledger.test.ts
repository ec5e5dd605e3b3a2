import fc from 'fast-check'
import t from 'tap'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import { balanceLink, balanceProducer } from '../../lib/ledger.js'
import type { Policy } from '../../lib/overflow.js'
import { Producer } from '../../lib/producer.js'
import type { ProducerLink } from '../../lib/producer-link.js'
import { Retention } from '../../lib/retention.js'
import type { StartFrom } from '../../lib/transport.js'
import { FakeDisk } from './support/fake-disk.js'
import { FakePeer } from './support/fake-peer.js'
import { FakePlatform } from './support/fake-platform.js'

/**
 * The promise itself: under any interleaving of sends, stalls, joins, leaves, changes of filter and policies, every sum
 * holds after every step, order holds, numbers are right, and memory stays within its bound.
 */

/** The least with which links may use a disk. */
const MEMORY_BYTES = 4 * 1024 * 1024
const TOPICS = ['a', 'a.b', 'a.c', 'b', 'b.é', '', 'c']
const PREFIXES = ['', 'a', 'a.', 'b', 'b.é', 'x']

interface Sent {
  readonly number: number
  readonly topic: string
}

interface Joined {
  readonly peer: FakePeer
  readonly link: ProducerLink
  readonly policy: Policy
  /** The numbers of what passed its filter when it was sent, from where the link started. */
  readonly wanted: number[]
  prefixes: Set<string>
  checked: number
  left: boolean
}

/** A producer with its links, driven step by step and checked after each. */
class Scene {
  readonly disk = new FakeDisk()
  readonly platform = new FakePlatform(1, this.disk)
  readonly producer: Producer
  readonly sent: Sent[] = []
  readonly joined: Joined[] = []
  #policy: Policy | undefined
  #calls = 0
  #settled = 0

  constructor(retention: Retention) {
    this.platform.listening = false
    this.producer = new Producer(this.platform, {
      stream: 'STREAM0001',
      policy: { policy: 'drop', keep: 'newest', limit: { messages: 1, bytes: 1 } },
      overflow: () => this.#policy as Policy,
      memoryBytes: MEMORY_BYTES,
      maxMessageBytes: 1024 * 1024,
      stallMs: 30_000,
      unacknowledgedBytes: 65_536,
      retention,
      codec: undefined,
    })
    this.producer.log(zmtpFraming)
  }

  send(topic: string, size: number): void {
    const before = this.producer.stats().accepted
    const data = new Uint8Array(size)
    new DataView(data.buffer).setUint32(0, this.#calls++)
    this.producer.send(topic, data).then(
      () => this.#settled++,
      () => this.#settled++,
    )
    this.#noteAccepted(before, topic)
  }

  /** Messages that left the waiting room are known by their data: the n-th call carries n. */
  readonly topics: string[] = []

  #noteAccepted(_before: number, topic: string): void {
    this.topics.push(topic)
  }

  join(policy: Policy, prefixes: readonly string[], foreign: boolean, kernelBytes: number, from: StartFrom): void {
    this.#policy = policy
    const fanout = this.producer.log(zmtpFraming)
    const peer = new FakePeer({ kind: foreign ? 'foreign' : 'fanwire', kernelBytes, runBytes: 4096 })
    const link = fanout.open('peer', 'accepted')
    peer.connect(link, prefixes, foreign ? 'now' : from)
    this.joined.push({ peer, link, policy, wanted: [], prefixes: new Set(prefixes), checked: 0, left: false })
  }

  check(): void {
    const stats = this.producer.stats()
    const sum = balanceProducer(stats)
    if (sum !== undefined) throw new Error(sum)
    if (stats.memory.used > MEMORY_BYTES) throw new Error(`${stats.memory.used} bytes in use`)
    for (const joined of this.joined) this.#checkLink(joined)
  }

  #checkLink(joined: Joined): void {
    const { peer, link } = joined
    const ledger = link.ledger()
    const sum = balanceLink(ledger)
    if (sum !== undefined) throw new Error(`${sum} in ${JSON.stringify(ledger)}`)
    const counts = [ledger.filtered, ledger.waiting, ledger.inFlight, ledger.handed, ...Object.values(ledger.dropped)]
    if (counts.some((count) => count < 0)) throw new Error(`a negative count in ${JSON.stringify(ledger)}`)
    for (; joined.checked < peer.read.length; joined.checked++) {
      const { number, topic, data } = peer.read[joined.checked] as FakePeer['read'][number]
      const call = new DataView(data.buffer, data.byteOffset).getUint32(0)
      if (this.topics[call] !== topic)
        throw new Error(`call ${call} was sent to ${this.topics[call]}, read as ${topic}`)
      const previous = joined.checked > 0 ? peer.read[joined.checked - 1] : undefined
      if (previous !== undefined) {
        const before = new DataView(previous.data.buffer, previous.data.byteOffset).getUint32(0)
        if (before >= call) throw new Error(`call ${call} came after ${before}`)
        if (number !== undefined && number <= (previous.number as number)) throw new Error(`number ${number} went back`)
      }
      if (number !== undefined) {
        const known = this.numbers.get(call)
        if (known !== undefined && known !== number)
          throw new Error(`call ${call} has the numbers ${known} and ${number}`)
        this.numbers.set(call, number)
      }
    }
    if (
      peer.kind === 'fanwire' &&
      !joined.left &&
      peer.closed === null &&
      peer.next !== undefined &&
      peer.unread === 0 &&
      ledger.inFlight === 0
    ) {
      const start = peer.start?.next as number
      const span = peer.next - start
      if (span !== peer.read.length + peer.filtered + peer.dropped) throw new Error('the peer cannot add up')
      if (peer.read.length !== ledger.handed) throw new Error(`read ${peer.read.length} of ${ledger.handed} handed`)
    }
  }

  readonly numbers = new Map<number, number>()

  /** Lets everybody read until nothing moves, then compares what both sides say. */
  async settle(): Promise<void> {
    for (let round = 0; round < 10_000; round++) {
      const before = JSON.stringify(this.producer.stats())
      await this.disk.settle()
      // A link may wait for memory to read into.
      this.platform.advance(20)
      this.platform.turn()
      for (const { peer } of this.joined) {
        peer.receive()
        peer.acknowledge()
      }
      if (this.joined.some(({ peer }) => peer.unread > 0)) continue
      if (JSON.stringify(this.producer.stats()) !== before || this.platform.turn() > 0) continue
      if (!(await this.disk.step())) break
    }
    this.check()
    for (const { link, peer, left } of this.joined) {
      if (left || peer.closed !== null) continue
      const ledger = link.ledger()
      if (ledger.waiting + ledger.inFlight > 0) throw new Error(`something is stuck: ${JSON.stringify(ledger)}`)
      // A kernel without room makes the first attempt wait for the SKIP to be read.
      const first = link.checkpoint()
      peer.receive()
      const next = first ?? link.checkpoint()
      if (peer.kind === 'foreign') continue
      if (next !== peer.next) throw new Error(`the link is at ${next}, its peer at ${peer.next}`)
      const after = link.ledger()
      const dropped = Object.values(after.dropped).reduce((sum, count) => sum + count, 0)
      if (peer.filtered !== after.filtered)
        throw new Error(`filtered ${after.filtered}, the peer says ${peer.filtered}`)
      if (peer.dropped !== dropped) throw new Error(`dropped ${dropped}, the peer says ${peer.dropped}`)
      if (after.acknowledged !== after.handed) throw new Error('something is not acknowledged')
    }
  }
}

const limit = fc.record({ messages: fc.integer({ min: 1, max: 40 }), bytes: fc.integer({ min: 100, max: 200_000 }) })
const spills: fc.Arbitrary<Policy> = fc.record({
  policy: fc.constant('buffer' as const),
  limit,
  spill: fc.constant('disk'),
  then: fc.constantFrom('disconnect', 'drop', 'refuse'),
})
const policy: fc.Arbitrary<Policy> = fc.oneof(
  fc.record({
    policy: fc.constant('drop' as const),
    keep: fc.constantFrom('newest', 'oldest', 'latest-per-topic'),
    limit,
  }),
  fc.record({ policy: fc.constant('buffer' as const), limit, then: fc.constantFrom('disconnect', 'drop', 'refuse') }),
  spills,
  fc.record({
    policy: fc.constant('backpressure' as const),
    limit,
    timeoutMs: fc.constantFrom(1_000, 5_000),
    then: fc.constantFrom('disconnect', 'drop', 'reject'),
  }),
)
const size = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 4, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 2_000, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 300_000 }) },
)
const large = fc.integer({ min: 20_000, max: 100_000 })
const index = fc.nat({ max: 7 })
const stepOf = (policy: fc.Arbitrary<Policy>, size: fc.Arbitrary<number>) =>
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constant('send' as const),
        topic: fc.constantFrom(...TOPICS),
        size,
        times: fc.integer({ min: 1, max: 30 }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('read' as const), index }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('disk' as const), times: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('fill the disk' as const) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), index }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('checkpoint' as const), index }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 8_000 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('join' as const),
        policy,
        prefixes: fc.uniqueArray(fc.constantFrom(...PREFIXES), { maxLength: 3 }),
        foreign: fc.boolean(),
        kernelBytes: fc.constantFrom(0, 1_000, 20_000, 1_000_000),
        from: fc.constantFrom('now' as const, 'oldest' as const, 'latest-per-topic' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), index }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('filter' as const),
        index,
        prefix: fc.constantFrom(...PREFIXES),
        on: fc.boolean(),
      }),
    },
  )
type Step = ReturnType<typeof stepOf> extends fc.Arbitrary<infer S> ? S : never
const retention = fc.constantFrom(
  () => new Retention(undefined),
  () => new Retention({ messages: 50 }),
  () => new Retention({ bytes: 300_000 }),
  () => new Retention({ ageMs: 2_000 }),
  () => new Retention('latest-per-topic'),
)

async function perform(scene: Scene, action: Step): Promise<void> {
  const { platform, joined, disk } = scene
  switch (action.do) {
    case 'disk':
      for (let i = 0; i < action.times; i++) await disk.step()
      return
    case 'fill the disk':
      disk.fullAt = disk.fullAt === Infinity ? disk.written : Infinity
      return
    case 'send':
      for (let i = 0; i < action.times; i++) scene.send(action.topic, action.size)
      return
    case 'turn':
      platform.turn()
      return
    case 'advance':
      platform.advance(action.ms)
      return
    case 'join':
      if (joined.length < 8) scene.join(action.policy, action.prefixes, action.foreign, action.kernelBytes, action.from)
      return
    default: {
      const one = joined[action.index]
      if (one === undefined || one.left) return
      if (action.do === 'read') one.peer.receive()
      else if (action.do === 'acknowledge') one.peer.acknowledge()
      else if (action.do === 'checkpoint') one.link.checkpoint()
      else if (action.do === 'leave') {
        one.left = true
        // Its carrier is gone, and with it what it still held.
        one.peer.close()
        one.link.disconnected(undefined)
      } else {
        const prefix = new TextEncoder().encode(action.prefix)
        if (action.on) one.link.subscribe(prefix)
        else one.link.unsubscribe(prefix)
      }
    }
  }
}

for (const [what, step, runs] of [
  ['whatever happens', stepOf(policy, size), 200],
  ['while much of what waits is on disk', stepOf(fc.oneof(spills, spills, spills, policy), large), 60],
] as const) {
  t.test(`every sum holds after every step, ${what}`, async (t) => {
    await fc.assert(
      fc.asyncProperty(
        retention,
        fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }),
        async (retain, steps) => {
          const scene = new Scene(retain())
          for (const action of steps) {
            await perform(scene, action)
            scene.check()
          }
          await scene.settle()
        },
      ),
      { numRuns: Number(process.env.FC_RUNS ?? runs), seed: Number(process.env.FC_SEED ?? 20260101) },
    )
    t.pass('no counterexample')
  })
}
