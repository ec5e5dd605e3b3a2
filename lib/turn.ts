import type { Log } from './log.js'
import type { Platform } from './platform.js'
import { SLAB_BYTES } from './slab.js'

/** Messages between two looks, however small they are. */
const MOST_UNSEEN = 2048
/** Milliseconds for which a loop of sends may keep timers and sockets waiting although every link keeps up. */
const MOST_BUSY_MS = 4

/** How far a turn of the event loop has come: what is sent in one go must neither pile up nor keep others waiting. */
export class Turn {
  /** Where the log was at the last look. */
  #number: number
  #bytes = 0
  #began = 0

  constructor(
    private readonly platform: Platform,
    private readonly log: Log,
  ) {
    this.#number = log.next
  }

  /** So much was published since the last look that the next one is due. */
  get due(): boolean {
    const { log } = this
    return log.bytes - this.#bytes >= SLAB_BYTES || log.next - this.#number >= MOST_UNSEEN
  }

  /** Takes a look. True when the turn has lasted long enough. */
  look(): boolean {
    this.#number = this.log.next
    this.#bytes = this.log.bytes
    return this.platform.now() - this.#began > MOST_BUSY_MS
  }

  /** The next turn begins. */
  end(): void {
    this.look()
    this.#began = this.platform.now()
  }
}
