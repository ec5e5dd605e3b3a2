import type { Consumer } from '../../../lib/consumer.js'
import type { ConsumerCarrier, ConsumerPort, StartFrom } from '../../../lib/transport.js'

export interface FakeContent {
  readonly topic: string
  /** Bytes of data beyond the few that tell the messages apart. */
  readonly size: number
  /** The test's codec refuses it. */
  readonly broken?: boolean
}

/** What one producer has sent under one name, in one life. */
export class FakeStream {
  readonly messages: FakeContent[] = []
  /** Where what it retains begins. */
  oldest = 1

  constructor(
    readonly name: string,
    readonly run: number,
  ) {}

  get next(): number {
    return this.messages.length + 1
  }
}

/** What a message tells of itself in its data. */
export interface Told {
  readonly run: number
  readonly number: number
  readonly broken: boolean
}

const TOLD_BYTES = 9
const encoder = new TextEncoder()

export function readTold(data: Uint8Array): Told {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  return { run: view.getUint32(0), number: view.getUint32(4), broken: view.getUint8(8) === 1 }
}

/**
 * One connection of a consumer to a producer, as a carrier makes it: it keeps what comes while it is told to wait, and
 * filters by the prefixes that it has heard of, which may be late.
 */
export class FakeLine implements ConsumerCarrier {
  /** Sizes of the messages of this connection. */
  sizes: number[] = []
  filtered = 0
  declared = 0
  acknowledged = 0
  /** The number that comes next. */
  next = 0
  paused = false
  connected = false
  closes = 0
  #port: ConsumerPort | undefined
  #prefixes = new Set<string>()
  /** Subscriptions on their way. */
  #words: { readonly prefix: string; readonly wanted: boolean }[] = []
  /** Messages that have come so far, and are kept until there is room. */
  #until = 0
  #skips = { count: 0, reason: 'filtered' as 'filtered' | 'dropped' }

  /**
   * @param drops which numbers the producer's policy drops for this line
   */
  constructor(
    private readonly consumer: Pick<Consumer<unknown>, 'open'>,
    readonly remote: string,
    readonly origin: 'accepted' | 'dialled',
    readonly kind: 'fanwire' | 'foreign',
    readonly allowance: number,
    private readonly drops: (number: number) => boolean,
    public stream: FakeStream,
  ) {
    if (origin === 'dialled') this.#port = consumer.open(remote, origin)
  }

  get ended(): boolean {
    return this.#port?.ended ?? false
  }

  /** The number that the consumer knows to come next. */
  get position(): number {
    return this.next - this.#skips.count
  }

  /** It has brought everything, or never will. */
  get isDone(): boolean {
    return this.connected ? this.next === this.stream.next && !this.paused : this.origin === 'accepted' || this.ended
  }

  connect(): void {
    if (this.connected || (this.origin === 'dialled' && this.ended)) return
    if (this.origin === 'accepted') this.#port = this.consumer.open(this.remote, this.origin)
    const port = this.#port as ConsumerPort
    this.connected = true
    this.paused = false
    this.sizes = []
    this.filtered = 0
    this.declared = 0
    this.acknowledged = 0
    this.#skips.count = 0
    this.#words = []
    const { stream } = this
    const { prefixes, from } = port.connected(this, { kind: this.kind })
    this.#prefixes = new Set(prefixes.map(text))
    this.next = this.kind === 'foreign' ? stream.next : startOf(stream, from)
    this.#until = this.next
    if (this.kind === 'foreign') return
    const { name, run, oldest } = stream
    port.started({ stream: name, run, next: this.next, oldest, allowance: this.allowance })
  }

  /** The producer sends up to `count` messages more. */
  bring(count: number): void {
    this.#until = Math.max(this.#until, Math.min(this.stream.next, this.#until + count))
    this.#pump()
  }

  /** The connection breaks. */
  cut(): void {
    if (!this.connected) return
    this.connected = false
    this.#port?.disconnected(undefined)
  }

  /** The producer's end hears of subscriptions. */
  hear(): void {
    for (const { prefix, wanted } of this.#words) {
      if (wanted) this.#prefixes.add(prefix)
      else this.#prefixes.delete(prefix)
    }
    this.#words = []
  }

  checkpoint(): void {
    if (!this.connected || this.paused || this.kind === 'foreign') return
    this.#tellSkips()
    this.#port?.checkpoint(this.next)
  }

  // What the consumer calls.

  resume(): void {
    if (!this.paused) throw new Error('resumed without having been told to wait')
    this.paused = false
    this.#pump()
  }

  subscribe(prefix: Uint8Array): void {
    this.#words.push({ prefix: text(prefix), wanted: true })
  }

  unsubscribe(prefix: Uint8Array): void {
    this.#words.push({ prefix: text(prefix), wanted: false })
  }

  acknowledge(messages: number): void {
    if (!this.connected) throw new Error('acknowledged although not connected')
    if (messages <= this.acknowledged) throw new Error(`acknowledged ${messages} after ${this.acknowledged}`)
    if (messages > this.sizes.length) throw new Error(`acknowledged ${messages} of ${this.sizes.length}`)
    this.acknowledged = messages
  }

  close(): void {
    this.connected = false
    this.closes++
  }

  #pump(): void {
    const messages = this.stream.messages.slice(this.next - 1, this.#until - 1)
    const chunk = new Uint8Array(messages.reduce((sum, { topic, size }) => sum + sizeOf(topic, size), 0))
    const view = new DataView(chunk.buffer)
    let at = 0
    for (const { topic, size, broken = false } of messages) {
      const number = this.next
      const topicEnd = at + encoder.encodeInto(topic, chunk.subarray(at)).written
      const dataEnd = topicEnd + TOLD_BYTES + size
      view.setUint32(topicEnd, this.stream.run)
      view.setUint32(topicEnd + 4, number)
      view.setUint8(topicEnd + 8, broken ? 1 : 0)
      const topicStart = at
      at = dataEnd
      if (this.paused || !this.connected) return
      this.next++
      if (this.kind === 'fanwire') {
        const isDropped = this.drops(number)
        const isWanted = [...this.#prefixes].some((prefix) => topic.startsWith(prefix))
        if (isDropped || !isWanted) {
          this.#skip(isWanted ? 'dropped' : 'filtered')
          continue
        }
        this.#tellSkips()
        if (!this.connected) return
      }
      this.sizes.push(dataEnd - topicStart + 2)
      // A foreign message of three parts now and then.
      const frames =
        this.kind === 'foreign' && number % 3 === 0
          ? [chunk.subarray(topicStart, topicEnd), chunk.subarray(topicEnd, dataEnd), new Uint8Array(20)]
          : undefined
      if (!this.#port?.message(chunk, topicStart, topicEnd, topicEnd, dataEnd, frames)) this.paused = true
    }
  }

  #skip(reason: 'filtered' | 'dropped'): void {
    if (this.#skips.reason !== reason) this.#tellSkips()
    this.#skips.reason = reason
    this.#skips.count++
  }

  /** A SKIP stands before the message whose number it moves, and before every heartbeat. */
  #tellSkips(): void {
    const { count, reason } = this.#skips
    if (count === 0) return
    this.#skips.count = 0
    if (reason === 'filtered') this.filtered += count
    else this.declared += count
    this.#port?.skipped(count, reason)
  }
}

function startOf({ name, run, oldest, next }: FakeStream, from: StartFrom): number {
  if (from === 'now') return next
  if (typeof from === 'string' || from.stream !== name || from.run !== run) return oldest
  return Math.min(next, Math.max(from.next, oldest))
}

function sizeOf(topic: string, size: number): number {
  return encoder.encode(topic).length + TOLD_BYTES + size
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
