import type { SkipReason } from '../framing/framing.js'
import { Decoder, type TrafficHandler } from '../framing/zmtp/decoder.js'
import { readRun } from '../framing/zmtp/peers.js'
import type {
  Carrier,
  ConsumerCarrier,
  ConsumerContext,
  ConsumerPort,
  Context,
  LogPort,
  ProducerPort,
} from '../transport.js'
import { reportFailure } from './report.js'

/** A link of one kind or the other, with what its end was given. */
export type Half = ProducerHalf | ConsumerHalf

export interface ProducerHalf {
  readonly kind: 'producer'
  readonly context: Context
  /** The log behind the port. */
  readonly log: Pick<LogPort, 'stream' | 'run'>
  readonly port: ProducerPort
}

export interface ConsumerHalf {
  readonly kind: 'consumer'
  readonly context: ConsumerContext
  readonly port: ConsumerPort
}

/**
 * Ties a producer's link to a consumer's where both live in one memory: a run of the log reaches the inbox where it
 * lies, and what peers elsewhere say to each other in commands is a call.
 */
export class DirectSession implements Carrier, ConsumerCarrier, TrafficHandler {
  /** Nothing is copied, so that nothing is gained by cutting a run. */
  readonly maxRun = { bytes: Infinity, messages: Infinity }
  readonly shares = true
  readonly #decoder: Decoder
  #open = true

  private constructor(
    private readonly producer: ProducerHalf,
    private readonly consumer: ConsumerHalf,
    private readonly remote: string,
    private readonly closed: () => void,
  ) {
    const { platform, maxMessageBytes } = consumer.context
    this.#decoder = new Decoder(this, { maxMessageBytes, allocate: (size) => platform.allocate(size) })
  }

  /** Ties two halves, one of each kind. `closed` is called once, when they are no longer tied. */
  static begin(one: Half, other: Half, remote: string, closed: () => void): void {
    if (one.kind === 'producer' && other.kind === 'consumer') new DirectSession(one, other, remote, closed).#begin()
    else if (one.kind === 'consumer' && other.kind === 'producer') DirectSession.begin(other, one, remote, closed)
  }

  /** What READY, SUBSCRIBE, START and STREAM do elsewhere. */
  #begin(): void {
    const { producer, consumer } = this
    const { id, want } = consumer.context
    const { stream, run } = producer.log
    const { prefixes, from } = consumer.port.connected(this, { kind: 'fanwire', carries: { stream, run } })
    this.#asked(() => {
      producer.port.connected(this, { kind: 'fanwire', acknowledges: true, id, ...(want !== undefined && { want }) })
      for (const prefix of prefixes) producer.port.subscribe(prefix)
      consumer.port.started(producer.port.start(from))
    })
  }

  // The producer's carrier.

  write(run: Uint8Array): 'taken' | 'busy' {
    return this.#reads(() => this.#decoder.push(run)) ? 'taken' : 'busy'
  }

  finish(next: number): void {
    if (!this.#open) return
    const { port } = this.consumer
    this.#reads(() => {
      if (this.producer.context.pattern !== 'share') port.checkpoint(next)
      port.finished(next)
      return true
    })
  }

  // The consumer's carrier.

  resume(): void {
    if (this.#reads(() => this.#decoder.resume())) this.producer.port.taken()
  }

  subscribe(prefix: Uint8Array): void {
    this.#asked(() => this.producer.port.subscribe(prefix))
  }

  unsubscribe(prefix: Uint8Array): void {
    this.#asked(() => this.producer.port.unsubscribe(prefix))
  }

  acknowledge(messages: number): void {
    this.#asked(() => this.producer.port.acknowledged(messages))
  }

  /** Either core wants to hear no more. */
  close(reason?: Error): void {
    if (!this.#open) return
    this.#open = false
    this.#decoder.close()
    this.producer.port.disconnected(reason)
    this.consumer.port.disconnected(reason)
    this.closed()
  }

  // The decoder's side.

  message(chunk: Uint8Array, topicStart: number, topicEnd: number, dataStart: number, dataEnd: number): boolean {
    return this.consumer.port.message(chunk, topicStart, topicEnd, dataStart, dataEnd)
  }

  skip(count: number, reason: SkipReason): void {
    this.consumer.port.skipped(count, reason)
  }

  /** The log holds none; a share says which numbers come. */
  command(name: string, data: Uint8Array): void {
    if (name !== 'RUN') return
    const { first, redelivered } = readRun(data)
    this.consumer.port.given(first, redelivered)
  }

  /** The consumer reads: a message above its limit, for instance, costs the connection and is the consumer's to report. */
  #reads(step: () => boolean): boolean {
    try {
      return step()
    } catch (error) {
      this.#fail(this.consumer.context, error)
      return false
    }
  }

  /** The producer is asked for something: subscriptions beyond the cap cost the connection and are its to report. */
  #asked(step: () => void): void {
    if (!this.#open) return
    try {
      step()
    } catch (error) {
      this.#fail(this.producer.context, error)
    }
  }

  #fail(context: Context, error: unknown): void {
    this.close(reportFailure(context, this.remote, error, 'the link failed'))
  }
}
