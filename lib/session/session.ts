import { FanwireError, wordsOf } from '../errors.js'
import type { SkipReason } from '../framing/framing.js'
import { badPeer, EMPTY, joined, readAscii } from '../framing/zmtp/bytes.js'
import { Decoder, type TrafficHandler } from '../framing/zmtp/decoder.js'
import { command } from '../framing/zmtp/frame.js'
import { GREETING_SIZE, readGreeting, writeGreeting } from '../framing/zmtp/greeting.js'
import {
  type Metadata,
  readError,
  readMetadata,
  refusedBy,
  socketType,
  writeError,
  writeMetadata,
} from '../framing/zmtp/handshake.js'
import { readPing, writePing, writePong } from '../framing/zmtp/heartbeat.js'
import { type Introduction, PROPERTY, readIntroduction } from '../framing/zmtp/peers.js'
import type { Context } from '../transport.js'
import { Conversation, type ConversationOptions, type ConversationSetup } from './conversation.js'
import type { Gate, GateKeeper } from './gate.js'
import { Heartbeat, SILENT_BEATS } from './heartbeat.js'
import type { Wire } from './wire.js'

/** Answers to PING that may wait for a peer which does not read. */
const PONGS_MAX = 1_000

/** What the transport's option table must provide. */
export interface SessionOptions extends ConversationOptions {
  readonly heartbeatMs: number
}

export interface SessionSetup<C extends Context> extends ConversationSetup<C, SessionOptions> {
  /** Each peer sends a greeting before all else; not so on a wire that has settled versions and mechanisms itself. */
  readonly greets: boolean
  /** What the peer has to pass first; it is the session's wire, and greets by itself. */
  readonly gate?: Gate | undefined
}

/**
 * One connection between two ends that speak ZMTP: READY each way, then traffic, with a pulse that notices a dead peer.
 * What producers and consumers do differently is theirs.
 */
export abstract class Session<C extends Context = Context>
  extends Conversation<C, SessionOptions>
  implements TrafficHandler
{
  /** The minor version of the peer's greeting; 1 where there is no greeting. */
  minor = 1
  readonly opening: Uint8Array
  protected readonly heartbeat: Heartbeat
  protected readonly decoder: Decoder
  protected fanwire = false
  /** Who the peer has proved to be. */
  protected user: string | undefined
  /** Messages may come. */
  protected flowing = false
  /** The peer's greeting as far as it has arrived; undefined once it is complete. */
  #greeting: Uint8Array | undefined
  #pongs = 0
  readonly #gate: Gate | undefined

  constructor(
    wire: Wire,
    setup: SessionSetup<C>,
    private readonly role: { readonly type: string; readonly serves: readonly string[]; readonly what: string },
    own: { readonly introduction: Uint8Array; readonly maxMessageBytes: number; readonly dataFrame?: number },
  ) {
    super(wire, setup)
    const { context, options, greets, gate } = setup
    const { platform } = context
    const metadata = writeMetadata(role.type, { [PROPERTY]: own.introduction })
    const ready = command('READY', metadata)
    // Peers wait for both, and neither depends on what the peer says.
    this.opening = gate?.opening ?? (greets ? joined([writeGreeting(), ready]) : ready)
    this.#greeting = greets && gate === undefined ? EMPTY : undefined
    this.#gate = gate
    gate?.guard(this.#keeper(metadata, own.maxMessageBytes))
    this.heartbeat = new Heartbeat(platform, options.heartbeatMs, () => this.beat())
    this.decoder = new Decoder(this, {
      maxMessageBytes: own.maxMessageBytes,
      dataFrame: own.dataFrame ?? 1,
      allocate: (size) => platform.allocate(size),
    })
  }

  override drained(): void {
    this.#pongs = 0
  }

  protected override read(chunk: Uint8Array): void {
    this.heartbeat.heard()
    if (this.#gate !== undefined) this.#gate.receive(chunk)
    else if (this.#greeting === undefined) this.decoder.push(chunk)
    else this.#greet(this.#greeting, chunk)
  }

  protected override get holds(): boolean {
    return this.decoder.stopped
  }

  protected override stop(): void {
    this.flowing = false
    this.heartbeat.stop()
    this.decoder.close()
  }

  protected override unmet(reason: Error | undefined): Error {
    const half = this.#gate === undefined ? (this.#greeting?.length ?? 0) > 0 : this.#gate.half
    if (!half) return super.unmet(reason)
    const what = reason === undefined ? 'the peer hung up' : wordsOf(reason)
    const why = 'in the middle of the greeting, as ZeroMQ does when it wants another mechanism'
    return new Error(`${what} ${why}`, { cause: reason })
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

  #keeper(metadata: Uint8Array, maxMessageBytes: number): GateKeeper {
    const session = this
    return {
      metadata,
      maxMessageBytes,
      get closed() {
        return session.state === 'closed'
      },
      admitted: (minor, user) => {
        this.minor = minor
        this.user = user
      },
      traffic: (chunk) => void this.decoder.push(chunk),
      fail: (error) => this.fail(error),
      refused: (error) => this.refused(error),
    }
  }

  #shake(name: string, data: Uint8Array): void {
    if (name === 'ERROR') throw refusedBy(readError(data))
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

  #introduction(metadata: Metadata): Introduction | undefined {
    const value = metadata.get(PROPERTY.toLowerCase())
    // Heartbeats belong to the rules between fanwire peers, so they need 3.1.
    return value === undefined || this.minor === 0 ? undefined : readIntroduction(value)
  }

  /** Tells the peer for good: only libzmq's own refusals look like the passing kind. */
  #refuse(message: string): void {
    this.wire.write(writeError(message))
    this.refused(badPeer(message))
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

  #greet(before: Uint8Array, chunk: Uint8Array): void {
    const missing = GREETING_SIZE - before.length
    const bytes = joined([before, chunk.subarray(0, missing)])
    this.#greeting = bytes
    const greeting = readGreeting(bytes)
    if (greeting === undefined) return
    const { mechanism, minor } = greeting
    if (mechanism !== 'NULL') {
      throw badPeer(`peer wants the mechanism ${printable(mechanism)}, this end has NULL`)
    }
    this.minor = minor
    this.#greeting = undefined
    // Messages may stand behind it, and are kept in memory of the kind in which they come.
    if (chunk.length > missing) this.decoder.push(chunk.subarray(missing))
  }
}

function printable(text: string): string {
  return text.slice(0, 32).replace(/[^\x20-\x7e]/g, '?')
}
