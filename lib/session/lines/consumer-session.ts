import { FanwireError } from '../../errors.js'
import { type BodyFormat, STAMP_SIZE } from '../../framing/body.js'
import { LineDecoder } from '../../framing/lines/decoder.js'
import { type Frame, sizedForm } from '../../framing/lines/message.js'
import { type OnRecord, RecordDecoder } from '../../framing/records.js'
import { BodyCounts, type MessageReader } from '../../message-reader.js'
import type { ConsumerCarrier, ConsumerContext, ConsumerPort } from '../../transport.js'
import { BodyIntake } from '../body-intake.js'
import type { ConversationSetup } from '../conversation.js'
import type { Wire } from '../wire.js'
import { LinesSession } from './session.js'

const RESET = 'connection lost: the peer has reset it'

/** What one consumer's end counts over all its connections. */
export class RecordCounts extends BodyCounts {
  /** Records whose end never came, as their connection broke. */
  unfinished = 0
}

export interface RecordSettings {
  readonly frame: Frame
  readonly body: BodyFormat
}

/** A consumer's end of a connection: passes records to the inbox, and says nothing. */
export class LinesConsumerSession extends LinesSession<ConsumerContext> implements ConsumerCarrier {
  #port: ConsumerPort | undefined
  readonly #intake: BodyIntake<LineDecoder | RecordDecoder>

  constructor(
    wire: Wire,
    setup: ConversationSetup<ConsumerContext>,
    settings: RecordSettings,
    messages: MessageReader,
    private readonly counts: RecordCounts,
    private readonly claim: () => ConsumerPort,
  ) {
    super(wire, setup)
    const { context } = setup
    this.#intake = new BodyIntake(wire, messages, context.maxMessageBytes, (onRecord) =>
      decoderFor(settings, context, onRecord),
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

  // Whoever sends does not listen.
  subscribe(): void {}
  unsubscribe(): void {}
  acknowledge(): void {}

  override lost(told: Error | undefined): void {
    const reason = told ?? (this.wire.reset === true ? new FanwireError('CONNECT_FAILED', RESET) : undefined)
    if (this.isOpen && !this.holds) this.#finish(reason)
    super.lost(reason)
  }

  protected override opened(): void {
    this.#port = this.claim()
    this.#intake.begin(this.#port)
    this.#port.connected(this, { kind: 'foreign' })
  }

  protected override read(chunk: Uint8Array): void {
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

  /** Many a program leaves the last newline out. Where the connection broke, nobody knows what was to come. */
  #finish(reason: Error | undefined): void {
    const { decoder } = this.#intake
    if (!decoder.begun) return
    if (reason !== undefined || decoder instanceof RecordDecoder) {
      this.counts.unfinished++
      return
    }
    try {
      decoder.finish()
    } catch (error) {
      this.fail(error)
    }
  }
}

function decoderFor({ frame, body }: RecordSettings, context: ConsumerContext, onRecord: OnRecord) {
  const { platform, maxMessageBytes } = context
  const allocate = (size: number) => platform.allocate(size)
  // The most that stands beside topic and data in a body.
  const overhead = body === 'raw' ? 0 : frame === 'newline' ? 1 : 1 + STAMP_SIZE
  const most = maxMessageBytes + overhead
  return frame === 'newline'
    ? new LineDecoder(onRecord, { maxLineBytes: most, allocate })
    : new RecordDecoder(onRecord, { form: sizedForm, maxBodyBytes: most, allocate })
}
