import { FanwireError } from './errors.js'
import type { Memory } from './memory.js'

/** Calls that may wait at the same time. */
const MOST_WAITING = 1024
/** What a waiting call takes beside its data. */
const WAITING_OVERHEAD_BYTES = 512

/** A call of `send()` that waits for a link to have room again. */
export interface Waiting {
  readonly topic: string
  readonly data: Uint8Array
  /** It is in the log, so that nothing can end its wait any more. */
  sent: () => void
  resolve: () => void
  reject: (reason: unknown) => void
}

/** Where calls of `send()` wait, in their order. Their data are copies, and count against the producer's memory. */
export class WaitingRoom {
  readonly #waiting = new Set<Waiting>()

  constructor(private readonly memory: Memory) {}

  get size(): number {
    return this.#waiting.size
  }

  get first(): Waiting | undefined {
    for (const waiting of this.#waiting) return waiting
    return undefined
  }

  /** @throws {FanwireError} `BUFFER_FULL` when too many wait already, or no memory is left for the data */
  enter(waiting: Waiting): void {
    if (this.#waiting.size >= MOST_WAITING) {
      throw new FanwireError(
        'BUFFER_FULL',
        `${MOST_WAITING} sends are waiting already; await send() before the next one`,
      )
    }
    const cost = costOf(waiting)
    // One may always wait, or a producer whose memory its links hold could never be told to go on.
    if (this.#waiting.size > 0 && !this.memory.hasRoom(cost)) {
      throw new FanwireError('BUFFER_FULL', 'the memory is full, so that no further send can wait; raise memory.bytes')
    }
    this.#waiting.add(waiting)
    this.memory.used += cost
  }

  /** Takes back the first, for whom there was no room after all. */
  putBack(waiting: Waiting): void {
    const others = [...this.#waiting]
    this.#waiting.clear()
    for (const each of [waiting, ...others]) this.#waiting.add(each)
    this.memory.used += costOf(waiting)
  }

  leave(waiting: Waiting): boolean {
    if (!this.#waiting.delete(waiting)) return false
    this.memory.used -= costOf(waiting)
    return true
  }

  /** Sends everybody away. */
  empty(reason: () => unknown): void {
    for (const waiting of [...this.#waiting]) {
      this.leave(waiting)
      waiting.reject(reason())
    }
  }
}

function costOf(waiting: Waiting): number {
  return waiting.data.length + WAITING_OVERHEAD_BYTES
}
