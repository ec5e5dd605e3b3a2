import type { Address } from '../../lib/address.js'
import { byteString, cloneBytes } from '../../lib/bytes.js'
import { HEADER_SIZE, writeRequest } from '../../lib/framing/moldudp64/header.js'
import { PacketReader } from '../../lib/framing/moldudp64/packet.js'
import { isOfSession, SESSION_SIZE, sessionName } from '../../lib/framing/moldudp64/session.js'
import type { RecoveryTerms } from '../../lib/recovery.js'
import type { ConsumerContext } from '../../lib/transport.js'
import { IncomingLine, type LineSettings, mostBytesOf } from './incoming-line.js'
import { OVER_MS, rejectFlaw, SessionFeed } from './session-feed.js'
import { type ReceiverSetup, type Remote, Sender, type SenderSetup } from './socket.js'

/** How long a session goes on after its sender has begun another one: what is missing may still be asked for. */
const FAREWELL_MS = 1_000
/** Sessions that are over, so that what straggles in of them is not taken for a change back. */
const MOST_PAST_SESSIONS = 16

/** Sessions whose senders have ended them and gone: whoever sends them again may have begun anew. */
const MOST_ENDED = 1_000

const NOTHING = new Uint8Array(0)

export interface SessionLineSettings extends LineSettings {
  /** `one`: the address carries one session at a time, whoever sends it. */
  readonly sessions: 'many' | 'one'
  readonly recovery: RecoveryTerms
}

interface KeyedSender extends Remote {
  readonly session: Uint8Array
  readonly key: string
}

/** One address that carries MoldUDP64, with the request servers that may be asked for what it lost. */
export class SessionLine extends IncomingLine<SessionFeed> {
  readonly #probe = new PacketReader()
  readonly #servers: Sender[] = []
  #requests = 0
  readonly #past: string[] = []
  /** Those whose sender has begun another session. */
  readonly #leaving = new WeakSet<SessionFeed>()
  /** Of each session that was ended the sender that did so last and has gone, by name. */
  readonly #ended = new Map<string, SessionFeed>()
  /** Whoever sent last: nearly always the sender of the next packet, too. */
  #last: KeyedSender = { session: NOTHING, address: '', port: 0, key: '' }

  private constructor(
    context: ConsumerContext,
    private readonly lineSettings: SessionLineSettings,
  ) {
    super(context, lineSettings)
  }

  /** @throws {FanwireError} as sockets do, and then leaves nothing open */
  static async listen(
    address: Address,
    setup: ReceiverSetup,
    servers: readonly Address[],
    asking: SenderSetup,
    settings: SessionLineSettings,
    context: ConsumerContext,
  ): Promise<SessionLine> {
    const line = new SessionLine(context, settings)
    try {
      for (const server of servers) {
        // From a socket of its own: an answer to the group's socket would go to whoever else has bound it.
        const hooks = { drained: () => undefined, onDatagram: (bytes: Uint8Array) => line.#answer(bytes) }
        line.#servers.push(await Sender.open(server, asking, context, hooks))
      }
      await line.open(address, setup)
    } catch (error) {
      await line.close()
      throw error
    }
    return line
  }

  override async close(): Promise<void> {
    await Promise.all([super.close(), ...this.#servers.map((server) => server.close())])
  }

  override unref(): void {
    super.unref()
    for (const server of this.#servers) server.unref()
  }

  override closed(feed: SessionFeed): void {
    super.closed(feed)
    if (feed.over === undefined) return
    const name = sessionName(feed.session)
    this.#ended.delete(name)
    this.#ended.set(name, feed)
    const [oldest] = this.#ended.keys()
    if (this.#ended.size > MOST_ENDED && oldest !== undefined) this.#ended.delete(oldest)
  }

  protected override keyOf(bytes: Uint8Array, remote: Remote): string | undefined {
    if (bytes.length < HEADER_SIZE) {
      rejectFlaw(this, 'runt', remote)
      return undefined
    }
    const key = this.#keyOf(bytes, remote)
    if (!this.#past.includes(key)) return key
    this.reject('stale', `a packet of the session ${sessionName(bytes)}, which is over`, remote)
    return undefined
  }

  protected override welcome(bytes: Uint8Array, remote: Remote): SessionFeed | undefined {
    if (!this.#probe.read(bytes)) {
      rejectFlaw(this, this.#probe.flaw, remote)
      return undefined
    }
    this.#retire(bytes, remote)
    const session = bytes.slice(0, SESSION_SIZE)
    const name = sessionName(session)
    const after = this.#enderOf(session, remote)?.port
    const request =
      this.#servers.length === 0 ? undefined : (from: number, count: number) => this.#ask(session, from, count)
    const port = this.context.open(`${this.url} from ${remote.address}:${remote.port}`, 'accepted')
    const { context, lineSettings } = this
    const mostBytes = mostBytesOf(context, lineSettings)
    const feed = new SessionFeed(session, remote, this, port, this.messages, context, mostBytes, request)
    const { recovery } = lineSettings
    const { requests, ...patience } = recovery
    port.connected(feed, { kind: 'foreign', numbers: true })
    port.started({
      stream: name,
      run: 0,
      next: this.#probe.sequence,
      oldest: 1,
      recovery: request === undefined || requests === undefined ? patience : recovery,
      after,
    })
    return feed
  }

  /** A sender that begins another session has ended the one before. */
  #retire(bytes: Uint8Array, remote: Remote): void {
    for (const feed of this.talkers()) {
      if (isOfSession(bytes, feed.session)) continue
      if (this.lineSettings.sessions === 'many' && !feed.isFrom(remote)) continue
      if (this.#leaving.has(feed)) continue
      this.#leaving.add(feed)
      this.#past.push(this.#keyOf(feed.session, remote))
      if (this.#past.length > MOST_PAST_SESSIONS) this.#past.shift()
      this.context.platform.timer(FAREWELL_MS, () => {
        feed.end(undefined)
        this.closed(feed)
      })
    }
  }

  /** Whoever ended the session here last, unless it may be that one still, or one that is only later than it. */
  #enderOf(session: Uint8Array, remote: Remote): SessionFeed | undefined {
    let last = this.#ended.get(sessionName(session))
    for (const feed of this.talkers()) {
      if (!isOfSession(session, feed.session) || feed.over === undefined) continue
      if (last?.over === undefined || feed.over.since >= last.over.since) last = feed
    }
    if (last?.over === undefined) return undefined
    const now = this.context.platform.now()
    const isAnother = last.isFrom(remote)
      ? now - last.over.at >= OVER_MS
      : now - last.over.since > this.lineSettings.recovery.reorderMs
    return isAnother ? last : undefined
  }

  #keyOf(packet: Uint8Array, { address, port }: Remote): string {
    const last = this.#last
    if (port === last.port && address === last.address && isOfSession(packet, last.session)) return last.key
    const name = byteString(packet, 0, SESSION_SIZE)
    const key = this.lineSettings.sessions === 'one' ? name : `${name} ${address} ${port}`
    this.#last = { session: cloneBytes(packet, 0, SESSION_SIZE), address, port, key }
    return key
  }

  /** Every request goes to the next server: one that does not answer may be gone. */
  #ask(session: Uint8Array, from: number, count: number): void {
    const server = this.#servers[this.#requests++ % this.#servers.length]
    server?.send(writeRequest(session, from, count), NOTHING)
  }

  #answer(bytes: Uint8Array): void {
    for (const feed of this.talkers()) if (isOfSession(bytes, feed.session)) feed.answer(bytes)
  }
}
