import type { SkipReason } from '../framing/framing.js'
import { badPeer, joined } from '../framing/zmtp/bytes.js'
import { readCheckpoint } from '../framing/zmtp/heartbeat.js'
import {
  type Introduction,
  readEnd,
  readRun,
  readStream,
  writeAck,
  writeIntroduction,
  writeStart,
} from '../framing/zmtp/peers.js'
import { writeSubscription } from '../framing/zmtp/subscription.js'
import type { ConsumerCarrier, ConsumerContext, ConsumerPort } from '../transport.js'
import { Session, type SessionSetup } from './session.js'
import type { Wire } from './wire.js'

const ROLES = {
  publish: { type: 'SUB', serves: ['PUB', 'XPUB'], what: 'a consumer' },
  share: { type: 'PULL', serves: ['PUSH'], what: "a consumer with pattern 'share'" },
} as const

/** A consumer's end of a connection: says what is wanted, and passes messages to the inbox. */
export class ConsumerSession extends Session<ConsumerContext> implements ConsumerCarrier {
  #port: ConsumerPort | undefined
  #paused = false
  /** The peer has sent a PING, so that it may expect signs of life. */
  #pinged = false
  /** The acknowledgement that waits until those before it have left. */
  #owed: number | undefined

  /** @param claim gives the port, once the peer has proved to be a producer */
  constructor(
    wire: Wire,
    setup: SessionSetup<ConsumerContext>,
    dataFrame: number,
    private readonly claim: () => ConsumerPort,
  ) {
    const { id, want, maxMessageBytes, pattern } = setup.context
    super(wire, setup, ROLES[pattern], { introduction: writeIntroduction({ id, want }), maxMessageBytes, dataFrame })
  }

  override message(
    chunk: Uint8Array,
    topicStart: number,
    topicEnd: number,
    dataStart: number,
    dataEnd: number,
    frames?: readonly Uint8Array[],
  ): boolean {
    if (!this.flowing) return this.early(chunk, topicStart, topicEnd)
    if ((this.#port as ConsumerPort).message(chunk, topicStart, topicEnd, dataStart, dataEnd, frames)) return true
    this.#paused = true
    if (this.isOpen) this.wire.pause()
    return false
  }

  override skip(count: number, reason: SkipReason): void {
    if (this.state === 'handshake') throw badPeer('peer sent SKIP before its READY')
    if (!this.fanwire) return
    if (!this.flowing) throw badPeer('peer sent SKIP before its STREAM')
    this.#port?.skipped(count, reason)
  }

  resume(): void {
    if (!this.#paused || !this.isOpen) return
    this.#paused = false
    try {
      if (this.decoder.resume() && this.caughtUp()) this.wire.resume()
    } catch (error) {
      this.fail(error)
    }
  }

  subscribe(prefix: Uint8Array): void {
    if (!this.#shares) this.control(writeSubscription(true, prefix, this.minor))
  }

  unsubscribe(prefix: Uint8Array): void {
    if (!this.#shares) this.control(writeSubscription(false, prefix, this.minor))
  }

  acknowledge(messages: number): void {
    if (!this.fanwire) return
    // Each says all that those before it said: whoever does not read them gets the last one only.
    if (this.wire.pending > 0) this.#owed = messages
    else this.control(writeAck(messages))
  }

  override drained(): void {
    super.drained()
    const owed = this.#owed
    this.#owed = undefined
    if (owed !== undefined) this.acknowledge(owed)
  }

  protected override opened(introduction: Introduction | undefined): void {
    const port = this.claim()
    this.#port = port
    // A fanwire producer says STREAM first.
    this.flowing = introduction === undefined
    const { carries } = introduction ?? {}
    const { prefixes, from } = port.connected(this, {
      kind: this.fanwire ? 'fanwire' : 'foreign',
      ...(carries !== undefined && { carries }),
      ...(this.user !== undefined && { user: this.user }),
    })
    if (!this.isOpen) return
    const wanted = this.#shares ? [] : prefixes
    const words = wanted.map((prefix) => writeSubscription(true, prefix, this.minor))
    if (this.fanwire) words.push(writeStart(from))
    this.control(joined(words))
  }

  protected override said(name: string, data: Uint8Array): void {
    if (!this.fanwire) return
    if (name === 'STREAM') this.#start(data)
    else if (name === 'RUN') this.#run(data)
    else if (name === 'END') this.#finish(data)
  }

  protected override pinged(context: Uint8Array): void {
    this.#pinged = true
    const next = this.fanwire && this.flowing ? readCheckpoint(context) : undefined
    if (next !== undefined) this.#port?.checkpoint(next)
  }

  protected override control(bytes: Uint8Array): void {
    if (this.isOpen && bytes.length > 0) this.wire.write(bytes)
  }

  protected override beat(): void {
    if (this.#paused) {
      // Nothing is heard because nothing is read. The producer may have nothing to write, and needs a sign of life. One
      // that has closed answers a write by a reset, which costs what it had sent before: so none that nobody expects.
      this.heartbeat.forgive()
      if (this.fanwire || this.#pinged) this.ping()
    } else if (!this.buried() && this.heartbeat.silent > 0) {
      this.ping()
    }
  }

  protected override disconnected(reason: Error | undefined): void {
    this.#port?.disconnected(reason)
  }

  #start(data: Uint8Array): void {
    if (this.flowing) throw badPeer('peer sent a second STREAM')
    const start = readStream(data)
    if (this.#shares !== (start.prefetch !== undefined))
      throw badPeer(`peer's STREAM is ${this.#shares ? 'not ' : ''}of a producer with pattern 'share'`)
    this.#port?.started(start)
    this.flowing = true
    this.settled()
    if (this.isOpen) this.setup.flowing?.()
  }

  #run(data: Uint8Array): void {
    if (!this.flowing || !this.#shares) throw badPeer('peer sent RUN, and has no STREAM that is shared')
    const { first, redelivered } = readRun(data)
    this.#port?.given(first, redelivered)
  }

  /** The producer hands each message to one of its peers. */
  get #shares(): boolean {
    return this.setup.context.pattern === 'share'
  }

  #finish(data: Uint8Array): void {
    if (!this.flowing) throw badPeer('peer sent END before its STREAM')
    const next = readEnd(data)
    if (!this.#shares) this.#port?.checkpoint(next)
    this.#port?.finished(next)
  }
}
