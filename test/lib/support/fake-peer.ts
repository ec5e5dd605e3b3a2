import { Decoder } from '../../../lib/framing/zmtp/decoder.js'
import { readRun } from '../../../lib/framing/zmtp/peers.js'
import type { Carrier, Peer, ProducerPort, StartFrom, StreamStart } from '../../../lib/transport.js'

/** A message as a peer has read it. */
export interface Read {
  /** Its number by the peer's own count; undefined for a foreign peer. */
  readonly number: number | undefined
  readonly topic: string
  readonly data: Uint8Array
  /** Another peer had been given it before, as the producer says. */
  readonly redelivered: boolean
}

/**
 * The far side of a producer's link, with a kernel of a given size in between: it takes writes until that is full, and
 * then answers `'busy'` until somebody reads. What it reads it parses as any consumer would.
 */
export class FakePeer implements Carrier {
  readonly maxRun: { readonly bytes: number; readonly messages: number }
  readonly read: Read[] = []
  filtered = 0
  dropped = 0
  closed: Error | undefined | null = null
  start: StreamStart | undefined
  #port: ProducerPort | undefined
  #next: number | undefined
  #redelivered = false
  #kernel: Uint8Array[] = []
  #free: number
  #outstanding = false
  readonly #decoder: Decoder
  readonly kind: Peer['kind']

  constructor(
    options: {
      readonly kind?: Peer['kind']
      readonly kernelBytes?: number
      readonly runBytes?: number
      readonly runMessages?: number
    } = {},
  ) {
    this.kind = options.kind ?? 'fanwire'
    this.#free = options.kernelBytes ?? Infinity
    this.maxRun = { bytes: options.runBytes ?? 262_144, messages: options.runMessages ?? Infinity }
    const text = new TextDecoder()
    this.#decoder = new Decoder(
      {
        message: (chunk, topicStart, topicEnd, dataStart, dataEnd) => {
          const number = this.#next
          if (number !== undefined) this.#next = number + 1
          this.read.push({
            number,
            topic: text.decode(chunk.subarray(topicStart, topicEnd)),
            data: chunk.slice(dataStart, dataEnd),
            redelivered: this.#redelivered,
          })
          return true
        },
        skip: (count, reason) => {
          this[reason] += count
          if (this.#next !== undefined) this.#next += count
        },
        command: (name, data) => {
          if (name !== 'RUN' || this.kind !== 'fanwire') throw new Error(`unexpected command ${name}`)
          const { first, redelivered } = readRun(data)
          this.#next = first
          this.#redelivered = redelivered
        },
      },
      { maxMessageBytes: Number.MAX_SAFE_INTEGER },
    )
  }

  /** The number that the peer expects next. */
  get next(): number | undefined {
    return this.#next
  }

  /** Bytes written and not yet read. */
  get unread(): number {
    return this.#kernel.reduce((sum, { length }) => sum + length, 0)
  }

  connect(port: ProducerPort, prefixes: readonly string[], from: StartFrom, peer: Partial<Peer> = {}): this {
    this.#port = port
    port.connected(this, { kind: this.kind, acknowledges: this.kind === 'fanwire', ...peer })
    const text = new TextEncoder()
    if (this.kind === 'fanwire') for (const prefix of prefixes) port.subscribe(text.encode(prefix))
    this.start = port.start(from)
    if (this.kind === 'fanwire') this.#next = this.start.next
    else for (const prefix of prefixes) port.subscribe(text.encode(prefix))
    return this
  }

  write(run: Uint8Array): 'taken' | 'busy' {
    if (this.#outstanding) throw new Error('a second write before the first was taken')
    // A copy, as a kernel makes it: what the core does to its memory afterwards must not show.
    if (run.length <= this.#free) {
      this.#free -= run.length
      this.#kernel.push(run.slice())
      return 'taken'
    }
    this.#outstanding = true
    this.#kernel.push(run)
    return 'busy'
  }

  close(reason?: Error): void {
    this.closed = reason
    this.#kernel = []
  }

  /** Reads everything that was written, `times` times over, since reading makes room for more. */
  receive(times = 1): void {
    for (let i = 0; i < times && this.closed === null; i++) {
      const kernel = this.#kernel
      this.#kernel = []
      for (const run of kernel) {
        if (!(this.#outstanding && run === kernel.at(-1))) this.#free += run.length
        this.#decoder.push(run.slice())
      }
      if (!this.#outstanding) continue
      this.#outstanding = false
      this.#port?.taken()
    }
  }

  /** Acknowledges what it has read, or the first `messages` of it. */
  acknowledge(messages = this.read.length): void {
    if (this.kind === 'fanwire' && this.closed === null) this.#port?.acknowledged(messages)
  }
}
