import { Consumer } from '../../../lib/consumer.js'
import { checkOverflow } from '../../../lib/overflow.js'
import type { RecoveryTerms } from '../../../lib/recovery.js'
import type { ConsumerPort } from '../../../lib/transport.js'
import { FakePlatform } from './fake-platform.js'

/** How many messages one packet of the feed, or one answer, holds. */
const PACKET = 5
/** The application reads once in so many packets: to look whether there is something costs more than the packets. */
const PACKETS_READ = 5

export interface FeedOptions {
  readonly seed: number
  readonly messages: number
  readonly lines?: number
  /** The part of all packets that is lost on the way. */
  readonly loss: number
  readonly duplication?: number
  /** Packets take up to so many milliseconds, and overtake each other. */
  readonly delayMs?: number
  readonly holdMs?: number
  readonly recovery: RecoveryTerms
  /** What the request server does with a request for `count` numbers from `from`; absent where there is none. */
  readonly server?: ((from: number, count: number, feed: LossyFeed) => void) | undefined
}

/** A numbered feed over several lossy lines into one consumer, with a clock that a test moves. */
export class LossyFeed {
  readonly platform: FakePlatform
  readonly consumer: Consumer
  /** Numbers that no line has brought. */
  readonly lostOnAll: number[] = []
  readonly lost: number[] = []
  readonly received: number[] = []
  missed = 0
  requests = 0
  readonly #ports: ConsumerPort[] = []
  #next = 1

  constructor(private readonly options: FeedOptions) {
    this.platform = new FakePlatform(options.seed)
    this.platform.listening = false
    this.consumer = new Consumer(this.platform, {
      id: 'CONSUMER01',
      topics: [''],
      overflow: checkOverflow('backpressure:1000000', 'consumer', Infinity),
      from: 'now',
      acknowledge: 'taken',
      onLoss: 'skip',
      lines: 'arbitrate',
      holdMs: options.holdMs ?? 3_000,
      codec: undefined,
    })
    this.consumer.on('gap', ({ from, to, state }) => {
      if (state === 'lost') for (let number = from; number < to; number++) this.lost.push(number)
    })
    for (let i = 0; i < (options.lines ?? 2); i++) this.#open(i)
  }

  /** Sends everything, heartbeats at the end, and lets as much time pass as the slowest recovery takes. */
  async run(): Promise<void> {
    while (this.#next <= this.options.messages) {
      const count = Math.min(PACKET, this.options.messages + 1 - this.#next)
      const first = this.#next
      const brought = this.#ports.map((port) => this.#send(() => deliver(port, first, count)))
      if (!brought.some(Boolean)) for (let i = 0; i < count; i++) this.lostOnAll.push(first + i)
      this.#next += count
      this.platform.advance(1)
      if (first % (PACKET * PACKETS_READ) === 1) await this.#take()
    }
    for (let beat = 0; beat < 6; beat++) {
      for (const port of this.#ports) port.numbered(this.#next, 'line')
      this.platform.advance(1_000)
      await this.#take()
    }
  }

  /** Sends an answer, which may be lost as well. */
  answer(from: number, count: number): void {
    this.#send(() => this.deliverAnswer(from, count))
  }

  /** An answer arrives. */
  deliverAnswer(from: number, count: number): void {
    const [port] = this.#ports as [ConsumerPort]
    const end = Math.min(from + count, this.#next)
    if (from >= end) return
    deliver(port, from, end - from, 'answer')
    port.answered(from, end)
  }

  random(): number {
    return new DataView(this.platform.random(new Uint8Array(4)).buffer).getUint32(0) / 2 ** 32
  }

  #open(index: number): void {
    const { server, recovery } = this.options
    const port = this.consumer.open(`line ${index}`, 'accepted')
    const request = (from: number, count: number) => {
      this.requests++
      server?.(from, count, this)
    }
    const carrier = {
      resume: () => undefined,
      subscribe: () => undefined,
      unsubscribe: () => undefined,
      acknowledge: () => undefined,
      close: () => undefined,
      ...(server && { request }),
    }
    port.connected(carrier, { kind: 'foreign', numbers: true })
    port.started({ stream: 'FEED000001', run: 0, next: 1, oldest: 1, recovery })
    this.#ports.push(port)
  }

  /** Puts a packet on its lossy way. False when it will not arrive. */
  #send(arrive: () => void): boolean {
    const { loss, duplication = 0, delayMs = 0 } = this.options
    if (this.random() < loss) return false
    const copies = this.random() < duplication ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (delayMs === 0) arrive()
      else this.platform.timer(this.random() * delayMs, arrive)
    }
    return true
  }

  async #take(): Promise<void> {
    if (this.consumer.stats().inbox.messages === 0) return
    const loop = this.consumer.batches()
    const { value: batch = [] } = await loop.next()
    for (const { sequence, missed } of batch) {
      this.received.push(sequence as number)
      this.missed += missed
    }
    await loop.return()
  }
}

function deliver(port: ConsumerPort, first: number, count: number, origin: 'line' | 'answer' = 'line'): void {
  port.numbered(first, origin)
  for (let number = first; number < first + count; number++) port.message(new Uint8Array(4), 0, 0, 0, 4)
}
