import type { Consumer } from '../../../lib/consumer.js'
import { Decoder } from '../../../lib/framing/zmtp/decoder.js'
import type { Carrier, ConsumerCarrier, ConsumerPort, LogPort, ProducerPort } from '../../../lib/transport.js'

/** What lies in the kernel: bytes, the word that a number is next, or the peer's goodbye. */
type Lying = Uint8Array | { readonly next: number } | 'goodbye'

export interface CableOptions {
  /** Who exists whether connected or not; the other end gets a new link with every connection. */
  readonly dialler: 'producer' | 'consumer'
  /** How many bytes the kernel takes. */
  readonly kernelBytes: number
  /** The largest run that a carrier takes. */
  readonly runBytes: number
  /** By which the producer knows the consumer again. */
  readonly id: string
}

/** A producer and a consumer of one process with a kernel in between, as small as a test likes, that can be cut. */
export class FakeCable {
  readonly remote: string
  producer: ProducerPort | undefined
  consumer: ConsumerPort | undefined
  connected = false
  /** How often it was connected. */
  connections = 0
  /** The producer waits for the kernel to take its run. */
  #busy: Uint8Array | undefined
  #kernel: Lying[] = []
  #free = 0
  /** What the consumer said, and the producer has not heard. */
  #words: ((producer: ProducerPort) => void)[] = []
  #decoder: Decoder | undefined
  #paused = false
  readonly #ends: { readonly log: LogPort; readonly consumer: Pick<Consumer<unknown>, 'open'> }
  readonly #options: CableOptions

  constructor(name: string, log: LogPort, consumer: Pick<Consumer<unknown>, 'open'>, options: CableOptions) {
    this.remote = name
    this.#ends = { log, consumer }
    this.#options = options
    if (options.dialler === 'consumer') this.consumer = consumer.open(name, 'dialled')
    else this.producer = log.open(name, 'dialled')
  }

  /** Whoever dials has given up for good. */
  get ended(): boolean {
    const { dialler } = this.#options
    return (dialler === 'consumer' ? this.consumer?.ended : this.producer?.ended) ?? false
  }

  /** Whoever reads is the one who comes back, and asks for what it misses. */
  get resumes(): boolean {
    return this.#options.dialler === 'consumer'
  }

  /** Bytes and words on their way in either direction. */
  get moving(): boolean {
    return this.connected && (this.#kernel.length > 0 || this.#words.length > 0 || this.#paused)
  }

  connect(): void {
    if (this.connected || this.ended) return
    const { dialler, kernelBytes, runBytes, id } = this.#options
    if (dialler === 'consumer') this.producer = this.#ends.log.open(this.remote, 'accepted')
    else this.consumer = this.#ends.consumer.open(this.remote, 'accepted')
    const producer = this.producer as ProducerPort
    const consumer = this.consumer as ConsumerPort
    this.connected = true
    this.connections++
    this.#busy = undefined
    this.#kernel = []
    this.#words = []
    this.#free = kernelBytes
    this.#paused = false
    const decoder = new Decoder(
      {
        message: (...message) => consumer.message(...message),
        skip: (count, reason) => consumer.skipped(count, reason),
        command: (name) => {
          throw new Error(`unexpected command ${name}`)
        },
      },
      { maxMessageBytes: Number.MAX_SAFE_INTEGER },
    )
    this.#decoder = decoder
    // What belongs to this connection means nothing to the next.
    const current = () => this.#decoder === decoder && this.connected
    const toConsumer: Carrier = {
      maxRun: { bytes: runBytes, messages: Infinity },
      write: (run) => {
        if (!current()) return 'taken'
        return this.#write(run)
      },
      close: (reason) => {
        if (!current()) return
        if (reason === undefined) this.#kernel.push('goodbye')
        else this.#end(() => consumer.disconnected(reason))
      },
    }
    const say = (word: (producer: ProducerPort) => void) => {
      if (current()) this.#words.push(word)
    }
    const toProducer: ConsumerCarrier = {
      resume: () => {
        if (!current()) return
        if (!this.#paused) throw new Error('resumed without having been told to wait')
        this.#paused = !decoder.resume()
      },
      subscribe: (prefix) => say((port) => port.subscribe(prefix)),
      unsubscribe: (prefix) => say((port) => port.unsubscribe(prefix)),
      acknowledge: (messages) => say((port) => port.acknowledged(messages)),
      close: (reason) => {
        if (current()) this.#end(() => producer.disconnected(reason))
      },
    }
    const { prefixes, from } = consumer.connected(toProducer, { kind: 'fanwire' })
    producer.connected(toConsumer, { kind: 'fanwire', acknowledges: true, id })
    for (const prefix of prefixes) producer.subscribe(prefix)
    const start = producer.start(from)
    if (current()) consumer.started(start)
  }

  /** The connection breaks, and what lay in the kernel is gone. */
  cut(): void {
    if (!this.connected) return
    this.#end(() => {
      this.producer?.disconnected(undefined)
      this.consumer?.disconnected(undefined)
    })
  }

  /** The consumer reads up to `most` bytes, wherever that cuts messages in two. */
  read(most: number): void {
    let left = most
    while (this.connected && !this.#paused && left > 0) {
      const first = this.#kernel[0]
      if (first === undefined) return
      if (first === 'goodbye') {
        this.#end(() => this.consumer?.disconnected(undefined))
        return
      }
      if (!(first instanceof Uint8Array)) {
        this.#kernel.shift()
        this.consumer?.checkpoint(first.next)
        continue
      }
      const bytes = first.slice(0, left)
      left -= bytes.length
      if (bytes.length === first.length) this.#kernel.shift()
      else this.#kernel[0] = first.subarray(bytes.length)
      const isLast = bytes.length === first.length
      if (isLast && this.#busy !== undefined && this.#kernel.every((lying) => !(lying instanceof Uint8Array))) {
        this.#busy = undefined
        this.#pass(bytes)
        if (this.connected) this.producer?.taken()
        continue
      }
      if (this.#busy === undefined) this.#free += bytes.length
      this.#pass(bytes)
    }
  }

  /** The producer hears what the consumer has said. */
  hear(): void {
    const words = this.#words
    this.#words = []
    for (const word of words) if (this.connected) word(this.producer as ProducerPort)
  }

  /** The producer's heartbeat. */
  checkpoint(): void {
    if (!this.connected) return
    const next = this.producer?.checkpoint()
    if (next !== undefined && this.connected) this.#kernel.push({ next })
  }

  #pass(bytes: Uint8Array): void {
    if (this.#decoder?.push(bytes) === false) this.#paused = true
  }

  #write(run: Uint8Array): 'taken' | 'busy' {
    if (this.#busy !== undefined) throw new Error('a second write before the first was taken')
    // A copy, as a kernel makes it: what the core does to its memory afterwards must not show.
    if (run.length <= this.#free) {
      this.#free -= run.length
      this.#kernel.push(run.slice())
      return 'taken'
    }
    this.#busy = run
    this.#kernel.push(run)
    return 'busy'
  }

  #end(tell: () => void): void {
    this.connected = false
    this.#decoder?.close()
    this.#kernel = []
    this.#words = []
    tell()
  }
}
