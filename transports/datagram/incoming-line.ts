import type { Address } from '../../lib/address.js'
import { FanwireError } from '../../lib/errors.js'
import { BodyCounts, type BodySettings, MessageReader } from '../../lib/message-reader.js'
import type { Timer } from '../../lib/platform.js'
import type { ConsumerContext } from '../../lib/transport.js'
import { FaultNotices } from './fault-notices.js'
import { Receiver, type ReceiverCounts, type ReceiverSetup, type Remote } from './socket.js'

/** After so many heartbeats without any datagram a line is stale, and its group is joined anew. */
const STALE_BEATS = 3
/** After so many a sender is given up, and a stale group joined once more. */
const SILENT_BEATS = 10

/** One sender on a line. */
export interface Talker {
  /** Takes a datagram of its. */
  receive(bytes: Uint8Array, remote: Remote): void
  end(reason: Error | undefined): void
}

/** How a talker tells its line of itself. */
export interface Line<T> {
  /** It has no room: nothing more for now. */
  full(talker: T): void
  roomy(talker: T): void
  /** The core wants to hear no more of it. */
  closed(talker: T): void
  /** This datagram of its address is of somebody who has taken its place. */
  replaced(talker: T, bytes: Uint8Array, remote: Remote): void
  /** A datagram was of no use. */
  reject(kind: string, message: string, remote: Remote): void
}

export interface LineSettings extends BodySettings {
  readonly heartbeatMs: number
  /** Senders at a time. */
  readonly maxLinks: number
}

export interface LineCounts extends ReceiverCounts {
  readonly url: string
  /** What the system has granted. */
  readonly receiveBufferBytes: number
  /** Nothing was heard for three heartbeats. */
  readonly stale: boolean
  /** Messages that should have a topic and have none. */
  readonly bare: number
  /** Messages of which `topicOf` could not tell the topic. */
  readonly unnamed: number
  /** Datagrams that were of no use, by what was wrong with them. */
  readonly rejected: Readonly<Record<string, number>>
}

interface Known<T> {
  readonly talker: T
  /** Beats since something came from it. */
  silent: number
}

/** Another one has taken a sender's place, which may still say what it has to for a while. */
interface Farewell {
  readonly timer: Timer
  leave(): void
}

/** One address that a consumer hears, with everybody who sends to it. */
export abstract class IncomingLine<T extends Talker> implements Line<T> {
  /** By whatever tells senders apart. */
  readonly #talkers = new Map<string, Known<T>>()
  /** Those of whom others have taken the place, the first to do so first. */
  readonly #leaving = new Map<T, Farewell>()
  readonly #rejected = new Map<string, number>()
  readonly #notices: FaultNotices
  readonly #full = new Set<T>()
  readonly #bodies = new BodyCounts()
  protected readonly messages: MessageReader
  /** Beats since anything was heard. */
  #silent = 0
  #receiver: Receiver | undefined
  #beat: Timer | undefined

  protected constructor(
    protected readonly context: ConsumerContext,
    private readonly settings: LineSettings,
  ) {
    this.#notices = new FaultNotices(
      () => context.platform.now(),
      (fault) => context.fault(fault),
    )
    this.messages = new MessageReader(settings, context.platform, this.#bodies, ({ message, ...fault }) =>
      context.fault({ ...fault, message: `${this.url}: ${message}`, remote: this.url }),
    )
  }

  /** Begins to hear. */
  protected async open(address: Address, setup: ReceiverSetup): Promise<void> {
    this.#receiver = await Receiver.open(address, setup, this.context, (bytes, remote) => this.#hear(bytes, remote))
    this.#watch()
  }

  get url(): string {
    return this.#receiver?.url ?? ''
  }

  get counts(): LineCounts {
    const { url, receiveBufferBytes, counts } = this.#receiver as Receiver
    const { bare, unnamed } = this.#bodies
    const stale = this.#silent >= STALE_BEATS
    return { url, receiveBufferBytes, ...counts, stale, bare, unnamed, rejected: Object.fromEntries(this.#rejected) }
  }

  async close(): Promise<void> {
    this.#beat?.cancel()
    for (const { timer } of this.#leaving.values()) timer.cancel()
    this.#leaving.clear()
    const talkers = this.talkers()
    this.#talkers.clear()
    for (const talker of talkers) talker.end(undefined)
    await this.#receiver?.close()
  }

  unref(): void {
    this.#receiver?.unref()
  }

  full(talker: T): void {
    this.#full.add(talker)
    this.#receiver?.pause()
  }

  roomy(talker: T): void {
    if (this.#full.delete(talker) && this.#full.size === 0) this.#receiver?.resume()
  }

  closed(talker: T): void {
    for (const [key, known] of this.#talkers) {
      if (known.talker !== talker) continue
      this.#talkers.delete(key)
      this.#leaving.get(talker)?.timer.cancel()
      this.#leaving.delete(talker)
      this.roomy(talker)
      this.gone(talker)
      return
    }
  }

  replaced(talker: T, bytes: Uint8Array, remote: Remote): void {
    talker.end(undefined)
    this.closed(talker)
    this.#hear(bytes, remote)
  }

  reject(kind: string, message: string, { address, port }: Remote): void {
    this.#rejected.set(kind, (this.#rejected.get(kind) ?? 0) + 1)
    const remote = `${address}:${port}`
    this.#notices.add(kind, () => ({ code: 'BAD_PEER', message: `${message}, from ${remote} on ${this.url}`, remote }))
  }

  /** What tells the sender from others; undefined when the datagram is of no use, which has been counted. */
  protected abstract keyOf(bytes: Uint8Array, remote: Remote): string | undefined

  /**
   * Somebody is heard for the first time: sends away those whose place it takes. False when it is no sender, which has
   * been counted.
   */
  protected admits(_key: string, _bytes: Uint8Array, _remote: Remote): boolean {
    return true
  }

  /** Somebody who was admitted begins to be heard. */
  protected abstract welcome(bytes: Uint8Array, remote: Remote): T

  /** A sender is heard no more. */
  protected gone(_talker: T): void {}

  protected talkers(): readonly T[] {
    return Array.from(this.#talkers.values(), ({ talker }) => talker)
  }

  protected hears(key: string): boolean {
    return this.#talkers.has(key)
  }

  protected isLeaving(talker: T): boolean {
    return this.#leaving.has(talker)
  }

  /** Another one has taken its place: hears it for so long, or until too many others have to leave. */
  protected dismiss(talker: T, afterMs: number): void {
    const leave = () => {
      talker.end(undefined)
      this.closed(talker)
    }
    this.#leaving.set(talker, { timer: this.context.platform.timer(afterMs, leave), leave })
    if (this.#leaving.size <= this.settings.maxLinks) return
    const [first] = this.#leaving.values()
    first?.leave()
  }

  #hear(bytes: Uint8Array, remote: Remote): void {
    this.#silent = 0
    const key = this.keyOf(bytes, remote)
    if (key === undefined) return
    const known = this.#talkers.get(key) ?? this.#meet(key, bytes, remote)
    if (known === undefined) return
    known.silent = 0
    known.talker.receive(bytes, remote)
  }

  #meet(key: string, bytes: Uint8Array, remote: Remote): Known<T> | undefined {
    const { maxLinks } = this.settings
    if (!this.admits(key, bytes, remote)) return undefined
    if (this.#talkers.size - this.#leaving.size >= maxLinks) {
      this.reject(
        'tooMany',
        `there are ${maxLinks} senders (maxLinks) already; a datagram of another one is ignored`,
        remote,
      )
      return undefined
    }
    const known = { talker: this.welcome(bytes, remote), silent: 0 }
    this.#talkers.set(key, known)
    return known
  }

  #watch(): void {
    const { heartbeatMs } = this.settings
    this.#beat = this.context.platform.timer(heartbeatMs, () => {
      this.#watch()
      // Nothing is heard while nothing is read.
      if (this.#full.size > 0) return
      this.#silent++
      if (this.#silent % SILENT_BEATS === STALE_BEATS) this.#receiver?.rejoin()
      for (const known of this.#talkers.values()) {
        if (++known.silent < SILENT_BEATS) continue
        known.talker.end(new FanwireError('SILENT', `nothing was heard for ${SILENT_BEATS * heartbeatMs} ms`))
        this.closed(known.talker)
      }
    })
  }
}

/** The longest body that a consumer accepts: topic and data, and what stands between them. */
export function mostBytesOf({ maxMessageBytes }: ConsumerContext, { body }: BodySettings): number {
  return maxMessageBytes + (body === 'topic' ? 1 : 0)
}

export function rejectTooLong(line: Line<never>, { maxMessageBytes }: ConsumerContext, remote: Remote): void {
  line.reject('tooLong', `a message above maxMessageBytes, ${maxMessageBytes}`, remote)
}
