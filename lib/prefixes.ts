import { FanwireError } from './errors.js'
import type { Memory } from './memory.js'

/** Subscriptions that one link may hold. */
const MOST_PREFIXES = 10_000
const MOST_BYTES = 1024 * 1024
/** What a link's prefix takes beside its text, in bytes; measured on V8. */
const OVERHEAD_BYTES = 160

/** What one link subscribes to. Prefixes and topics are strings of one character a byte. */
export class Prefixes {
  readonly #all = new Set<string>()
  #bytes = 0

  constructor(private readonly memory: Memory) {}

  get all(): ReadonlySet<string> {
    return this.#all
  }

  /**
   * True when it was not there before.
   *
   * @throws {FanwireError} `BAD_PEER` when that is more than a link may have, or all links together
   */
  add(prefix: string): boolean {
    if (this.#all.has(prefix)) return false
    if (this.#all.size === MOST_PREFIXES || this.#bytes + prefix.length > MOST_BYTES) {
      throw new FanwireError(
        'BAD_PEER',
        `peer has more than ${MOST_PREFIXES} subscriptions, or more than ${MOST_BYTES} bytes of them`,
      )
    }
    if (!this.memory.hasRoomForSubscription) {
      throw new FanwireError(
        'BAD_PEER',
        `no room for the subscriptions of the peer: those of all links take half of memory.bytes, ${this.memory.limit}`,
      )
    }
    this.#all.add(prefix)
    this.#bytes += prefix.length
    this.memory.subscribe(OVERHEAD_BYTES + prefix.length)
    return true
  }

  /** True when it was there. */
  delete(prefix: string): boolean {
    if (!this.#all.delete(prefix)) return false
    this.#bytes -= prefix.length
    this.memory.subscribe(-OVERHEAD_BYTES - prefix.length)
    return true
  }

  clear(): void {
    this.memory.subscribe(-this.#all.size * OVERHEAD_BYTES - this.#bytes)
    this.#all.clear()
    this.#bytes = 0
  }
}

/** Whether `topic` begins with one of `prefixes`. */
export function matches(prefixes: ReadonlySet<string>, topic: string): boolean {
  for (let length = 0; length <= topic.length; length++) if (prefixes.has(topic.slice(0, length))) return true
  return false
}
