import type { SkipReason } from '../framing/framing.js'
import { badPeer } from '../framing/zmtp/bytes.js'
import { writeCheckpoint } from '../framing/zmtp/heartbeat.js'
import {
  type Introduction,
  readAck,
  readStart,
  writeEnd,
  writeIntroduction,
  writeStream,
} from '../framing/zmtp/peers.js'
import { readSubscription } from '../framing/zmtp/subscription.js'
import type { Carrier, ProducerContext, ProducerPort, SourcePeer } from '../transport.js'
import { Progress } from './progress.js'
import { Session, type SessionSetup } from './session.js'
import type { Wire } from './wire.js'

/** What is written to a link at a time. */
export const MAX_RUN = { bytes: 256 * 1024, messages: Number.MAX_SAFE_INTEGER }
/** A consumer sends subscriptions and nothing larger. */
const INCOMING_MAX = 65_536
const ROLES = {
  publish: { type: 'PUB', serves: ['SUB', 'XSUB'], what: 'a producer' },
  share: { type: 'PUSH', serves: ['PULL'], what: "a producer with pattern 'share'" },
} as const

/** A producer's end of a connection: takes subscriptions, and passes the log's runs to the wire. */
export class ProducerSession extends Session<ProducerContext> implements Carrier {
  readonly maxRun = MAX_RUN
  #port: ProducerPort | undefined
  #started = false
  /** Commands that wait for the end of a half-written message. */
  #waiting: Uint8Array[] = []
  readonly #progress: Progress

  /**
   * @param carries the producer's stream
   * @param claim gives the port, once the peer has proved to be a consumer
   */
  constructor(
    wire: Wire,
    setup: SessionSetup<ProducerContext>,
    carries: SourcePeer['carries'],
    private readonly claim: () => ProducerPort,
  ) {
    super(wire, setup, ROLES[setup.context.pattern], {
      introduction: writeIntroduction({ carries }),
      maxMessageBytes: INCOMING_MAX,
    })
    this.#progress = new Progress(wire, setup.context.platform)
  }

  write(run: Uint8Array): 'taken' | 'busy' {
    let answer = this.wire.write(run)
    if (this.#waiting.length > 0 && this.#port?.midMessage === false) answer = this.#writeWaiting()
    if (answer === 'busy') this.#progress.begin(this.#port)
    return answer
  }

  finish(next: number): void {
    if (this.fanwire && this.isOpen) this.wire.write(writeEnd(next))
  }

  override drained(): void {
    super.drained()
    const port = this.#port
    if (!this.isOpen || port === undefined) return
    if (this.#waiting.length > 0 && !port.midMessage) this.#writeWaiting()
    if (this.#progress.end()) port.taken()
  }

  /** The only messages that a consumer sends are subscriptions in the form of ZMTP 3.0; others are thrown away. */
  override message(
    chunk: Uint8Array,
    start: number,
    end: number,
    _dataStart: number,
    _dataEnd: number,
    frames?: readonly Uint8Array[],
  ): boolean {
    if (this.state !== 'open') return this.early(chunk, start, end)
    const subscription = frames?.length === 1 ? readSubscription(chunk, start, end) : undefined
    if (subscription !== undefined) this.#subscribe(subscription.wanted, subscription.prefix)
    return true
  }

  /** A word of producers, which is unknown here and ignored as unknown ones are. */
  override skip(_count: number, _reason: SkipReason): void {
    if (this.state === 'handshake') throw badPeer('peer sent SKIP before its READY')
  }

  protected override opened(introduction: Introduction | undefined): void {
    const port = this.claim()
    const user = this.user === undefined ? {} : { user: this.user }
    this.#port = port
    if (introduction === undefined) {
      port.connected(this, { kind: 'foreign', acknowledges: false, ...user })
      port.start('now')
      this.#started = true
      return
    }
    const { id, want } = introduction
    port.connected(this, {
      kind: 'fanwire',
      acknowledges: true,
      ...(id !== undefined && { id }),
      ...(want !== undefined && { want }),
      ...user,
    })
  }

  protected override said(name: string, data: Uint8Array): void {
    if (name === 'SUBSCRIBE' || name === 'CANCEL') this.#subscribe(name === 'SUBSCRIBE', data)
    else if (!this.fanwire) return
    else if (name === 'START') this.#start(data)
    else if (name === 'ACK') this.#acknowledged(data)
  }

  protected override control(bytes: Uint8Array): void {
    if (this.#port?.midMessage) this.#waiting.push(bytes)
    else this.wire.write(bytes)
  }

  protected override beat(): void {
    const port = this.#port
    // A peer that is being written to cannot answer before it has read: that is the core's stall deadline to judge.
    if (port === undefined || !this.#started || this.#progress.busy || port.midMessage) {
      this.heartbeat.forgive()
      return
    }
    if (this.buried()) return
    if (!this.fanwire) {
      if (this.heartbeat.silent > 0) this.ping()
      return
    }
    const next = port.checkpoint()
    if (next !== undefined && this.isOpen) this.ping(writeCheckpoint(this.heartbeat.ttlMs, next))
  }

  protected override stop(): void {
    super.stop()
    this.#progress.stop()
  }

  protected override disconnected(reason: Error | undefined): void {
    this.#port?.disconnected(reason)
  }

  #subscribe(wanted: boolean, prefix: Uint8Array): void {
    if (wanted) this.#port?.subscribe(prefix)
    else this.#port?.unsubscribe(prefix)
  }

  #start(data: Uint8Array): void {
    if (this.#started) throw badPeer('peer sent a second START')
    this.#started = true
    this.settled()
    const start = this.#port?.start(readStart(data))
    if (start === undefined || !this.isOpen) return
    this.wire.write(writeStream(start))
    this.setup.flowing?.()
  }

  #acknowledged(data: Uint8Array): void {
    if (!this.#started) throw badPeer('peer sent an ACK before its START')
    this.#port?.acknowledged(readAck(data))
  }

  #writeWaiting(): 'taken' | 'busy' {
    let answer: 'taken' | 'busy' = 'taken'
    for (const bytes of this.#waiting) answer = this.wire.write(bytes)
    this.#waiting = []
    return answer
  }
}
