import type { Address } from '../../lib/address.js'
import type { Timer } from '../../lib/platform.js'
import type { Carrier, LogPort, ProducerContext, ProducerPort } from '../../lib/transport.js'
import { Sender, type SenderCounts, type SenderSetup } from './socket.js'

const NOTHING = new Uint8Array(0)
/** How long the last goodbye may take to leave. */
const PARTING_MS = 1_000

/** How runs become datagrams, and what is said when there are none. */
export interface Wording {
  readonly maxRun: Carrier['maxRun']
  /** What stands in front of a run of `count` messages from number `first` on. */
  header(first: number, count: number): Uint8Array
  /** Says which number comes next; absent where the wire has no word for it. */
  readonly heartbeat?: { readonly intervalMs: number; write(next: number): Uint8Array }
  /**
   * Says that nothing comes any more, `times` times: whoever misses all of them learns of it by the silence. Absent as
   * {@link heartbeat} is.
   */
  readonly goodbye?: { readonly times: number; readonly intervalMs: number; write(next: number): Uint8Array }
}

/** One address that a producer sends to. */
export class OutgoingLine implements Carrier {
  readonly maxRun: Carrier['maxRun']
  #sender: Sender | undefined
  #port: ProducerPort | undefined
  #beat: Timer | undefined
  /** The number after the last that was sent. */
  sent = 1
  /** Nothing was sent since the last beat. */
  #quiet = true
  #owed = false

  private constructor(
    private readonly wording: Wording,
    private readonly context: ProducerContext,
    private readonly log: LogPort,
  ) {
    this.maxRun = wording.maxRun
  }

  /** @throws {FanwireError} `OPEN_FAILED`, `BAD_ADDRESS`, `BAD_OPTION`, or the signal's reason */
  static async open(
    address: Address,
    setup: SenderSetup,
    wording: Wording,
    context: ProducerContext,
    log: LogPort,
  ): Promise<OutgoingLine> {
    const line = new OutgoingLine(wording, context, log)
    line.#sender = await Sender.open(address, setup, context, { drained: () => line.#drained() })
    return line
  }

  get url(): string {
    return (this.#sender as Sender).remote
  }

  get counts(): SenderCounts {
    return (this.#sender as Sender).counts
  }

  /** Nobody answers a datagram, so that a line is connected as soon as there is a socket. */
  begin(): void {
    const port = this.log.open(this.url, 'dialled')
    this.#port = port
    port.connected(this, { kind: 'foreign', acknowledges: false })
    port.subscribe(NOTHING)
    port.start('now')
    this.#pulse()
  }

  write(run: Uint8Array, first: number, count: number): 'taken' | 'busy' {
    this.#quiet = false
    this.sent = first + count
    const answer = (this.#sender as Sender).send(this.wording.header(first, count), run)
    this.#owed = answer === 'busy'
    return answer
  }

  /** The core wants no more to be sent; the goodbye comes with {@link close}. */
  close(): void {
    this.#beat?.cancel()
  }

  /** Says goodbye, if it ever began, and closes the socket when that has left. */
  async depart(): Promise<void> {
    this.#beat?.cancel()
    if (this.#port !== undefined) await this.#part(this.#port, this.#sender as Sender)
    await this.#sender?.close()
  }

  unref(): void {
    this.#sender?.unref()
  }

  #drained(): void {
    if (!this.#owed) return
    this.#owed = false
    this.#port?.taken()
  }

  #pulse(): void {
    const { heartbeat } = this.wording
    if (heartbeat === undefined) return
    this.#beat = this.context.platform.timer(heartbeat.intervalMs, () => {
      this.#pulse()
      if (this.#quiet && !this.#owed) {
        const next = this.#port?.checkpoint()
        if (next !== undefined) this.#sender?.send(heartbeat.write(next), NOTHING)
      }
      this.#quiet = true
    })
  }

  async #part(port: ProducerPort, sender: Sender): Promise<void> {
    port.end(undefined)
    const { times = 0, intervalMs = 0, write } = this.wording.goodbye ?? {}
    for (let i = 0; i < times; i++) {
      if (i > 0) await this.#pause(intervalMs)
      if (write !== undefined) sender.send(write(this.log.next), NOTHING)
    }
    await sender.drain(PARTING_MS)
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.context.platform.timer(delayMs, resolve).ref())
  }
}
