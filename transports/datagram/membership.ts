import type { Socket } from 'node:dgram'
import type { Timer } from '../../lib/platform.js'
import type { SocketContext } from './bind.js'
import { type Family, findInterface, type Interface } from './interfaces.js'

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 10_000

export interface Wanted {
  readonly group: string
  readonly family: Family
  /** As the option `interface` names it. */
  readonly interface: string
  /** The only sender to hear. */
  readonly source: string | undefined
  readonly url: string
}

/** What joins and leaves groups. */
export type GroupSocket = Pick<
  Socket,
  'addMembership' | 'dropMembership' | 'addSourceSpecificMembership' | 'dropSourceSpecificMembership'
>

/** Keeps a socket in its group: joins, and tries again for as long as the interface is not up. */
export class Membership {
  #joined: string | undefined
  #failures = 0
  #told: string | undefined
  #timer: Timer | undefined
  #keepsAlive = true
  #closed = false

  constructor(
    private readonly socket: GroupSocket,
    private readonly wanted: Wanted,
    private readonly context: SocketContext,
  ) {}

  get joined(): boolean {
    return this.#joined !== undefined
  }

  /** Joins, or begins to try. */
  join(): void {
    if (this.#closed) return
    this.#timer?.cancel()
    this.#timer = undefined
    try {
      const selector = this.#find()
      this.#add(selector)
      this.#joined = selector
      this.#failures = 0
      this.#told = undefined
    } catch (error) {
      this.#failed(error as NodeJS.ErrnoException)
    }
  }

  /** Leaves and joins anew: a membership is silently gone when its interface was taken away and came back. */
  rejoin(): void {
    if (this.#joined !== undefined) this.#drop(this.#joined)
    this.#joined = undefined
    this.join()
  }

  unref(): void {
    this.#keepsAlive = false
    if (this.#timer === undefined) return
    this.#timer.cancel()
    this.#wait()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #find(): string {
    const { interface: named, family } = this.wanted
    let found: Interface | undefined
    try {
      found = findInterface(named, family)
    } catch {
      // It was there when the socket was opened.
    }
    if (found === undefined) throw new NotUp(`interface ${named} is not up`)
    return found.selector
  }

  #add(selector: string): void {
    const { group, source } = this.wanted
    try {
      if (source === undefined) this.socket.addMembership(group, selector)
      else this.socket.addSourceSpecificMembership(source, group, selector)
    } catch (error) {
      // In use is what the system calls a group that this socket is in already.
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }

  #drop(selector: string): void {
    const { group, source } = this.wanted
    try {
      if (source === undefined) this.socket.dropMembership(group, selector)
      else this.socket.dropSourceSpecificMembership(source, group, selector)
    } catch {
      // Gone together with the interface.
    }
  }

  #failed(error: NodeJS.ErrnoException): void {
    const { url, group, interface: named } = this.wanted
    const why = error.code ?? error.message
    if (this.#told !== why) {
      this.#told = why
      const message = `cannot join ${group} on ${named} for ${url}: ${error.message}; trying again until it is there`
      this.context.fault({ code: 'JOIN_FAILED', message, remote: url, cause: error })
    }
    this.#failures++
    this.#wait()
  }

  #wait(): void {
    const delayMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(30, this.#failures - 1))
    this.#timer = this.context.platform.timer(delayMs, () => this.join())
    if (this.#keepsAlive) this.#timer.ref()
  }
}

class NotUp extends Error {
  readonly code = 'ENETDOWN'
}
