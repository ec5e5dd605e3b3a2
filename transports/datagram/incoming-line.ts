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

/** One address that a consumer hears, with everybody who sends to it. */
export abstract class IncomingLine<T extends Talker> implements Line<T> {
  /** By whatever tells senders apart, with the beats since something came from them. */
  readonly #talkers = new Map<string, { readonly talker: T; silent: number }>()
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
    for (const { talker } of this.#talkers.values()) talker.end(undefined)
    this.#talkers.clear()
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
    for (const [key, known] of this.#talkers) if (known.talker === talker) this.#talkers.delete(key)
    this.roomy(talker)
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

  /** A sender is heard for the first time. Undefined when it is not one, which has been counted. */
  protected abstract welcome(bytes: Uint8Array, remote: Remote): T | undefined

  protected talkers(): Iterable<T> {
    return Array.from(this.#talkers.values(), ({ talker }) => talker)
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

  #meet(key: string, bytes: Uint8Array, remote: Remote): { readonly talker: T; silent: number } | undefined {
    const { maxLinks } = this.settings
    if (this.#talkers.size >= maxLinks) {
      this.reject(
        'tooMany',
        `there are ${maxLinks} senders (maxLinks) already; a datagram of another one is ignored`,
        remote,
      )
      return undefined
    }
    const talker = this.welcome(bytes, remote)
    if (talker === undefined) return undefined
    const known = { talker, silent: 0 }
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
