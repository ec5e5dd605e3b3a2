import { STAMP_SIZE } from '../../framing/body.js'
import { RecordDecoder } from '../../framing/records.js'
import { type SpMapping, spForms } from '../../framing/sp/message.js'
import type { MessageReader } from '../../message-reader.js'
import type { ConsumerCarrier, ConsumerContext, ConsumerPort } from '../../transport.js'
import { BodyIntake } from '../body-intake.js'
import type { ConversationSetup } from '../conversation.js'
import type { Wire } from '../wire.js'
import { SpSession } from './session.js'

const ROLES = {
  publish: { own: 'SUB', peer: 'PUB', what: 'a consumer' },
  share: { own: 'PULL', peer: 'PUSH', what: "a consumer with pattern 'share'" },
} as const

/** The most that stands beside topic and data in a body. */
const OVERHEAD = 1 + STAMP_SIZE

/**
 * A consumer's end of a connection: passes messages to the inbox. It says nothing after its header, whatever happens: a
 * publisher that uses libnanomsg would die of it.
 */
export class SpConsumerSession extends SpSession<ConsumerContext> implements ConsumerCarrier {
  #port: ConsumerPort | undefined
  readonly #intake: BodyIntake<RecordDecoder>

  constructor(
    wire: Wire,
    setup: ConversationSetup<ConsumerContext>,
    mapping: SpMapping,
    messages: MessageReader,
    private readonly claim: () => ConsumerPort,
  ) {
    super(wire, setup, ROLES[setup.context.pattern])
    const { platform, maxMessageBytes, pattern } = setup.context
    this.#intake = new BodyIntake(
      wire,
      messages,
      maxMessageBytes,
      (onRecord) =>
        new RecordDecoder(onRecord, {
          form: spForms[mapping],
          maxBodyBytes: maxMessageBytes + OVERHEAD,
          allocate: (size) => platform.allocate(size),
        }),
      // Of a stream that is shared, a stamp cannot say which numbers others were given.
      pattern === 'publish',
    )
  }

  resume(): void {
    if (!this.isOpen) return
    try {
      if (this.#intake.resume() && this.caughtUp()) this.wire.resume()
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
    this.#intake.begin(this.#port)
    this.#port.connected(this, { kind: 'foreign' })
  }

  protected override received(chunk: Uint8Array): void {
    this.#intake.decoder.push(chunk)
  }

  protected override get holds(): boolean {
    return this.#intake.decoder.stopped
  }

  protected override stop(): void {
    this.#intake.decoder.close()
  }

  protected override disconnected(reason: Error | undefined): void {
    this.#port?.disconnected(reason)
  }
}
