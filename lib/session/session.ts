import { FanwireError } from '../errors.js'
import type { SkipReason } from '../framing/framing.js'
import { badPeer, readAscii } from '../framing/zmtp/bytes.js'
import { Decoder, type TrafficHandler } from '../framing/zmtp/decoder.js'
import {
  type Metadata,
  readError,
  readMetadata,
  socketType,
  writeError,
  writeReady,
} from '../framing/zmtp/handshake.js'
import { readPing, writePing, writePong } from '../framing/zmtp/heartbeat.js'
import { type Introduction, PROPERTY, readIntroduction } from '../framing/zmtp/peers.js'
import type { Timer } from '../platform.js'
import type { Context } from '../transport.js'
import { Heartbeat, SILENT_BEATS } from './heartbeat.js'
import { reportFailure } from './report.js'
import type { Wire } from './wire.js'

/** Answers to PING that may wait for a peer which does not read. */
const PONGS_MAX = 1_000

/** What the transport's option table must provide. */
export interface SessionOptions {
  readonly heartbeatMs: number
  readonly handshakeMs: number
}

/**
 * Who ended a session: this side because of what the peer did, the peer or the system after the handshake or in the
 * middle of it, or the core.
 */
export type Ending = 'failed' | 'lost' | 'unmet' | 'closed'

export interface SessionSetup<C extends Context> {
  readonly context: C
  readonly options: SessionOptions
  readonly remote: string
  /** The handshake is done. */
  readonly opened?: () => void
  /** START and STREAM are said, so that messages flow. Of foreign peers, who say neither, nobody is told. */
  readonly flowing?: () => void
  /** The session is over; called once. A failure has been reported already; what is `unmet` has a reason always. */
  readonly closed: (ending: Ending, reason: Error | undefined) => void
}

/**
 * One connection between two ends that speak ZMTP, after its greeting: READY each way, then traffic, with a pulse that
 * notices a dead peer. What producers and consumers do differently is theirs; what moves the bytes is the wire's.
 */
export abstract class Session<C extends Context = Context> implements TrafficHandler {
  state: 'handshake' | 'open' | 'closed' = 'handshake'
  /** The minor version of the peer's greeting; 1 where there is no greeting. */
  minor = 1
  /** The READY to open with; the wire sends it. */
  readonly ready: Uint8Array
  protected readonly heartbeat: Heartbeat
  protected readonly decoder: Decoder
  protected fanwire = false
  /** Messages may come. */
  protected flowing = false
  #deadline: Timer | undefined
  #pongs = 0
  /** The connection has ended, but not all that it brought is taken. */
  #loss: { readonly reason: Error | undefined } | undefined

  constructor(
    protected readonly wire: Wire,
    protected readonly setup: SessionSetup<C>,
    private readonly role: { readonly type: string; readonly serves: readonly string[]; readonly what: string },
    own: { readonly introduction: Uint8Array; readonly maxMessageBytes: number; readonly dataFrame?: number },
  ) {
    const { context, options } = setup
    const { platform } = context
    this.ready = writeReady(role.type, { [PROPERTY]: own.introduction })
    this.heartbeat = new Heartbeat(platform, options.heartbeatMs, () => this.beat())
    this.decoder = new Decoder(this, {
      maxMessageBytes: own.maxMessageBytes,
      dataFrame: own.dataFrame ?? 1,
      allocate: (size) => platform.allocate(size),
    })
    this.#deadline = platform.timer(options.handshakeMs, () => {
      this.fail(badPeer(`peer did not finish its handshake in ${options.handshakeMs} ms`))
    })
  }

  // The wire's side.

  /** Bytes have arrived. */
  receive(chunk: Uint8Array): void {
    if (this.state === 'closed') return
    this.heartbeat.heard()
    try {
      this.decoder.push(chunk)
    } catch (error) {
      this.fail(error)
    }
  }

  /** The system has all that was written. */
  drained(): void {
    this.#pongs = 0
  }

  /** The connection has ended, by the peer or by the system. What it has brought is still taken. */
  lost(reason: Error | undefined): void {
    if (this.decoder.stopped) {
      this.#loss ??= { reason }
      return
    }
    const met = this.#deadline === undefined
    if (!this.#finish()) return
    this.wire.destroy()
    this.disconnected(reason)
    if (met) this.setup.closed('lost', reason)
    else this.setup.closed('unmet', reason ?? new Error('the peer hung up during the handshake'))
  }

  /** Cuts a peer that broke the rules. What is not a FanwireError is a mistake of this package and not the peer's. */
  fail(error: unknown): void {
    if (!this.#finish()) return
    this.wire.destroy()
    this.#report(error)
  }

  // The core's side.

  /** Cuts the connection, after what was written where there is no reason to hurry. */
  close(reason?: Error): void {
    if (!this.#finish()) return
    if (reason === undefined) this.wire.end()
    else this.wire.destroy()
    this.setup.closed('closed', reason)
  }

  // The decoder's side.

  abstract message(
    chunk: Uint8Array,
    topicStart: number,
    topicEnd: number,
    dataStart: number,
    dataEnd: number,
    frames?: readonly Uint8Array[],
  ): boolean

  abstract skip(count: number, reason: SkipReason): void

  command(name: string, data: Uint8Array): void {
    if (this.state === 'handshake') this.#shake(name, data)
    else if (name === 'PING') this.#answer(data)
    else if (name !== 'PONG') this.said(name, data)
  }

  // What the two sides do differently.

  /** The peer has introduced itself. */
  protected abstract opened(introduction: Introduction | undefined): void
  /** A command that is not of ZMTP's own housekeeping; unknown ones are ignored. */
  protected abstract said(name: string, data: Uint8Array): void
  /** Writes a whole command, but not into the middle of a message. */
  protected abstract control(bytes: Uint8Array): void
  protected abstract beat(): void
  protected abstract disconnected(reason: Error | undefined): void
  /** A PING told something. */
  protected pinged(_context: Uint8Array): void {}

  /** A message while none may come. Some peers send their READY without the flag of a command. */
  protected early(chunk: Uint8Array, from: number, to: number): boolean {
    if (this.state === 'closed') return false
    if (this.state !== 'handshake' || to - from < 6 || readAscii(chunk, from, from + 6) !== '\x05READY') {
      throw badPeer('peer sent a message before its handshake was done')
    }
    this.#shake('READY', chunk.subarray(from + 6, to))
    return true
  }

  /** The peer has said all that a session begins with. */
  protected settled(): void {
    this.#deadline?.cancel()
    this.#deadline = undefined
  }

  /** All is taken that had come before a pause. False when the connection has ended meanwhile. */
  protected caughtUp(): boolean {
    if (this.#loss === undefined) return true
    this.lost(this.#loss.reason)
    return false
  }

  protected ping(bytes: Uint8Array = writePing(this.heartbeat.ttlMs)): void {
    // ZMTP 3.0 has no heartbeats; the system's own keepalive has to do.
    if (this.minor > 0) this.control(bytes)
  }

  /** Cuts a peer that has been silent for too long. True when it has been. */
  protected buried(): boolean {
    if (this.heartbeat.silent < SILENT_BEATS || this.minor === 0) return false
    const silence = this.heartbeat.silent * this.setup.options.heartbeatMs
    this.fail(new FanwireError('SILENT', `peer gave no sign of life for ${silence} ms`))
    return true
  }

  #shake(name: string, data: Uint8Array): void {
    if (name === 'ERROR') throw badPeer(`peer refused the connection: ${readError(data)}`)
    if (name !== 'READY') throw badPeer(`peer sent ${printable(name)} before its READY`)
    const metadata = readMetadata(data)
    const { type, serves, what } = this.role
    const peerType = socketType(metadata)
    if (peerType !== undefined && !serves.includes(peerType)) {
      this.#refuse(`peer is a ${printable(peerType)} socket; ${what} (${type}) works with ${serves.join(' and ')}`)
      return
    }
    const introduction = this.#introduction(metadata)
    this.fanwire = introduction !== undefined
    this.state = 'open'
    this.heartbeat.start()
    if (!this.fanwire) this.settled()
    this.opened(introduction)
    if (this.isOpen) this.setup.opened?.()
  }

  /** Callbacks may have closed the session in the meantime, which the compiler does not expect. */
  protected get isOpen(): boolean {
    return this.state === 'open'
  }

  #introduction(metadata: Metadata): Introduction | undefined {
    const value = metadata.get(PROPERTY.toLowerCase())
    // Heartbeats belong to the rules between fanwire peers, so they need 3.1.
    return value === undefined || this.minor === 0 ? undefined : readIntroduction(value)
  }

  /** Tells the peer for good: only libzmq's own refusals look like the passing kind. */
  #refuse(message: string): void {
    if (!this.#finish()) return
    this.wire.write(writeError(message))
    this.wire.end()
    this.#report(badPeer(message))
  }

  #answer(data: Uint8Array): void {
    const { context } = readPing(data)
    if (++this.#pongs > PONGS_MAX) {
      if (this.wire.pending > 0) throw badPeer('peer sends PINGs without reading the answers')
      this.#pongs = 0
    }
    this.control(writePong(context))
    this.pinged(context)
  }

  #finish(): boolean {
    if (this.state === 'closed') return false
    this.state = 'closed'
    this.flowing = false
    this.settled()
    this.heartbeat.stop()
    this.decoder.close()
    return true
  }

  #report(error: unknown): void {
    const { context, remote, closed } = this.setup
    const reason = reportFailure(context, remote, error, 'cannot understand the peer')
    this.disconnected(reason)
    closed('failed', reason)
  }
}

function printable(text: string): string {
  return text.slice(0, 32).replace(/[^\x20-\x7e]/g, '?')
}
