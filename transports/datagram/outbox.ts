import type { Socket } from 'node:dgram'
import type { Timer } from '../../lib/platform.js'
import type { TokenBucket } from '../../lib/token-bucket.js'
import type { Fault } from '../../lib/transport.js'
import type { SocketContext } from './bind.js'
import { FaultNotices } from './fault-notices.js'

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nobody has that port open'],
  ['ENODEV', 'its interface was taken away'],
  ['ERR_SOCKET_BAD_PORT', 'its interface was taken away'],
])

/**
 * What may leave at once after the event loop was busy and datagrams have waited for that: up to so long at the pace, and
 * no more than so many bytes, for which every receiver should have room.
 */
const LATE_MS = 50
const LATE_BYTES = 1024 * 1024

export interface Destination {
  readonly address: string
  readonly port: number
}

export interface OutboxCounts {
  /** Datagrams that the system has taken. */
  readonly sent: number
  readonly sentBytes: number
  /** Datagrams that it has refused, or that were waiting when the socket was closed. */
  readonly failed: number
  /** Datagrams that wait, for the system or for the pace. */
  readonly waiting: number
  readonly waitingBytes: number
}

export interface OutboxHooks {
  /** All that was given has left, after somebody was told `'busy'`. */
  drained?(): void
  /** One more has left or failed. */
  settled?(): void
  /** The interface that the socket sends by is no longer the one that it was opened with. */
  strayed?(): void
}

interface Held {
  readonly header: Uint8Array
  readonly run: Uint8Array
  readonly to: Destination | undefined
}

/** Sends through one socket, in order, at its pace, and keeps account of every datagram. */
export class Outbox {
  #sent = 0
  #sentBytes = 0
  #failed = 0
  /** Datagrams whose turn the pace has not let come. */
  readonly #held: Held[] = []
  #heldBytes = 0
  #timer: Timer | undefined
  /** Somebody was told `'busy'` and waits. */
  #owes = false
  #closed = false
  readonly #notices: FaultNotices

  constructor(
    private readonly socket: Socket,
    private readonly remote: string,
    private readonly maxBytes: number,
    private readonly pace: TokenBucket | undefined,
    private readonly context: SocketContext,
    private readonly hooks: OutboxHooks,
  ) {
    this.#notices = new FaultNotices(
      () => context.platform.now(),
      (fault) => context.fault(fault),
    )
  }

  get busy(): boolean {
    // A closed socket has no queue that it could be asked for.
    return !this.#closed && (this.#held.length > 0 || this.socket.getSendQueueCount() > 0)
  }

  get counts(): OutboxCounts {
    const queued = !this.#closed
    return {
      sent: this.#sent,
      sentBytes: this.#sentBytes,
      failed: this.#failed,
      waiting: this.#held.length + (queued ? this.socket.getSendQueueCount() : 0),
      waitingBytes: this.#heldBytes + (queued ? this.socket.getSendQueueSize() : 0),
    }
  }

  /** Both stay untouched until this one has left. Nothing is sent after {@link close}. */
  send(header: Uint8Array, run: Uint8Array, to?: Destination): void {
    if (this.#closed) return
    const size = header.length + run.length
    if (size > this.maxBytes) {
      this.#failed++
      this.#notices.add('TOO_LONG', () => {
        const message = `a datagram of ${size} bytes to ${this.remote} exceeds the ${this.maxBytes} that one can have`
        return { code: 'TOO_LONG', message, remote: this.remote }
      })
    } else if (this.#held.length > 0 || (this.pace?.waitMs ?? 0) > 0) {
      this.#held.push({ header, run, to })
      this.#heldBytes += size
      this.#arm()
    } else {
      this.#transmit(header, run, to)
    }
  }

  /** What to answer to whoever has just sent: `'busy'` is a promise to call `drained`. */
  owe(): 'taken' | 'busy' {
    if (!this.#closed && !this.busy) return 'taken'
    this.#owes = true
    return 'busy'
  }

  /** Trouble that the system tells apart from any datagram, as ICMP errors are. */
  trouble(error: NodeJS.ErrnoException): void {
    this.#notices.add(error.code ?? error.message, () => this.#fault(error))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    this.#failed += this.#held.length
    this.#held.length = 0
    this.#heldBytes = 0
  }

  // One function for all datagrams: it costs nothing that can be measured beside the system call, and without a callback
  // Node keeps quiet about a datagram that the system has refused.
  readonly #settled = (error: Error | null, bytes: number): void => {
    if (error) {
      this.#failed++
      if (!this.#closed) this.#failedWith(error)
    } else {
      this.#sent++
      this.#sentBytes += bytes
    }
    this.#settle()
  }

  #transmit(header: Uint8Array, run: Uint8Array, to: Destination | undefined): void {
    this.pace?.take(header.length + run.length)
    const parts = header.length === 0 ? run : [header, run]
    try {
      if (to === undefined) this.socket.send(parts, this.#settled)
      else this.socket.send(parts, to.port, to.address, this.#settled)
    } catch (error) {
      this.#settled(error as Error, 0)
    }
  }

  #failedWith(error: NodeJS.ErrnoException): void {
    this.trouble(error)
    // The second is what Node says when connecting anew has failed.
    if (error.code === 'ENODEV' || error.code === 'ERR_SOCKET_BAD_PORT') this.hooks.strayed?.()
  }

  #settle(): void {
    this.hooks.settled?.()
    if (!this.#owes || this.#closed || this.busy) return
    this.#owes = false
    this.hooks.drained?.()
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#held.length === 0) return
    this.#timer = this.context.platform.timer(this.pace?.waitMs ?? 0, () => {
      this.#timer = undefined
      this.pace?.waited(Math.min((this.pace.perSecond * LATE_MS) / 1_000, LATE_BYTES))
      while (this.#held.length > 0 && (this.pace?.waitMs ?? 0) <= 0) {
        const { header, run, to } = this.#held.shift() as Held
        this.#heldBytes -= header.length + run.length
        this.#transmit(header, run, to)
      }
      this.#arm()
      this.#settle()
    })
    // A datagram that waits for its turn is work to be done.
    this.#timer.ref()
  }

  #fault(error: NodeJS.ErrnoException): Fault {
    const { remote } = this
    if (error.code === 'EMSGSIZE') {
      const message = `a datagram to ${remote} is larger than the network takes: ${error.message}; send smaller ones`
      return { code: 'TOO_LONG', message, remote, cause: error }
    }
    const why = REASONS.get(error.code ?? '') ?? error.message
    return { code: 'SEND_FAILED', message: `a datagram to ${remote} got lost at once: ${why}`, remote, cause: error }
  }
}
