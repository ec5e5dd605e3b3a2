import type { Address } from '../../lib/address.js'
import type { MessageReader } from '../../lib/message-reader.js'
import type { ConsumerCarrier, ConsumerContext, ConsumerPort } from '../../lib/transport.js'
import { IncomingLine, type Line, type LineSettings, mostBytesOf, rejectTooLong, type Talker } from './incoming-line.js'
import type { ReceiverSetup, Remote } from './socket.js'

/** One sender of datagrams that are a message each. */
class RawFeed implements Talker, ConsumerCarrier {
  #full = false

  constructor(
    private readonly line: Line<RawFeed>,
    private readonly port: ConsumerPort,
    private readonly messages: MessageReader,
  ) {}

  receive(bytes: Uint8Array): void {
    if (this.messages.message(this.port, bytes, 0, bytes.length)) return
    this.#full = true
    this.line.full(this)
  }

  resume(): void {
    if (!this.#full) return
    this.#full = false
    this.line.roomy(this)
  }

  end(reason: Error | undefined): void {
    this.port.end(reason)
  }

  close(): void {
    this.line.closed(this)
  }

  // Nobody hears what a receiver of datagrams has to say.
  subscribe(): void {}
  unsubscribe(): void {}
  acknowledge(): void {}
}

/** One address where every datagram is a message. */
export class RawLine extends IncomingLine<RawFeed> {
  readonly #most: number

  private constructor(context: ConsumerContext, settings: LineSettings) {
    super(context, settings)
    this.#most = mostBytesOf(context, settings)
  }

  /** @throws {FanwireError} as sockets do, and then leaves nothing open */
  static async listen(
    address: Address,
    setup: ReceiverSetup,
    settings: LineSettings,
    context: ConsumerContext,
  ): Promise<RawLine> {
    const line = new RawLine(context, settings)
    await line.open(address, setup)
    return line
  }

  protected override keyOf(bytes: Uint8Array, remote: Remote): string | undefined {
    if (bytes.length <= this.#most) return `${remote.address} ${remote.port}`
    rejectTooLong(this, this.context, remote)
    return undefined
  }

  protected override welcome(_: Uint8Array, remote: Remote): RawFeed {
    const port = this.context.open(`${this.url} from ${remote.address}:${remote.port}`, 'accepted')
    const feed = new RawFeed(this, port, this.messages)
    port.connected(feed, { kind: 'foreign' })
    return feed
  }
}
