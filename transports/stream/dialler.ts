import type { Socket } from 'node:net'
import type { Address } from '../../lib/address.js'
import { FanwireError, wordsOf } from '../../lib/errors.js'
import type { Timer } from '../../lib/platform.js'
import type { Conversation, Ending } from '../../lib/session/conversation.js'
import { Connection } from './connection.js'
import { call, closed } from './endpoint.js'
import type { Port, Side } from './side.js'
import { certificateOf, isTlsFailure, type Tls, tlsWords } from './tls.js'

/**
 * Each attempt is `connecting`, then `handshaking`, then `open`; whatever ends it, the dialler is `waiting` until the
 * next one, and only `close` or the end of the link ends that. Every change is published as `fanwire:dial`.
 */
export type DiallerState = 'connecting' | 'handshaking' | 'open' | 'waiting' | 'closed'

/** Keeps one link connected to an address for as long as it is wanted. */
export class Dialler<P extends Port> {
  #state: DiallerState = 'waiting'
  /** Attempts in a row that came to nothing, or to a connection that did not last. */
  #failures = 0
  /** How long it waited before the last attempt, in milliseconds, and when that opened a connection. */
  #waitedMs = 0
  #openedAt = 0
  #socket: Socket | undefined
  #connection: Connection | undefined
  #conversation: Conversation | undefined
  #timer: Timer | undefined
  #keepsAlive = true
  readonly #port: P
  readonly #sockets = new Set<Socket>()

  constructor(
    private readonly side: Side<P>,
    private readonly address: Address,
    private readonly tls?: Tls,
  ) {
    this.#port = side.open(address, address.url, 'dialled')
  }

  dial(): void {
    if (this.#port.ended) {
      this.#become('closed')
      return
    }
    const { platform } = this.side.context
    const { handshakeMs } = this.side.options
    const socket = call(this.address, this.tls)
    if (!this.#keepsAlive) socket.unref()
    this.#socket = socket
    this.#sockets.add(socket)
    this.#become('connecting')
    let failure: Error | undefined
    socket.on('error', (error) => {
      failure = error
    })
    const tooLate = () => socket.destroy(new Error(`no answer in ${handshakeMs} ms`))
    const deadline = platform.timer(handshakeMs, tooLate)
    const refused = () => {
      deadline.cancel()
      this.#failed(failure)
    }
    socket.once('close', refused)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.once(this.tls === undefined ? 'connect' : 'secureConnect', () => {
      if (isOwnEcho(socket)) {
        socket.destroy(new Error('nobody listens there, and the socket has met itself'))
        return
      }
      deadline.cancel()
      socket.off('close', refused)
      this.#handshake(socket)
    })
  }

  /** Stops dialling, and cuts what is half open. With `all` what is open, too. Settles when the sockets are closed. */
  async close(all: boolean): Promise<void> {
    const before = this.#state
    this.#become('closed')
    this.#timer?.cancel()
    if (before === 'open' && !all) return
    if (before === 'open') this.#conversation?.close()
    else if (before !== 'waiting' && before !== 'closed') this.#socket?.destroy()
    this.#port.end(undefined)
    await Promise.all(Array.from(this.#sockets, closed))
  }

  unref(): void {
    this.#keepsAlive = false
    this.#socket?.unref()
    this.#connection?.unref()
    // The timer was told to keep the process alive, and there is no way to take that back.
    if (this.#timer === undefined) return
    this.#timer.cancel()
    this.#wait(0)
  }

  #handshake(socket: Socket): void {
    if (this.#port.ended) this.#become('closed')
    if (this.#state === 'closed') {
      socket.destroy()
      return
    }
    this.#become('handshaking')
    const connection = new Connection(socket, this.side.context.platform)
    if (!this.#keepsAlive) connection.unref()
    this.#connection = connection
    this.#conversation = this.side.converse(this.address, {
      wire: connection,
      remote: this.address.url,
      certificate: certificateOf(socket),
      claim: () => this.#port,
      opened: () => {
        // Nobody would be there to speak to.
        if (this.#port.ended) {
          this.#conversation?.close()
          return
        }
        this.#openedAt = this.side.context.platform.now()
        this.#become('open')
      },
      flowing: () => {
        this.#failures = 0
      },
      closed: (ending, reason) => this.#ended(ending, reason),
    })
    connection.begin(this.#conversation)
  }

  #ended(ending: Ending, reason: Error | undefined): void {
    this.#conversation = undefined
    if (this.#state === 'closed') {
      this.#port.end(reason)
      return
    }
    if (ending === 'unmet') {
      this.#failed(new Error(this.#unmet(reason), { cause: reason }))
      return
    }
    // A peer that leaves sooner than it was waited for is no reason to come back at once.
    const lived = this.side.context.platform.now() - this.#openedAt
    if (this.#state === 'open' && lived >= this.#waitedMs) this.#failures = 0
    if (ending === 'lost' && reason !== undefined) this.#report(reason)
    // Whoever breaks the protocol once, or does not want this end, will most likely do it again.
    const broken = ending === 'failed' && reason instanceof FanwireError && /^(BAD_PEER|REFUSED)$/.test(reason.code)
    this.#wait(broken ? this.side.options.reconnectMaxMs : this.#pause())
  }

  /** Why nothing came of a connection. The wire has no word for some of it after which libzmq would come back. */
  #unmet(reason: Error | undefined): string {
    if (isTlsFailure(reason?.cause) || this.#connection?.heard === true) return wordsOf(reason)
    const certificate = this.tls === undefined ? '' : ', or when it does not accept the certificate of this end'
    return `${wordsOf(reason)}, as happens when all maxLinks of a listener are taken, or when it wants another mechanism${certificate}`
  }

  #failed(cause: Error | undefined): void {
    if (this.#state === 'closed') return
    const why = reasons(cause) || 'the peer hung up'
    this.#report(new FanwireError('CONNECT_FAILED', `cannot connect to ${this.address.url}: ${why}`, { cause }))
    this.#wait(this.#pause())
  }

  #report(error: Error): void {
    const { url } = this.address
    this.side.context.fault({ code: 'CONNECT_FAILED', message: error.message, remote: url, cause: error.cause })
  }

  /** Twice as long after every failure. */
  #pause(): number {
    const { reconnectMinMs, reconnectMaxMs } = this.side.options
    return Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(30, this.#failures++))
  }

  /** Waits for half of `delayMs` to all of it, so that many who lost the same peer do not come back together. */
  #wait(delayMs: number): void {
    const { platform } = this.side.context
    if (this.#port.ended) {
      this.#become('closed')
      return
    }
    this.#become('waiting')
    const [byte = 0] = platform.random(new Uint8Array(1))
    this.#waitedMs = delayMs * (0.5 + byte / 512)
    this.#timer = platform.timer(this.#waitedMs, () => {
      this.#timer = undefined
      this.dial()
    })
    if (this.#keepsAlive) this.#timer.ref()
  }

  #become(state: DiallerState): void {
    const from = this.#state
    if (from === state) return
    this.#state = state
    this.side.context.platform.diagnose('dial', () => ({ url: this.address.url, from, to: state }))
  }
}

/** A name with several addresses fails by an error that says nothing itself: each of its addresses has its own. */
function reasons(cause: Error | undefined): string {
  if (cause === undefined) return ''
  if (!(cause instanceof AggregateError) || cause.message !== '') return tlsWords(cause)
  return cause.errors.map(({ message }: Error) => message).join(', ')
}

/**
 * A call from the very port that it goes to is answered by itself (TCP's simultaneous open): where nobody listens on a
 * port of the range that the system takes callers' ports from, it happens sooner or later to whoever keeps dialling.
 */
function isOwnEcho({ localAddress, localPort, remoteAddress, remotePort }: Socket): boolean {
  return localPort !== undefined && localPort === remotePort && localAddress === remoteAddress
}
