import type { Consumer } from '../consumer.js'
import type { ConsumerOptions, ConsumerOverflow } from '../consumer-options.js'
import type { Message } from '../message.js'
import type { OverflowChoice } from '../overflow.js'
import type { Producer } from '../producer.js'
import type { ProducerOptions } from '../producer-options.js'
import type { StartFrom } from '../transport.js'
import { counted } from './delivery.js'
import type { Scenario } from './index.js'
import { Random } from './random.js'
import { Reader } from './reader.js'
import { type Cast, range, type Stage, turn } from './stage.js'

const STEPS = 200
const SEATS = 4
const TOPICS = ['a', 'a.b', 'a.c', 'b', 'b.é', '', 'c']
const PREFIXES = ['', 'a', 'a.', 'b', 'b.é', 'x']
const PATIENCE_MS = 30
const ATTEMPTS = 5

const POLICIES: readonly OverflowChoice[] = [
  { policy: 'drop', keep: 'newest', limit: { messages: 20 } },
  { policy: 'drop', keep: 'oldest', limit: { messages: 20 } },
  { policy: 'drop', keep: 'latest-per-topic' },
  { policy: 'buffer', then: 'disconnect', limit: { messages: 60 } },
  { policy: 'buffer', then: 'drop', limit: { messages: 40 } },
  { policy: 'buffer', then: 'refuse', limit: { messages: 60 } },
  { policy: 'backpressure', then: 'disconnect', timeoutMs: PATIENCE_MS, limit: { messages: 40 } },
  { policy: 'backpressure', then: 'drop', timeoutMs: PATIENCE_MS, limit: { messages: 40 } },
  { policy: 'backpressure', then: 'reject', timeoutMs: PATIENCE_MS, limit: { messages: 40 } },
]

const INBOXES: readonly ConsumerOverflow[] = [
  { policy: 'backpressure', limit: { messages: 20 } },
  { policy: 'backpressure', limit: { messages: 1 } },
  { policy: 'drop', keep: 'newest', limit: { messages: 20 } },
  { policy: 'drop', keep: 'oldest', limit: { messages: 20 } },
  { policy: 'drop', keep: 'latest-per-topic' },
  { policy: 'buffer', then: 'disconnect', limit: { messages: 100 } },
  { policy: 'buffer', then: 'drop', limit: { messages: 20 } },
]

const BEGINNINGS: readonly StartFrom[] = ['now', 'oldest', 'latest-per-topic']

export function testInterleavings(scenario: Scenario, seeds: readonly number[]): void {
  for (const seed of seeds) {
    scenario(`keeps order, numbers and sums whatever happens, by chance ${seed}`, counted(), async (stage) => {
      const play = new Play(stage, new Random(seed))
      await play.begin()
      for (let step = 1; step <= STEPS; step++) {
        const act = play.choose()
        try {
          await act.do()
          play.check()
        } catch (error) {
          throw new Error(`step ${step}, ${act.name}: ${error instanceof Error ? error.message : error}`)
        }
      }
      await play.end()
    })
  }
}

/** What was sent by one producer: messages carry the number of their call. */
interface Sent {
  readonly producer: Producer
  readonly topics: string[]
  readonly sizes: number[]
  /** The number that a call got, once somebody has told. */
  readonly numbers: Map<number, number>
}

/** A place for a consumer, which comes and goes. */
interface Seat {
  /** Where it listens, where consumers listen. */
  readonly url: string
  guest: Guest | undefined
}

interface Guest {
  readonly consumer: Consumer
  readonly reader: Reader
  readonly waitsForRoom: boolean
  /** How many of the messages that it has taken were looked at. */
  checked: number
  readonly last: Map<string, { readonly number: number; readonly call: number }>
}

interface Act {
  readonly name: string
  do(): Promise<unknown>
}

class Play {
  readonly #sent: Sent[] = []
  readonly #seats: Seat[] = []
  readonly #policies = new Map<string, OverflowChoice>()
  #guests = 0

  constructor(
    private readonly stage: Stage,
    private readonly random: Random,
  ) {}

  async begin(): Promise<void> {
    const { stage, random } = this
    const listens = stage.listens === 'producer'
    for (let i = 0; i < SEATS; i++) {
      this.#seats.push({ url: listens ? '' : await stage.freeUrl(), guest: undefined })
    }
    for (let i = 0; i < 2; i++) {
      const options: ProducerOptions = {
        overflow: ({ peer }) => this.#policies.get(peer?.id ?? '') ?? 'drop',
        retain: random.pick(['latest-per-topic', { messages: 50 }, { bytes: 300_000 }, { messages: 0 }]),
        unacknowledgedBytes: random.pick([1_024, 16_384, 1_048_576]),
        memory: { bytes: 2 * 1024 * 1024 },
      }
      const urls = listens ? stage.freshUrl() : this.#seats.map(({ url }) => url)
      const producer = await stage.produce(urls, options)
      this.#sent.push({ producer, topics: [], sizes: [], numbers: new Map() })
    }
  }

  choose(): Act {
    const { random } = this
    const seat = random.pick(this.#seats)
    const { guest } = seat
    if (guest === undefined) {
      return random.weighed<Act>([
        [2, { name: 'join', do: () => this.#join(seat) }],
        [1, { name: 'send', do: () => this.#send() }],
        [1, { name: 'turn', do: turn }],
      ])
    }
    return random.weighed<Act>([
      [10, { name: 'send', do: () => this.#send() }],
      [6, { name: 'turn', do: turn }],
      [6, { name: 'read', do: () => guest.reader.rest() }],
      [3, { name: 'read a little', do: () => this.#readOne(guest) }],
      [3, { name: 'filter', do: () => this.#filter(guest) }],
      [1, { name: 'leave', do: () => this.#leave(seat, guest) }],
      [1, { name: 'cut', do: () => this.#cut(guest) }],
    ])
  }

  check(): void {
    this.stage.check()
    for (const { guest } of this.#seats) if (guest !== undefined) this.#checkTaken(guest)
  }

  /** Everybody reads until nothing is on its way, and both sides of every connection tell the same. */
  async end(): Promise<void> {
    const { assert, faults } = this.stage
    for (const seat of this.#seats) if (seat.guest === undefined) await this.#join(seat)
    const guests = this.#seats.map(({ guest }) => guest as Guest)
    const producers = this.#sent.map(({ producer }) => producer)
    const consumers = guests.map(({ consumer }) => consumer)
    const cast = { producers, consumers }
    const all = producers.length * SEATS
    // A policy that has lost its patience may cut a link once more.
    let connections = 0
    for (let attempt = 1; attempt <= ATTEMPTS && connections < all; attempt++) {
      await this.#reading(guests, () => this.#sendLast(cast))
      this.check()
      connections = (await this.stage.settle(cast, true)).length
    }
    assert.equal(connections, all)
    for (const guest of guests) this.#checkMissed(guest)
    assert.deepEqual(
      faults.filter(({ code }) => code !== 'CONNECT_FAILED'),
      [],
    )
  }

  /** Waits until all are linked and have everything, and sends each of them one message more. */
  async #sendLast({ producers, consumers }: Pick<Cast, 'producers' | 'consumers'>): Promise<void> {
    await Promise.all([
      ...producers.map((producer) => producer.linked({ count: consumers.length })),
      ...consumers.map((consumer) => consumer.linked({ count: producers.length })),
    ])
    await Promise.all(producers.map((producer) => producer.flush()))
    await Promise.all(this.#sent.map((sent) => this.#sendOne(sent, 'end', 100)))
    await Promise.all(producers.map((producer) => producer.flush()))
  }

  async #join(seat: Seat): Promise<void> {
    const { stage, random } = this
    const id = `GUEST${String(++this.#guests).padStart(5, '0')}`
    const overflow = random.pick(INBOXES)
    const options: ConsumerOptions = {
      id,
      overflow,
      topics: ['end', ...range(0, random.below(3)).map(() => random.pick(PREFIXES))],
      from: random.pick(BEGINNINGS),
    }
    this.#policies.set(id, random.pick(POLICIES))
    const urls = stage.listens === 'producer' ? this.#sent.flatMap(({ producer }) => producer.urls) : seat.url
    const consumer = await stage.consume(urls, options)
    const reader = new Reader(consumer, () => stage.check(consumer))
    const waitsForRoom = typeof overflow === 'object' && overflow.policy === 'backpressure'
    seat.guest = { consumer, reader, waitsForRoom, checked: 0, last: new Map() }
  }

  async #leave(seat: Seat, { consumer }: Guest): Promise<void> {
    seat.guest = undefined
    await consumer.close()
    this.stage.check(consumer)
  }

  async #send(): Promise<void> {
    const { random } = this
    const sent = random.pick(this.#sent)
    const times = 1 + random.below(50)
    for (let i = 0; i < times; i++) {
      const size = random.weighed([
        [20, 4 + random.below(300)],
        [4, 2_000 + random.below(20_000)],
        [1, 60_000 + random.below(240_000)],
      ])
      // What is refused is counted, and carries no number.
      this.#sendOne(sent, random.pick(TOPICS), size).catch(() => undefined)
    }
  }

  #sendOne({ producer, topics, sizes }: Sent, topic: string, size: number): Promise<void> {
    const data = new Uint8Array(size)
    new DataView(data.buffer).setUint32(0, topics.length)
    topics.push(topic)
    sizes.push(size)
    return producer.send(topic, data)
  }

  async #readOne({ consumer, reader }: Guest): Promise<void> {
    if (consumer.stats().inbox.messages === 0) return
    for await (const message of consumer) {
      reader.taken.push(message)
      break
    }
  }

  async #filter({ consumer }: Guest): Promise<void> {
    const prefix = this.random.pick(PREFIXES)
    if (this.random.next() < 0.5) consumer.subscribe(prefix)
    else consumer.unsubscribe(prefix)
  }

  async #cut({ consumer }: Guest): Promise<void> {
    const links =
      this.stage.listens === 'consumer'
        ? consumer.links
        : this.#sent.flatMap(({ producer }) => producer.links.filter(({ peer }) => peer?.id === consumer.id))
    if (links.length > 0) this.random.pick<{ close(reason: Error): void }>(links).close(new Error('cut by chance'))
  }

  #checkTaken(guest: Guest): void {
    const { taken } = guest.reader
    for (; guest.checked < taken.length; guest.checked++) this.#checkMessage(guest, taken[guest.checked] as Message)
  }

  #checkMessage({ last }: Guest, { stream = '', sequence: number = 0, topic, data }: Message): void {
    const sent = this.#sent.find(({ producer }) => producer.stream === stream)
    if (sent === undefined) throw new Error(`a message of the unknown stream ${stream}`)
    const call = new DataView(data.buffer, data.byteOffset).getUint32(0)
    const what = `number ${number} of ${stream}, call ${call}`
    if (sent.topics[call] !== topic || sent.sizes[call] !== data.length) throw new Error(`${what} is not what was sent`)
    const known = sent.numbers.get(call)
    if (known !== undefined && known !== number) throw new Error(`${what} had the number ${known} elsewhere`)
    sent.numbers.set(call, number)
    const before = last.get(stream)
    if (before !== undefined && (before.number >= number || before.call >= call)) {
      throw new Error(`${what} came after number ${before.number}, call ${before.call}`)
    }
    last.set(stream, { number, call })
  }

  /** Where nothing was dropped from the inbox, the messages themselves tell of everything that is missing. */
  #checkMissed({ consumer, reader, waitsForRoom }: Guest): void {
    if (!waitsForRoom) return
    for (const { stream, declared, lost } of consumer.stats().streams) {
      const mine = reader.taken.filter((message) => message.stream === stream)
      const missed = mine.reduce((sum, message) => sum + message.missed, 0)
      this.stage.assert.equal(missed, declared + lost, `what ${consumer.id} missed of ${stream}`)
    }
  }

  async #reading(guests: readonly Guest[], work: () => Promise<void>): Promise<void> {
    const working = work()
    await Promise.all(guests.map(({ reader }) => reader.during(working)))
  }
}
