import { badPeer } from '../../framing/bad-peer.js'
import { NANOMSG_MAX, type SpMapping, spForms } from '../../framing/sp/message.js'
import type { Carrier, ProducerContext, ProducerPort } from '../../transport.js'
import type { ConversationSetup } from '../conversation.js'
import { Progress } from '../progress.js'
import type { Wire } from '../wire.js'
import { SpSession } from './session.js'

const ROLES = {
  publish: { own: 'PUB', peer: 'SUB', what: 'a producer' },
  share: { own: 'PUSH', peer: 'PULL', what: "a producer with pattern 'share'" },
} as const

const MAX_RUN = { bytes: 256 * 1024, messages: Number.MAX_SAFE_INTEGER }

const EVERYTHING = new Uint8Array(0)

/** A producer's end of a connection: passes the log's runs to the wire. What a subscriber wants, it does not say. */
export class SpProducerSession extends SpSession<ProducerContext> implements Carrier {
  readonly maxRun = MAX_RUN
  #port: ProducerPort | undefined
  readonly #progress: Progress
  #inMessage = false
  #warned = false

  constructor(
    wire: Wire,
    setup: ConversationSetup<ProducerContext>,
    private readonly mapping: SpMapping,
    private readonly claim: () => ProducerPort,
  ) {
    super(wire, setup, ROLES[setup.context.pattern])
    this.#progress = new Progress(wire, setup.context.platform)
  }

  write(run: Uint8Array, _first: number, count: number): 'taken' | 'busy' {
    if (count === 0 && !this.#inMessage) this.#checkSize(run)
    this.#inMessage = count === 0
    const answer = this.wire.write(run)
    if (answer === 'busy') this.#progress.begin(this.#port)
    return answer
  }

  override drained(): void {
    if (this.isOpen && this.#progress.end()) this.#port?.taken()
  }

  protected override opened(): void {
    const port = this.claim()
    this.#port = port
    port.connected(this, { kind: 'foreign', acknowledges: false })
    port.subscribe(EVERYTHING)
    port.start('now')
  }

  protected override received(chunk: Uint8Array): void {
    const { peer } = ROLES[this.setup.context.pattern]
    const what = peer === 'SUB' ? 'a subscriber' : 'a PULL socket'
    throw badPeer(`peer is ${what} and sent ${chunk.length} bytes after its header, where it must send nothing`)
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

  /** A message that is larger than one write begins: the first one that the peer may not take is told of. */
  #checkSize(run: Uint8Array): void {
    const size = spForms[this.mapping].bodySize(run, 0)
    if (size <= NANOMSG_MAX || this.#warned) return
    this.#warned = true
    const { context, remote } = this.setup
    const message =
      `a message of ${size} bytes goes to ${remote}; nanomsg and fanwire hang up on more than ${NANOMSG_MAX} ` +
      'unless they are told otherwise (NN_RCVMAXSIZE, maxMessageBytes)'
    context.fault({ code: 'TOO_LONG', message, remote })
  }
}
