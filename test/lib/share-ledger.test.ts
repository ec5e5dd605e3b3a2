import fc from 'fast-check'
import t from 'tap'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import { balanceLink, balanceProducer, balanceShare } from '../../lib/ledger.js'
import type { Policy } from '../../lib/overflow.js'
import { Producer } from '../../lib/producer.js'
import { Retention } from '../../lib/retention.js'
import type { Share } from '../../lib/share.js'
import type { ShareLink } from '../../lib/share-link.js'
import { FakePeer } from './support/fake-peer.js'
import { FakePlatform } from './support/fake-platform.js'

/**
 * Each message goes to one link: under any interleaving of sends, stalls, joins and leaves every sum holds after every
 * step, nobody has more than he may have, what is not marked is there once, and in the end nothing is lost.
 */

const MEMORY_BYTES = 2 * 1024 * 1024
const PREFETCH = { messages: 8, bytes: 20_000 }

interface Joined {
  readonly peer: FakePeer
  readonly link: ShareLink
  /** Messages of `peer.read` that were looked at, and that it has acknowledged. */
  checked: number
  acknowledged: number
}

class Scene {
  readonly platform = new FakePlatform()
  readonly producer: Producer
  readonly share: Share
  readonly joined: Joined[] = []
  /** By call of `send()`: whether it was accepted. */
  readonly accepted = new Map<number, boolean>()
  /** By call: its number, and how often somebody read it without a mark. */
  readonly #numbers = new Map<number, number>()
  readonly #fresh = new Set<number>()
  /** Calls that a peer has acknowledged. */
  readonly #done = new Set<number>()
  #calls = 0

  constructor(policy: Policy) {
    this.platform.listening = false
    this.producer = new Producer(this.platform, {
      stream: 'STREAM0001',
      policy,
      overflow: () => policy,
      memoryBytes: MEMORY_BYTES,
      maxMessageBytes: 1024 * 1024,
      stallMs: 30_000,
      unacknowledgedBytes: undefined,
      retention: new Retention(undefined),
      codec: undefined,
    })
    this.share = this.producer.share(zmtpFraming, { policy, prefetch: PREFETCH })
  }

  send(size: number): void {
    const data = new Uint8Array(size)
    const call = this.#calls++
    new DataView(data.buffer).setUint32(0, call)
    this.producer.send('task', data).then(
      () => this.accepted.set(call, true),
      () => this.accepted.set(call, false),
    )
  }

  join(foreign: boolean, kernelBytes: number): void {
    const peer = new FakePeer({ kind: foreign ? 'foreign' : 'fanwire', kernelBytes, runBytes: 4096 })
    const link = this.share.open('peer', 'accepted')
    peer.connect(link, [], 'now')
    this.joined.push({ peer, link, checked: 0, acknowledged: 0 })
  }

  leave({ peer, link }: Joined): void {
    // Its carrier is gone, and with it what it still held.
    peer.close()
    link.disconnected(undefined)
  }

  acknowledge(joined: Joined, share: number): void {
    const { peer } = joined
    if (peer.kind === 'foreign' || peer.closed !== null) return
    const messages = joined.acknowledged + Math.ceil((peer.read.length - joined.acknowledged) * share)
    peer.acknowledge(messages)
    for (; joined.acknowledged < messages; joined.acknowledged++) {
      this.#done.add(callOf(peer.read[joined.acknowledged] as FakePeer['read'][number]))
    }
  }

  check(): void {
    const stats = this.producer.stats()
    const { links, ended, memory } = stats
    const all = [...links, ...ended]
    const sum = balanceProducer(stats) ?? balanceShare(stats, all) ?? all.map(balanceLink).find((each) => each)
    if (sum !== undefined) throw new Error(`${sum} in ${JSON.stringify(stats)}`)
    if (memory.used > MEMORY_BYTES) throw new Error(`${memory.used} bytes in use`)
    for (const joined of this.joined) this.#look(joined)
  }

  #look(joined: Joined): void {
    const { peer, link } = joined
    if (peer.kind === 'fanwire' && link.open > PREFETCH.messages) throw new Error(`${link.open} are open`)
    for (; joined.checked < peer.read.length; joined.checked++) {
      const message = peer.read[joined.checked] as FakePeer['read'][number]
      const { number, redelivered } = message
      const call = callOf(message)
      if (!redelivered && this.#fresh.has(call) && peer.kind === 'fanwire') throw new Error(`call ${call} came twice`)
      this.#fresh.add(call)
      if (number === undefined) continue
      const known = this.#numbers.get(call) ?? number
      if (known !== number) throw new Error(`call ${call} has the numbers ${known} and ${number}`)
      this.#numbers.set(call, number)
    }
    if (peer.kind !== 'fanwire' || peer.closed !== null || peer.unread > 0) return
    const next = link.checkpoint()
    if (next !== undefined && next !== peer.next) throw new Error(`the link is at ${next}, its peer at ${peer.next}`)
  }

  /** One who reads everything joins; then each message that was accepted is done, or was on its way to a foreign peer. */
  async settle(): Promise<void> {
    this.join(false, 1_000_000)
    for (let round = 0; round < 10_000; round++) {
      const before = JSON.stringify(this.producer.stats())
      this.platform.turn()
      for (const joined of this.joined) {
        joined.peer.receive()
        this.acknowledge(joined, 1)
      }
      this.check()
      if (this.joined.some(({ peer }) => peer.unread > 0)) continue
      if (JSON.stringify(this.producer.stats()) === before && this.platform.turn() === 0) break
    }
    const { waiting, returned, redelivered } = this.producer.stats()
    if (waiting !== 0) throw new Error(`${waiting} still wait`)
    if (returned !== redelivered) throw new Error(`${returned} came back, ${redelivered} went out again`)
    if (this.share.links.some(({ open }) => open > 0)) throw new Error('something is open')
    await Promise.resolve()
    const unknown = this.producer.stats().ended.reduce((total, ledger) => total + (ledger.unknown ?? 0), 0)
    // What a kernel had taken for a foreign peer that left was handed, and nobody knows of it.
    const foreign = new Set(this.joined.filter(({ peer }) => peer.kind === 'foreign'))
    const toForeign = [...foreign].reduce((total, { link }) => total + link.ledger().considered, 0)
    const read = new Set([...foreign].flatMap(({ peer }) => peer.read.map(callOf)))
    const missing = [...this.accepted].filter(([call, was]) => was && !this.#done.has(call) && !read.has(call))
    if (missing.length > toForeign) throw new Error(`${missing.length} are lost, ${unknown} of them in flight`)
    if (foreign.size === 0 && missing.length > 0) throw new Error(`lost ${missing}`)
    for (const [call, was] of this.accepted) if (!was && this.#fresh.has(call)) throw new Error(`${call} was refused`)
  }
}

function callOf({ data }: FakePeer['read'][number]): number {
  return new DataView(data.buffer, data.byteOffset).getUint32(0)
}

const limit = fc.record({ messages: fc.integer({ min: 1, max: 60 }), bytes: fc.integer({ min: 100, max: 500_000 }) })
const policy: fc.Arbitrary<Policy> = fc.oneof(
  fc.record({ policy: fc.constant('buffer' as const), limit, then: fc.constant('refuse' as const) }),
  fc.record({
    policy: fc.constant('backpressure' as const),
    limit,
    timeoutMs: fc.constant(5_000),
    then: fc.constantFrom('disconnect', 'reject'),
  }),
)
const size = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 4, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 2_000, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 300_000 }) },
)
const index = fc.nat({ max: 7 })
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('send' as const), size, times: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('read' as const), index }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('acknowledge' as const), index, share: fc.constantFrom(0.2, 0.5, 1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 20_000 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      foreign: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      kernelBytes: fc.constantFrom(0, 1_000, 20_000, 1_000_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), index }) },
)

function perform(scene: Scene, action: typeof step extends fc.Arbitrary<infer S> ? S : never): void {
  const { platform, joined } = scene
  switch (action.do) {
    case 'send':
      for (let i = 0; i < action.times; i++) scene.send(action.size)
      return
    case 'turn':
      platform.turn()
      return
    case 'advance':
      platform.advance(action.ms)
      return
    case 'join':
      if (joined.length < 8) scene.join(action.foreign, action.kernelBytes)
      return
    default: {
      const one = joined[action.index]
      if (one === undefined || one.peer.closed !== null) return
      if (action.do === 'read') one.peer.receive()
      else if (action.do === 'acknowledge') scene.acknowledge(one, action.share)
      else scene.leave(one)
    }
  }
}

t.test('every sum of a share holds after every step, and nothing is lost, whatever happens', async (t) => {
  await fc.assert(
    fc.asyncProperty(policy, fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), async (choice, steps) => {
      const scene = new Scene(choice)
      for (const action of steps) {
        perform(scene, action)
        scene.check()
      }
      await scene.settle()
    }),
    { numRuns: Number(process.env.FC_RUNS ?? 200), seed: Number(process.env.FC_SEED ?? 20260102) },
  )
  t.pass('no counterexample')
})
