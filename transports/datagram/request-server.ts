import type { Address } from '../../lib/address.js'
import { writeHeader } from '../../lib/framing/moldudp64/header.js'
import { readRequest } from '../../lib/framing/moldudp64/request.js'
import { isOfSession } from '../../lib/framing/moldudp64/session.js'
import { TokenBucket } from '../../lib/token-bucket.js'
import type { Carrier, LogPort, ProducerContext } from '../../lib/transport.js'
import { Receiver, type Remote } from './socket.js'

/** Clients whose rate is kept; beyond them the one that was quiet for longest is forgotten. */
const MOST_CLIENTS = 1_024
/** Requests are small, and more than this many of them that wait are a flood. */
const BUFFER_BYTES = 256 * 1024

export interface RequestServerSettings {
  readonly session: Uint8Array
  readonly maxRun: Carrier['maxRun']
  /** The number after the last that was sent: a receiver that asks must not get ahead of the others. */
  readonly sent: () => number
  /** Bytes a second for one client's address; four times as many for all of them. */
  readonly answerRate: number
}

export interface RequestCounts {
  readonly url: string
  readonly answered: number
  /** Requests without an answer, by what was wrong with them. */
  readonly refused: Readonly<Record<string, number>>
}

/**
 * Sends again what receivers have lost, from what the log retains: one request, one packet to whoever asked. A forged
 * request is answered to somebody who never asked, so that rates are limited by address and in all.
 */
export class RequestServer {
  #receiver: Receiver | undefined
  #answered = 0
  readonly #refused = new Map<string, number>()
  readonly #all: TokenBucket
  readonly #clients = new Map<string, TokenBucket>()

  private constructor(
    private readonly log: LogPort,
    private readonly settings: RequestServerSettings,
    private readonly context: ProducerContext,
  ) {
    this.#all = new TokenBucket(4 * settings.answerRate, () => context.platform.now())
  }

  /** @throws {FanwireError} `ADDRESS_IN_USE`, `OPEN_FAILED`, or the signal's reason */
  static async listen(
    address: Address,
    log: LogPort,
    settings: RequestServerSettings,
    context: ProducerContext,
  ): Promise<RequestServer> {
    const server = new RequestServer(log, settings, context)
    const onDatagram = (bytes: Uint8Array, remote: Remote) => server.#answer(bytes, remote)
    server.#receiver = await Receiver.open(address, { receiveBufferBytes: BUFFER_BYTES }, context, onDatagram)
    return server
  }

  get url(): string {
    return (this.#receiver as Receiver).url
  }

  get counts(): RequestCounts {
    return { url: this.url, answered: this.#answered, refused: Object.fromEntries(this.#refused) }
  }

  async close(): Promise<void> {
    await this.#receiver?.close()
  }

  unref(): void {
    this.#receiver?.unref()
  }

  #answer(bytes: Uint8Array, remote: Remote): void {
    const refusal = this.#reply(bytes, remote)
    if (refusal === undefined) this.#answered++
    else this.#refused.set(refusal, (this.#refused.get(refusal) ?? 0) + 1)
  }

  /** Returns why there is no answer. */
  #reply(bytes: Uint8Array, remote: Remote): string | undefined {
    const { session, maxRun, sent } = this.settings
    const request = readRequest(bytes)
    if (typeof request === 'string') return request
    if (!isOfSession(bytes, session)) return 'session'
    // What has left the log cannot be had: the oldest there is tells the receiver so.
    const first = Math.max(request.first, this.log.oldest)
    const messages = Math.min(request.count, maxRun.messages, sent() - first)
    const found = this.log.read(first, { bytes: maxRun.bytes, messages })
    if (found === undefined) return 'unknown'
    const client = this.#clientOf(remote)
    if (client.waitMs > 0 || this.#all.waitMs > 0) return 'tooFast'
    const header = writeHeader(session, first, found.count)
    // It copies: by the time that a busy socket comes to it, the log may have given its memory away.
    const reply = this.#receiver?.reply(remote, header, found.run)
    if (reply !== 'sent') return reply === 'nowhere' ? reply : 'busy'
    client.take(header.length + found.run.length)
    this.#all.take(header.length + found.run.length)
    return undefined
  }

  #clientOf({ address }: Remote): TokenBucket {
    const known = this.#clients.get(address)
    const client = known ?? new TokenBucket(this.settings.answerRate, () => this.context.platform.now())
    // Behind all others, as the one that was heard last.
    this.#clients.delete(address)
    this.#clients.set(address, client)
    for (const oldest of this.#clients.keys()) {
      if (this.#clients.size <= MOST_CLIENTS) break
      this.#clients.delete(oldest)
    }
    return client
  }
}
