import type { Address } from '../../lib/address.js'
import { byteString, cloneBytes } from '../../lib/bytes.js'
import { HEADER_SIZE, writeRequest } from '../../lib/framing/moldudp64/header.js'
import { PacketReader } from '../../lib/framing/moldudp64/packet.js'
import { isOfSession, SESSION_SIZE, sessionName } from '../../lib/framing/moldudp64/session.js'
import type { Range, RecoveryTerms } from '../../lib/recovery.js'
import type { ConsumerContext, ConsumerPort } from '../../lib/transport.js'
import { IncomingLine, type LineSettings, mostBytesOf } from './incoming-line.js'
import { OVER_MS, type Over, rejectFlaw, SessionFeed } from './session-feed.js'
import { type ReceiverSetup, type Remote, Sender, type SenderSetup } from './socket.js'

/** How long a session goes on after its sender has begun another one: what is missing may still be asked for. */
const FAREWELL_MS = 1_000
/** Sessions that are over, so that what straggles in of them is not taken for a change back. */
const MOST_PAST_SESSIONS = 16
/** Sessions whose senders have ended them and gone, and for how long: whoever sends them again may have begun anew. */
const MOST_ENDED = 1_000
const ENDED_MS = 24 * 60 * 60 * 1_000

/** Requests whose answers may still come. */
const MOST_ASKED = 512

const NOTHING = new Uint8Array(0)

export interface SessionLineSettings extends LineSettings {
  /** `one`: the address carries one session at a time, whoever sends it. */
  readonly sessions: 'many' | 'one'
  readonly recovery: RecoveryTerms
}

/** Who has ended a session. */
interface Ender {
  readonly over: Over
  readonly remote: Remote
  readonly port: ConsumerPort
}

/** What was asked for and not answered yet. */
interface Asked extends Range {
  readonly feed: SessionFeed
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
  readonly #answered = new PacketReader()
  /** The oldest first. */
  #asked: Asked[] = []
  /** Sessions that are over, and the one that has taken the place of each, by their keys. */
  readonly #past = new Map<string, string>()
  /** Of each session that was ended, of those who did so and have gone the last to do so, by name. */
  readonly #ended = new Map<string, Ender>()
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

  protected override gone(feed: SessionFeed): void {
    this.#asked = this.#asked.filter((asked) => asked.feed !== feed)
    const { over, session, remote, port } = feed
    if (over === undefined) return
    const name = sessionName(session)
    const known = this.#ended.get(name)
    if (known !== undefined && known.over.since > over.since) return
    this.#ended.delete(name)
    this.#ended.set(name, { over, remote, port })
    const now = this.context.platform.now()
    for (const [oldest, ended] of this.#ended) {
      if (this.#ended.size <= MOST_ENDED && now - ended.over.at <= ENDED_MS) break
      this.#ended.delete(oldest)
    }
  }

  protected override keyOf(bytes: Uint8Array, remote: Remote): string | undefined {
    if (bytes.length < HEADER_SIZE) {
      rejectFlaw(this, 'runt', remote)
      return undefined
    }
    const key = this.#keyOf(bytes, remote)
    const successor = this.#past.get(key)
    if (successor === undefined) return key
    if (this.hears(successor)) {
      this.reject('stale', `a packet of the session ${sessionName(bytes)}, which is over`, remote)
      return undefined
    }
    // Whoever took its place has gone, or was never there: anybody can forge a datagram.
    this.#past.delete(key)
    return key
  }

  protected override admits(key: string, bytes: Uint8Array, remote: Remote): boolean {
    if (!this.#probe.read(bytes)) {
      rejectFlaw(this, this.#probe.flaw, remote)
      return false
    }
    for (const feed of this.talkers()) {
      if (isOfSession(bytes, feed.session) || this.isLeaving(feed)) continue
      // A sender that begins another session has ended the one before.
      if (this.lineSettings.sessions === 'one' || isSame(feed.remote, remote)) this.#retire(feed, key)
    }
    return true
  }

  protected override welcome(bytes: Uint8Array, remote: Remote): SessionFeed {
    const session = bytes.slice(0, SESSION_SIZE)
    const name = sessionName(session)
    const after = this.#enderOf(session, remote)?.port
    const request =
      this.#servers.length === 0 ? undefined : (from: number, count: number) => this.#ask(feed, from, count)
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

  #retire(feed: SessionFeed, successor: string): void {
    const key = this.#keyOf(feed.session, feed.remote)
    for (const [past, by] of this.#past) if (by === key) this.#past.set(past, successor)
    this.#past.delete(key)
    this.#past.set(key, successor)
    const [oldest] = this.#past.keys()
    if (this.#past.size > MOST_PAST_SESSIONS && oldest !== undefined) this.#past.delete(oldest)
    this.dismiss(feed, FAREWELL_MS)
  }

  /** Whoever ended the session here last, unless it may be that one still, or one that is only later than it. */
  #enderOf(session: Uint8Array, remote: Remote): Ender | undefined {
    let last = this.#ended.get(sessionName(session))
    for (const { session: other, over, remote, port } of this.talkers()) {
      if (over === undefined || !isOfSession(session, other)) continue
      if (last === undefined || over.since >= last.over.since) last = { over, remote, port }
    }
    if (last === undefined) return undefined
    const now = this.context.platform.now()
    const isAnother = isSame(last.remote, remote)
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
  #ask(feed: SessionFeed, from: number, count: number): void {
    this.#asked.push({ feed, from, to: from + count })
    if (this.#asked.length > MOST_ASKED) this.#asked.shift()
    const server = this.#servers[this.#requests++ % this.#servers.length]
    server?.send(writeRequest(feed.session, from, count), NOTHING)
  }

  /** Goes to whoever asked first for any of it; what is no longer there is answered with the oldest that is. */
  #answer(bytes: Uint8Array): void {
    if (!this.#answered.read(bytes)) return
    const { sequence, next } = this.#answered
    const own = this.#asked.filter(({ feed }) => isOfSession(bytes, feed.session))
    const asked = own.find(({ from, to }) => from < next && sequence < to) ?? own.find(({ from }) => from <= sequence)
    if (asked === undefined) return
    this.#asked.splice(this.#asked.indexOf(asked), 1)
    asked.feed.answer(bytes)
  }
}

function isSame(one: Remote, other: Remote): boolean {
  return one.port === other.port && one.address === other.address
}
