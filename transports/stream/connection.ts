import type { Socket } from 'node:net'
import { FanwireError } from '../../lib/errors.js'
import { badPeer } from '../../lib/framing/zmtp/bytes.js'
import { GREETING_SIZE, readGreeting, writeGreeting } from '../../lib/framing/zmtp/greeting.js'
import type { Platform, Timer } from '../../lib/platform.js'
import type { Session } from '../../lib/session/session.js'
import type { Wire } from '../../lib/session/wire.js'

/** How long a peer may take to hang up after it was told goodbye. */
const LINGER_MS = 1_000

/** The longest delay that every timer takes. */
const LONGEST_MS = 2 ** 31 - 1

/** A socket as the wire of a session: greets the peer, then passes bytes both ways. */
export class Connection implements Wire {
  #session: Session | undefined
  /** The peer's greeting as far as it has arrived; undefined once it is complete. */
  #greeting: Buffer | undefined = Buffer.alloc(0)
  #busy = false
  #ended = false
  #error: Error | undefined
  #keepsAlive = true
  /** Set while nothing is read. */
  #vigil: Timer | undefined
  readonly #written = () => {
    // What a destroyed socket still held is called written as well.
    if (!this.#busy || this.socket.destroyed || this.socket.writableLength > 0) return
    this.#busy = false
    this.#session?.drained()
  }

  constructor(
    private readonly socket: Socket,
    private readonly platform: Platform,
  ) {
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('close', () => this.#session?.lost(this.#error && lost(this.#error)))
  }

  /** Greets the peer on behalf of `session`. The socket is connected. */
  begin(session: Session): void {
    this.#session = session
    this.socket.on('data', (chunk) => this.#receive(chunk))
    this.socket.on('end', () => session.lost(undefined))
    // Peers wait for both, and neither depends on what the peer says.
    this.write(Buffer.concat([writeGreeting(), session.ready]))
  }

  /** The peer has sent something. */
  get heard(): boolean {
    return this.#greeting === undefined || this.#greeting.length > 0
  }

  write(bytes: Uint8Array): 'taken' | 'busy' {
    if (this.#ended || this.socket.destroyed) return 'busy'
    this.socket.write(bytes, this.#written)
    if (this.socket.writableLength === 0) return 'taken'
    this.#busy = true
    return 'busy'
  }

  get pending(): number {
    const { writableLength } = this.socket
    return writableLength === 0 ? 0 : writableLength + queued(this.socket)
  }

  pause(): void {
    this.socket.pause()
    this.#keepAlive()
  }

  resume(): void {
    this.#vigil?.cancel()
    this.socket.resume()
  }

  /** Lets the process end although the connection is open. */
  unref(): void {
    this.#keepsAlive = false
    this.#vigil?.cancel()
    this.socket.unref()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.socket.end()
    // Closing a socket with unread bytes resets the connection, and the peer could lose the last of what was written.
    this.resume()
    const timer = this.platform.timer(LINGER_MS, () => this.socket.destroy())
    this.socket.once('close', () => timer.cancel())
  }

  destroy(): void {
    this.#ended = true
    this.#vigil?.cancel()
    this.socket.destroy()
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

  #receive(chunk: Buffer): void {
    const session = this.#session as Session
    if (this.#greeting === undefined) session.receive(chunk)
    else if (session.state !== 'closed') this.#greet(session, Buffer.concat([this.#greeting, chunk]))
  }

  #greet(session: Session, bytes: Buffer): void {
    this.#greeting = bytes
    try {
      const greeting = readGreeting(bytes)
      if (greeting === undefined) return
      if (greeting.mechanism !== 'NULL') {
        const shown = greeting.mechanism.replace(/[^\x20-\x7e]/g, '?')
        throw badPeer(`peer wants the mechanism ${shown}, this end has NULL`)
      }
      session.minor = greeting.minor
    } catch (error) {
      session.fail(error)
      return
    }
    this.#greeting = undefined
    if (bytes.length > GREETING_SIZE) session.receive(bytes.subarray(GREETING_SIZE))
  }
}

/**
 * Bytes of the outstanding write that the kernel has not taken. Node counts a write as done or not done in all that it
 * documents (`writableLength`, `bytesWritten`); only the handle tells how far one has come, and `setTimeout` on a
 * socket is built on just that.
 */
function queued(socket: Socket): number {
  const { _handle } = socket as { _handle?: { readonly writeQueueSize?: number } | null }
  return _handle?.writeQueueSize ?? 0
}

function lost(cause: Error): FanwireError {
  return new FanwireError('CONNECT_FAILED', `connection lost: ${cause.message}`, { cause })
}
