import { cloneBytes, textBytes } from './bytes.js'
import { FanwireError } from './errors.js'
import type { Memory } from './memory.js'
import type { Platform } from './platform.js'
import { type Waiting, WaitingRoom } from './waiting-room.js'

/** Whose calls of `send()` wait. */
export interface TurnstileHost {
  /** There is no room for a message at the moment. */
  readonly held: boolean
  /** Takes a message. False when there was no room for it after all. */
  publish(topic: string, data: Uint8Array): boolean
  /** Sees to it that what was published leaves. */
  sent(): Promise<void>
  /** A call that waited is over, and nobody got its message. */
  refused(cause: unknown): void
  /** Calls have gone in. */
  progressed(): void
}

/** Holds calls of `send()` back while there is no room, and lets them in one by one, in their order. */
export class Turnstile {
  /** Who comes now has to wait: there is no room, or others wait already. */
  closed = false
  readonly #room: WaitingRoom
  #pumping = false

  constructor(
    private readonly platform: Platform,
    memory: Memory,
    private readonly host: TurnstileHost,
  ) {
    this.#room = new WaitingRoom(memory)
  }

  /** Calls that wait. */
  get size(): number {
    return this.#room.size
  }

  /**
   * Waits until there is room, `timeoutMs` at most.
   *
   * @throws {FanwireError} `BUFFER_FULL` when too many wait already, or no memory is left for the data
   */
  wait(topic: string, data: string | Uint8Array, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const waiting: Waiting = {
      topic,
      data: typeof data === 'string' ? textBytes(this.platform, data) : cloneBytes(data),
      sent: () => undefined,
      resolve: () => undefined,
      reject: () => undefined,
    }
    this.#room.enter(waiting)
    const giveUp = (reason: unknown) => {
      if (!this.#room.leave(waiting)) return
      waiting.reject(reason)
      this.update()
    }
    const abort = () => giveUp(signal?.reason)
    const expire = () =>
      giveUp(new FanwireError('TIMEOUT', `send() waited ${timeoutMs} ms for a slow link; nobody got the message`))
    const timer = timeoutMs < Infinity ? this.platform.timer(timeoutMs, expire) : undefined
    timer?.ref()
    signal?.addEventListener('abort', abort)
    waiting.sent = () => {
      timer?.cancel()
      signal?.removeEventListener('abort', abort)
    }
    const promise = new Promise<void>((resolve, reject) => {
      waiting.resolve = resolve
      waiting.reject = (reason) => {
        waiting.sent()
        this.host.refused(reason)
        reject(reason)
      }
    })
    promise.catch(() => undefined)
    this.update()
    return promise
  }

  /** There may be room again, or no more. */
  update(): void {
    const { held } = this.host
    this.closed = this.#room.size > 0 || held
    if (this.#room.size === 0 || held || this.#pumping) return
    this.#pumping = true
    this.platform.defer(() => this.#pump())
  }

  /** Sends everybody away. */
  empty(reason: () => unknown): void {
    this.#room.empty(reason)
  }

  #pump(): void {
    this.#pumping = false
    for (let waiting = this.#room.first; waiting !== undefined && !this.host.held; waiting = this.#room.first) {
      this.#room.leave(waiting)
      if (!this.host.publish(waiting.topic, waiting.data)) {
        this.#room.putBack(waiting)
        break
      }
      waiting.sent()
      void this.host.sent().then(waiting.resolve)
    }
    this.update()
    this.host.progressed()
  }
}
