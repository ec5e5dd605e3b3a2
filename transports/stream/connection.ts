import type { Socket } from 'node:net'
import { FanwireError } from '../../lib/errors.js'
import type { Platform, Timer } from '../../lib/platform.js'
import type { Conversation } from '../../lib/session/conversation.js'
import type { Wire } from '../../lib/session/wire.js'
import { tlsWords } from './tls.js'

/** How long a peer may take to hang up after it was told goodbye. */
const LINGER_MS = 1_000

/** The longest delay that every timer takes. */
const LONGEST_MS = 2 ** 31 - 1

/** A socket as the wire of a conversation: passes bytes both ways. */
export class Connection implements Wire {
  /** A server of TLS, which its sockets know, holds its key in the open: whoever prints a link must not see it. */
  readonly #socket: Socket
  #conversation: Conversation | undefined
  #busy = false
  #ended = false
  #error: Error | undefined
  #keepsAlive = true
  /** Set while nothing is read. */
  #vigil: Timer | undefined
  readonly #written = () => {
    // What a destroyed socket still held is called written as well.
    if (!this.#busy || this.#socket.destroyed || this.#socket.writableLength > 0) return
    this.#busy = false
    this.#conversation?.drained()
  }

  constructor(
    socket: Socket,
    private readonly platform: Platform,
  ) {
    this.#socket = socket
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('close', () => this.#conversation?.lost(this.#error && lost(this.#error)))
  }

  /** Says the first words of `conversation`. The socket is connected. */
  begin(conversation: Conversation): void {
    this.#conversation = conversation
    this.#socket.on('data', (chunk) => conversation.receive(chunk))
    this.#socket.on('end', () => conversation.lost(undefined))
    if (conversation.opening.length > 0) this.write(conversation.opening)
    conversation.begin()
  }

  /** The peer has sent something. */
  get heard(): boolean {
    return this.#socket.bytesRead > 0
  }

  write(bytes: Uint8Array): 'taken' | 'busy' {
    if (this.#ended || this.#socket.destroyed) return 'busy'
    this.#socket.write(bytes, this.#written)
    if (this.#socket.writableLength === 0) return 'taken'
    this.#busy = true
    return 'busy'
  }

  get pending(): number {
    const { writableLength } = this.#socket
    return writableLength === 0 ? 0 : writableLength + queued(this.#socket)
  }

  /** Behind bytes that were still to be read, libuv takes a reset for an end. The system has forgotten the peer then. */
  get reset(): boolean {
    const { _handle } = this.#socket as { _handle?: Handle | null }
    return (_handle?.getpeername?.({}) ?? 0) !== 0
  }

  pause(): void {
    this.#socket.pause()
    this.#keepAlive()
  }

  resume(): void {
    this.#vigil?.cancel()
    this.#socket.resume()
  }

  /** Lets the process end although the connection is open. */
  unref(): void {
    this.#keepsAlive = false
    this.#vigil?.cancel()
    this.#socket.unref()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket.end()
    // Closing a socket with unread bytes resets the connection, and the peer could lose the last of what was written.
    this.resume()
    const timer = this.platform.timer(LINGER_MS, () => this.destroy())
    this.#socket.once('close', () => timer.cancel())
  }

  destroy(): void {
    this.#ended = true
    this.#vigil?.cancel()
    // This alone would wait until all is written.
    if (this.#conversation?.torn === true) this.#socket.resetAndDestroy()
    this.#socket.destroy()
  }

  /**
   * A socket that is not read keeps no process alive, and one that waits for bytes does. The application may be about to
   * take what the inbox has, on a signal for instance, or wait to hear that the peer has gone.
   */
  #keepAlive(): void {
    this.#vigil?.cancel()
    if (!this.#keepsAlive) return
    this.#vigil = this.platform.timer(LONGEST_MS, () => this.#keepAlive())
    this.#vigil.ref()
  }
}

/**
 * Bytes of the outstanding write that the kernel has not taken. Node counts a write as done or not done in all that it
 * documents (`writableLength`, `bytesWritten`); only the handle tells how far one has come, and `setTimeout` on a
 * socket is built on just that.
 */
function queued(socket: Socket): number {
  const { _handle } = socket as { _handle?: Handle | null }
  // Over TLS there are two of them: one holds what is encrypted and not yet given to the other.
  return (_handle?.writeQueueSize ?? 0) + (_handle?._parent?.writeQueueSize ?? 0)
}

interface Handle {
  readonly writeQueueSize?: number
  /** 0, or the number of an error. */
  getpeername?(target: object): number
  readonly _parent?: Handle | null
}

function lost(cause: Error): FanwireError {
  return new FanwireError('CONNECT_FAILED', `connection lost: ${tlsWords(cause)}`, { cause })
}
