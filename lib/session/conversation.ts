import { badPeer } from '../framing/bad-peer.js'
import type { Timer } from '../platform.js'
import type { Context } from '../transport.js'
import { reportFailure } from './report.js'
import type { Wire } from './wire.js'

/** What the option table of a transport with handshakes must provide. */
export interface ConversationOptions {
  readonly handshakeMs: number
}

/**
 * Who ended a conversation: this side because of what the peer did, the peer or the system after the handshake or in the
 * middle of it, or the core.
 */
export type Ending = 'failed' | 'lost' | 'unmet' | 'closed'

export interface ConversationSetup<C extends Context, O extends ConversationOptions = ConversationOptions> {
  readonly context: C
  readonly options: O
  readonly remote: string
  /** The handshake is done. */
  readonly opened?: () => void
  /** START and STREAM are said, so that messages flow. Of foreign peers, who say neither, nobody is told. */
  readonly flowing?: () => void
  /** It is over; called once. A failure has been reported already; what is `unmet` has a reason always. */
  readonly closed: (ending: Ending, reason: Error | undefined) => void
}

/**
 * One connection between two ends, from the first byte to the last, whatever they speak: it has a deadline for the
 * handshake, and one end. What moves the bytes is the wire's.
 */
export abstract class Conversation<C extends Context = Context, O extends ConversationOptions = ConversationOptions> {
  state: 'handshake' | 'open' | 'closed' = 'handshake'
  /** What to say first, whatever the peer says. The wire sends it. */
  abstract readonly opening: Uint8Array
  #deadline: Timer | undefined
  /** The connection has ended, but not all that it brought is taken. */
  #loss: { readonly reason: Error | undefined } | undefined

  constructor(
    protected readonly wire: Wire,
    protected readonly setup: ConversationSetup<C, O>,
  ) {
    const { context, options } = setup
    this.#deadline = context.platform.timer(options.handshakeMs, () => {
      this.fail(badPeer(`peer did not finish its handshake in ${options.handshakeMs} ms`))
    })
  }

  // The wire's side.

  /** The wire is there, and has {@link opening}. */
  begin(): void {}

  /** Bytes have arrived, which never change again. */
  receive(chunk: Uint8Array): void {
    if (this.state === 'closed') return
    try {
      this.read(chunk)
    } catch (error) {
      this.fail(error)
    }
  }

  /** The system has all that was written. */
  drained(): void {}

  /** The connection has ended, by the peer or by the system. What it has brought is still taken. */
  lost(reason: Error | undefined): void {
    if (this.holds) {
      this.#loss ??= { reason }
      return
    }
    const met = this.#deadline === undefined
    if (!this.#finish()) return
    this.wire.destroy()
    this.disconnected(reason)
    if (met) this.setup.closed('lost', reason)
    else this.setup.closed('unmet', this.unmet(reason))
  }

  /** Cuts a peer that broke the rules. What is not a FanwireError is a mistake of this package and not the peer's. */
  fail(error: unknown): void {
    if (!this.#finish()) return
    this.cut(true)
    this.#report(error)
  }

  // The core's side.

  /** Cuts the connection, after what was written where there is no reason to hurry. */
  close(reason?: Error): void {
    if (!this.#finish()) return
    this.cut(reason !== undefined)
    this.setup.closed('closed', reason)
  }

  /** Half a message has been written, which the peer would take for a whole one unless the connection is reset. */
  get torn(): boolean {
    return false
  }

  // What protocols and sides do differently.

  /** Reads what has arrived; what it throws costs the connection. */
  protected abstract read(chunk: Uint8Array): void
  /** It keeps messages for which the core has no room yet. */
  protected abstract get holds(): boolean
  /** Nothing more is read or sent. */
  protected abstract stop(): void
  protected abstract disconnected(reason: Error | undefined): void

  /** Nobody here wants more of it. `hurry`: what was written need not arrive. */
  protected cut(hurry: boolean): void {
    if (hurry) this.wire.destroy()
    else this.wire.end()
  }

  /** Why nothing came of the handshake. */
  protected unmet(reason: Error | undefined): Error {
    return reason ?? new Error('the peer hung up during the handshake')
  }

  /** The peer has said all that a conversation begins with. */
  protected settled(): void {
    this.#deadline?.cancel()
    this.#deadline = undefined
  }

  /** All is taken that had come before a pause. False when the connection has ended meanwhile. */
  protected caughtUp(): boolean {
    if (this.#loss === undefined) return true
    this.lost(this.#loss.reason)
    return false
  }

  /** Callbacks may have closed it in the meantime, which the compiler does not expect. */
  protected get isOpen(): boolean {
    return this.state === 'open'
  }

  /** Refuses a peer to whom that was told. */
  protected refused(error: Error): void {
    if (!this.#finish()) return
    this.wire.end()
    this.#report(error)
  }

  #finish(): boolean {
    if (this.state === 'closed') return false
    this.state = 'closed'
    this.settled()
    this.stop()
    return true
  }

  #report(error: unknown): void {
    const { context, remote, closed } = this.setup
    const reason = reportFailure(context, remote, error, 'cannot understand the peer')
    this.disconnected(reason)
    closed('failed', reason)
  }
}
