import { connect, type Socket } from 'node:net'
import { parseAddress } from '../../lib/address.js'
import { readU32 } from '../../lib/framing/numbers.js'
import { Decoder } from '../../lib/framing/zmtp/decoder.js'
import { GREETING_SIZE, writeGreeting } from '../../lib/framing/zmtp/greeting.js'
import { writeReady } from '../../lib/framing/zmtp/handshake.js'
import { readPing, writePong } from '../../lib/framing/zmtp/heartbeat.js'
import { PROPERTY, readStream, writeAck, writeIntroduction, writeStart } from '../../lib/framing/zmtp/peers.js'
import { writeSubscription } from '../../lib/framing/zmtp/subscription.js'

export interface ReaderOptions {
  readonly url: string
  readonly kind: 'fanwire' | 'foreign'
  /** @default [''] */
  readonly prefixes?: readonly string[]
  /** Stops reading as soon as it has said what it wants. @default false */
  readonly stalls?: boolean
}

/** What a reader has seen. Every message's data begins with its number, a u32. */
export interface ReaderCounts {
  /** Its own end of the connection, which is what the producer calls its remote. */
  readonly address: string
  readonly received: number
  readonly bytes: number
  readonly first: number | undefined
  readonly last: number | undefined
  /** Numbers between the first and the last that did not come. */
  readonly passed: number
  /** Messages whose number is not above the one before. */
  readonly disordered: number
  /** Messages whose number in the data is not the one that was counted; fanwire peers only. */
  readonly misnumbered: number
  /** As SKIPs say; fanwire peers only. */
  readonly filtered: number
  readonly declared: number
  readonly acknowledged: number
  readonly ended: boolean
}

/**
 * A subscriber made of a socket and a decoder, as cheap as can be, so that one process has room for a thousand. It does
 * just what it is told: reads, or does not.
 */
export class RawReader {
  /** Settles when the connection is over. */
  readonly ended: Promise<void>
  /** Settles when it has said what it wants. */
  readonly subscribed: Promise<void>
  received = 0
  #hasSubscribed: () => void = () => {}
  #bytes = 0
  #first: number | undefined
  #last: number | undefined
  #passed = 0
  #disordered = 0
  #misnumbered = 0
  #filtered = 0
  #declared = 0
  #acknowledged = 0
  #isEnded = false
  /** The number that comes next, by the count of a fanwire peer. */
  #next: number | undefined
  #address = ''
  #greeting = GREETING_SIZE
  readonly #waiting: { readonly received: number; readonly resolve: () => void }[] = []
  readonly #socket: Socket
  readonly #decoder: Decoder

  constructor(private readonly options: ReaderOptions) {
    const { host, port } = parseAddress(options.url)
    this.#socket = connect({ host: host as string, port: port as number, noDelay: true })
    this.#decoder = new Decoder(
      {
        message: (chunk, _topicStart, _topicEnd, dataStart) => this.#message(readU32(chunk, dataStart)),
        skip: (count, reason) => this.#skip(count, reason),
        command: (name, data) => this.#command(name, data),
      },
      { maxMessageBytes: 2 ** 30 },
    )
    this.#socket.on('connect', () => {
      this.#address = `tcp://127.0.0.1:${this.#socket.localPort}`
      this.#socket.write(writeGreeting())
    })
    this.#socket.on('data', (chunk) => this.#receive(chunk))
    this.#socket.on('error', () => {})
    this.ended = new Promise((resolve) => {
      this.#socket.on('close', () => {
        this.#isEnded = true
        resolve()
        for (const { resolve } of this.#waiting.splice(0)) resolve()
      })
    })
    this.subscribed = new Promise((resolve) => {
      this.#hasSubscribed = resolve
    })
  }

  get counts(): ReaderCounts {
    return {
      address: this.#address,
      received: this.received,
      bytes: this.#bytes,
      first: this.#first,
      last: this.#last,
      passed: this.#passed,
      disordered: this.#disordered,
      misnumbered: this.#misnumbered,
      filtered: this.#filtered,
      declared: this.#declared,
      acknowledged: this.#acknowledged,
      ended: this.#isEnded,
    }
  }

  /** Resolves when so many messages have come, or none will come any more. */
  until(received: number): Promise<void> {
    if (this.received >= received || this.#isEnded) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ received, resolve }))
  }

  /** Goes on reading. */
  read(): void {
    this.#socket.resume()
  }

  /** Reads nothing more. */
  stall(): void {
    this.#socket.pause()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    const greeting = Math.min(this.#greeting, chunk.length)
    this.#greeting -= greeting
    this.#bytes += chunk.length
    const { received } = this
    if (greeting < chunk.length) this.#decoder.push(chunk.subarray(greeting))
    if (received === this.received) return
    if (this.options.kind === 'fanwire') {
      this.#acknowledged = this.received
      this.#socket.write(writeAck(this.received))
    }
    for (let at = this.#waiting.length - 1; at >= 0; at--) {
      if ((this.#waiting[at]?.received ?? 0) <= this.received) this.#waiting.splice(at, 1)[0]?.resolve()
    }
  }

  #message(number: number): boolean {
    this.received++
    const last = this.#last
    if (last !== undefined && number <= last) this.#disordered++
    else if (last !== undefined) this.#passed += number - last - 1
    this.#first ??= number
    this.#last = number
    if (this.#next !== undefined && this.#next++ !== number) this.#misnumbered++
    return true
  }

  #skip(count: number, reason: 'filtered' | 'dropped'): void {
    if (reason === 'filtered') this.#filtered += count
    else this.#declared += count
    if (this.#next !== undefined) this.#next += count
  }

  #command(name: string, data: Uint8Array): void {
    if (name === 'READY') this.#introduce()
    else if (name === 'PING') this.#socket.write(writePong(readPing(data).context))
    else if (name === 'STREAM') {
      this.#next = readStream(data).next
      this.#begin()
    }
  }

  #introduce(): void {
    const { kind, prefixes = [''] } = this.options
    const isFanwire = kind === 'fanwire'
    this.#socket.write(writeReady('SUB', isFanwire ? { [PROPERTY]: writeIntroduction({ id: randomId() }) } : {}))
    for (const prefix of prefixes) this.#socket.write(writeSubscription(true, Buffer.from(prefix), 1))
    if (isFanwire) this.#socket.write(writeStart('now'))
    else this.#begin()
  }

  #begin(): void {
    if (this.options.stalls) this.stall()
    this.#hasSubscribed()
  }
}

function randomId(): string {
  return Array.from({ length: 10 }, () =>
    Math.floor(Math.random() * 36)
      .toString(36)
      .toUpperCase(),
  ).join('')
}
