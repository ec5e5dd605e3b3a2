import { badPeer } from '../../framing/bad-peer.js'
import { STAMP_SIZE } from '../../framing/body.js'
import { RecordDecoder } from '../../framing/records.js'
import { type SpMapping, spForms } from '../../framing/sp/message.js'
import type { MessageReader } from '../../message-reader.js'
import type { ConsumerCarrier, ConsumerContext, ConsumerPort } from '../../transport.js'
import type { ConversationSetup } from '../conversation.js'
import type { Wire } from '../wire.js'
import { SpSession } from './session.js'
import { Stamps } from './stamps.js'

const ROLE = { own: 'SUB', peer: 'PUB', what: 'a consumer' } as const

/** The most that stands beside topic and data in a body. */
const OVERHEAD = 1 + STAMP_SIZE

/**
 * A consumer's end of a connection: passes messages to the inbox. It says nothing after its header, whatever happens: a
 * publisher that uses libnanomsg would die of it.
 */
export class SpConsumerSession extends SpSession<ConsumerContext> implements ConsumerCarrier {
  #port: ConsumerPort | undefined
  #paused = false
  readonly #decoder: RecordDecoder
  readonly #stamps = new Stamps()

  constructor(
    wire: Wire,
    setup: ConversationSetup<ConsumerContext>,
    mapping: SpMapping,
    private readonly messages: MessageReader,
    private readonly claim: () => ConsumerPort,
  ) {
    super(wire, setup, ROLE)
    const { platform, maxMessageBytes } = setup.context
    this.#decoder = new RecordDecoder((bytes, start, end) => this.#message(bytes, start, end), {
      form: spForms[mapping],
      maxBodyBytes: maxMessageBytes + OVERHEAD,
      allocate: (size) => platform.allocate(size),
    })
  }

  resume(): void {
    if (!this.#paused || !this.isOpen) return
    this.#paused = false
    try {
      if (this.#decoder.resume() && this.caughtUp()) this.wire.resume()
    } catch (error) {
      this.fail(error)
    }
  }

  // Whoever publishes sends everything, and hears nothing.
  subscribe(): void {}
  unsubscribe(): void {}
  acknowledge(): void {}

  protected override opened(): void {
    this.#port = this.claim()
    this.#port.connected(this, { kind: 'foreign' })
  }

  protected override received(chunk: Uint8Array): void {
    this.#decoder.push(chunk)
  }

  protected override get holds(): boolean {
    return this.#decoder.stopped
  }

  protected override stop(): void {
    this.#decoder.close()
  }

  protected override disconnected(reason: Error | undefined): void {
    this.#port?.disconnected(reason)
  }

  #message(bytes: Uint8Array, start: number, end: number): boolean {
    const { messages } = this
    const port = this.#port as ConsumerPort
    messages.read(bytes, start, end)
    const { body } = messages
    const size = body.topicEnd - body.topicStart + body.dataEnd - body.dataStart
    const { maxMessageBytes } = this.setup.context
    if (size > maxMessageBytes)
      throw badPeer(`peer sent a message of ${size} bytes, at most ${maxMessageBytes} are accepted`)
    this.#stamps.tell(port, body, bytes)
    if (messages.pass(port, bytes)) return true
    this.#paused = true
    if (this.isOpen) this.wire.pause()
    return false
  }
}
