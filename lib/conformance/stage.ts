import type { Consumer, ConsumerEvents } from '../consumer.js'
import type { ConsumerOptions } from '../consumer-options.js'
import type { ProducerLinkLedger } from '../ledger.js'
import type { Message } from '../message.js'
import type { Producer } from '../producer.js'
import type { Link, ProducerEvents } from '../producer-face.js'
import type { ProducerOptions } from '../producer-options.js'
import type { Fault, Traits } from '../transport.js'
import { type Connection, connectionsOf, disagreement, finalDisagreement, imbalance } from './ledgers.js'
import { Reader } from './reader.js'
import type { EndKind, Kit, Subject } from './subject.js'

/** What becomes of a promise, for tests that expect it to be rejected. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown }

export interface Cast {
  readonly producer: Producer
  readonly consumer: Consumer
  readonly producers: readonly Producer[]
  readonly consumers: readonly Consumer[]
}

export interface Casting {
  /** How many of each. @default 1 */
  readonly producers?: number
  readonly consumers?: number
  readonly produce?: ProducerOptions | ((index: number) => ProducerOptions)
  readonly consume?: ConsumerOptions | ((index: number) => ConsumerOptions)
}

/** The ends of one test. Whatever it opens is closed with it, and whatever goes wrong beside the test is kept. */
export class Stage {
  readonly faults: Fault[] = []
  readonly #ends: (Producer | Consumer)[] = []

  constructor(
    private readonly kit: Kit,
    private readonly subject: Subject,
    /** Who listens; the other dials. */
    readonly listens: EndKind,
  ) {}

  get assert(): Kit['assert'] {
    return this.kit.assert
  }

  get traits(): Traits {
    return this.subject.transport.traits
  }

  /** Whether data may have this byte in it. */
  carries(byte: number): boolean {
    return this.subject.binary !== false || !isLineBreak(byte)
  }

  freshUrl(): string {
    return this.subject.freshUrl()
  }

  /** An address with its real port on which nobody listens any more. */
  async freeUrl(): Promise<string> {
    const end = await this.listener()
    await end.close()
    return end.urls[0] as string
  }

  async produce(url: string | readonly string[], options: ProducerOptions = {}): Promise<Producer> {
    const { transport, options: own } = this.subject
    const role = this.listens === 'producer' ? 'listen' : 'dial'
    const producer = await this.kit.createProducer(url, { role, transport, ...own, ...options })
    producer.on('fault', (fault) => this.faults.push(fault))
    this.#ends.push(producer)
    return producer
  }

  async consume(url: string | readonly string[], options: ConsumerOptions = {}): Promise<Consumer> {
    const { transport, options: own } = this.subject
    const role = this.listens === 'consumer' ? 'listen' : 'dial'
    const consumer = await this.kit.createConsumer(url, { role, transport, ...own, ...options })
    consumer.on('fault', (fault) => this.faults.push(fault))
    this.#ends.push(consumer)
    return consumer
  }

  /** Opens the end that listens, and the one that dials. */
  async listener(url = this.freshUrl(), options: ProducerOptions & ConsumerOptions = {}): Promise<Producer | Consumer> {
    return this.listens === 'producer' ? await this.produce(url, options) : await this.consume(url, options)
  }

  async dialler(
    url: string | readonly string[],
    options: ProducerOptions & ConsumerOptions = {},
  ): Promise<Producer | Consumer> {
    return this.listens === 'producer' ? await this.consume(url, options) : await this.produce(url, options)
  }

  /** Opens producers and consumers, and links each with each of the others. */
  async cast({ producers: p = 1, consumers: c = 1, produce = {}, consume = {} }: Casting = {}): Promise<Cast> {
    const producers: Producer[] = []
    const consumers: Consumer[] = []
    const openProducers = async () => {
      const urls = consumers.flatMap((consumer) => consumer.urls)
      for (let i = 0; i < p; i++) {
        const options = typeof produce === 'function' ? produce(i) : produce
        producers.push(await this.produce(urls.length > 0 ? urls : this.freshUrl(), options))
      }
    }
    const openConsumers = async () => {
      const urls = producers.flatMap((producer) => producer.urls)
      for (let i = 0; i < c; i++) {
        const options = typeof consume === 'function' ? consume(i) : consume
        consumers.push(await this.consume(urls.length > 0 ? urls : this.freshUrl(), options))
      }
    }
    if (this.listens === 'producer') {
      await openProducers()
      await openConsumers()
    } else {
      await openConsumers()
      await openProducers()
    }
    await this.#link([...producers.map((end) => ({ end, count: c })), ...consumers.map((end) => ({ end, count: p }))])
    return { producer: producers[0] as Producer, consumer: consumers[0] as Consumer, producers, consumers }
  }

  /** Waits until the two are linked, the first with as many others as `count`. */
  async meet(listener: Producer | Consumer, dialler: Producer | Consumer, count = 1): Promise<void> {
    await this.#link([
      { end: listener, count },
      { end: dialler, count: 1 },
    ])
  }

  async #link(ends: readonly { readonly end: Producer | Consumer; readonly count: number }[]): Promise<void> {
    let linked = false
    const all = Promise.all(ends.map(({ end, count }) => end.linked({ count }))).then(() => {
      linked = true
    })
    const { reliable, tailLoss } = this.traits
    if (reliable || tailLoss) return all
    // Without connections and heartbeats nobody is known before the first message, and that may be lost.
    while (!linked) {
      for (const { end } of ends) if ('trySend' in end) await end.send('hello', '')
      await turn()
    }
    return all
  }

  /** Opens a consumer for a producer that is there, and waits until they are linked. */
  async join(producer: Producer, options: ConsumerOptions = {}): Promise<Consumer> {
    const consumer = await this.consume(producer.urls, options)
    await consumer.linked()
    return consumer
  }

  /** Cuts the connections of one of the two as a broken network does: whoever dialled comes back. */
  cut(cast: Pick<Cast, 'producer' | 'consumer'>): void {
    const listener = this.listens === 'producer' ? cast.producer : cast.consumer
    for (const link of listener.links) link.close(new Error('cut by the test'))
  }

  reader(consumer: Consumer): Reader {
    return new Reader(consumer, () => this.check(consumer))
  }

  /** Fails when a sum of one of the ends does not hold at this moment. */
  check(...ends: readonly (Producer | Consumer)[]): void {
    for (const end of ends.length > 0 ? ends : this.#ends) {
      const wrong = imbalance(end)
      if (wrong !== undefined) throw new Error(wrong)
    }
  }

  /** The open connections between these ends. */
  connections({ producers, consumers }: Pick<Cast, 'producers' | 'consumers'>): Connection[] {
    return connectionsOf(producers, consumers)
  }

  /**
   * Waits until everything is handed and acknowledged, and fails when the two sides of a connection do not tell the same.
   *
   * @param isFinal the last message went to everybody, so that everybody was told everything
   */
  async settle(cast: Pick<Cast, 'producers' | 'consumers'>, isFinal = false): Promise<Connection[]> {
    await Promise.all(cast.producers.map((producer) => producer.flush()))
    this.check()
    const connections = connectionsOf(cast.producers, cast.consumers)
    for (const connection of connections) {
      const wrong = isFinal ? finalDisagreement(connection) : disagreement(connection)
      if (wrong !== undefined) throw new Error(wrong)
    }
    return connections
  }

  async close(): Promise<void> {
    await Promise.all(this.#ends.map((end) => end.close({ drainMs: 0 })))
  }
}

/** The next event that `wanted` accepts. */
export function heard<Name extends keyof ProducerEvents>(
  end: Producer,
  name: Name,
  wanted?: (...event: ProducerEvents[Name]) => boolean,
): Promise<ProducerEvents[Name]>
export function heard<Name extends keyof ConsumerEvents>(
  end: Consumer,
  name: Name,
  wanted?: (...event: ConsumerEvents[Name]) => boolean,
): Promise<ConsumerEvents[Name]>
export function heard(
  end: { on(name: never, listener: never): unknown; off(name: never, listener: never): unknown },
  name: string,
  wanted: (...event: never[]) => boolean = () => true,
): Promise<unknown[]> {
  return new Promise((resolve) => {
    const listener = (...event: never[]) => {
      if (!wanted(...event)) return
      end.off(name as never, listener as never)
      resolve(event)
    }
    end.on(name as never, listener as never)
  })
}

/** The next link of an end of either kind. */
export function linked(end: Producer | Consumer): Promise<unknown> {
  return 'trySend' in end ? heard(end, 'link') : heard(end, 'link')
}

/** The next loss of a link of an end of either kind. */
export function unlinked(end: Producer | Consumer): Promise<unknown> {
  return 'trySend' in end ? heard(end, 'unlink') : heard(end, 'unlink')
}

/** The ledger of the next connection that ends, as it stands then: the link of who dialled begins another one. */
export async function lastLedger(producer: Producer, link?: Link): Promise<ProducerLinkLedger> {
  let last: ProducerLinkLedger | undefined
  await heard(producer, 'unlink', (ended) => {
    if (link !== undefined && ended !== link) return false
    last = ended.ledger()
    return true
  })
  return last as ProducerLinkLedger
}

/** Both the value and the error of a promise, so that neither is thrown. */
export async function outcome(promise: Promise<unknown>): Promise<Outcome> {
  try {
    return { value: await promise }
  } catch (error) {
    return { error }
  }
}

/** The code of the error that a promise is rejected with; the value where it is not. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const result = await outcome(promise)
  return 'error' in result ? ((result.error as { code?: unknown }).code ?? result.error) : result.value
}

/** Begins work that is waited for later. Should the test fail before, what the work fails with is no news. */
export function begin<T>(work: () => Promise<T>): Promise<T> {
  const working = work()
  working.catch(() => undefined)
  return working
}

/** Lets everything run that is ready to run: sockets, timers that are due, promises. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve))
}

export function sequencesOf(messages: readonly Message[]): (number | undefined)[] {
  return messages.map(({ sequence }) => sequence)
}

/** The numbers from `first` up to but not including `end`. */
export function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i)
}

/** `size` bytes that differ from message to message, and repeat after 65,536: megabytes of them are but copied. */
export function pattern(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size)
  const own = Math.min(size, 65_536)
  for (let i = 0; i < own; i++) {
    const byte = (i * 31 + seed * 7 + (i >>> 8)) & 0xff
    bytes[i] = isLineBreak(byte) ? 0xff : byte
  }
  for (let done = own; done < size; done *= 2) bytes.copyWithin(done, 0, done)
  return bytes
}

function isLineBreak(byte: number): boolean {
  return byte === 0x0a || byte === 0x0d
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  // By hand, as megabytes are compared, and a callback for each of them takes ten times as long.
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
