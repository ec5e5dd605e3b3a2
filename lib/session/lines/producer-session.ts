import type { Frame } from '../../framing/lines/message.js'
import type { Carrier, ProducerContext, ProducerPort } from '../../transport.js'
import type { ConversationSetup } from '../conversation.js'
import { Progress } from '../progress.js'
import type { Wire } from '../wire.js'
import { LinesSession } from './session.js'

const MAX_RUN = { bytes: 256 * 1024, messages: Number.MAX_SAFE_INTEGER }

const EVERYTHING = new Uint8Array(0)

/** What one producer's end counts over all its connections. */
export class IgnoredBytes {
  /** Bytes that readers have sent, of which nothing was made. */
  ignored = 0
}

/** A producer's end of a connection: passes the log's runs to the wire. */
export class LinesProducerSession extends LinesSession<ProducerContext> implements Carrier {
  readonly maxRun = MAX_RUN
  #port: ProducerPort | undefined
  readonly #progress: Progress
  #busy = false
  #inMessage = false
  #warned = false

  constructor(
    wire: Wire,
    setup: ConversationSetup<ProducerContext>,
    private readonly frame: Frame,
    private readonly counts: IgnoredBytes,
    private readonly claim: () => ProducerPort,
  ) {
    super(wire, setup)
    this.#progress = new Progress(wire, setup.context.platform)
  }

  write(run: Uint8Array, _first: number, count: number): 'taken' | 'busy' {
    this.#inMessage = count === 0
    const answer = this.wire.write(run)
    if (answer === 'busy') {
      this.#busy = true
      this.#progress.begin(this.#port)
    }
    return answer
  }

  override drained(): void {
    this.#busy = false
    if (this.isOpen && this.#progress.end()) this.#port?.taken()
  }

  /** The end of a connection ends a line as well; a size tells that something is missing. */
  override get torn(): boolean {
    return this.frame === 'newline' && (this.#busy || this.#inMessage)
  }

  protected override opened(): void {
    const port = this.claim()
    this.#port = port
    port.connected(this, { kind: 'foreign', acknowledges: false })
    port.subscribe(EVERYTHING)
    port.start('now')
  }

  /** Some readers cannot help it: a shell passes on what is typed. */
  protected override read(chunk: Uint8Array): void {
    this.counts.ignored += chunk.length
    if (this.#warned) return
    this.#warned = true
    const { context, remote } = this.setup
    const message = `${remote} has sent something, which a producer ignores; is it a producer, too?`
    context.fault({ code: 'BAD_PEER', message, remote })
  }

  protected override get holds(): boolean {
    return false
  }

  protected override stop(): void {
    this.#progress.stop()
  }

  protected override disconnected(reason: Error | undefined): void {
    this.#port?.disconnected(reason)
  }

  /** The rest of a message that has begun will not be written, so that there is nothing to wait for. */
  protected override cut(hurry: boolean): void {
    super.cut(hurry || (this.torn && this.#inMessage))
  }
}
