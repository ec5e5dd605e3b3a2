import type { Platform, Timer } from './platform.js'

/** What can make no progress. */
export interface Stallable {
  /** When it last made some, in the platform's milliseconds. */
  readonly progressAt: number
  /** It should make some now. */
  readonly pending: boolean
}

/** Looks after deadlines by which something has to move, with one timer for all. */
export class StallWatch<Item extends Stallable> {
  #timer: Timer | undefined
  #closed = false

  /** @param stalled called with what has not moved for `stallMs` although it should have */
  constructor(
    private readonly platform: Platform,
    private readonly stallMs: number,
    private readonly items: () => Iterable<Item>,
    private readonly stalled: (item: Item) => void,
  ) {}

  /** Something is pending from now on. */
  begin(): void {
    if (this.#timer === undefined && this.stallMs < Infinity) this.#wait(this.stallMs)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #wait(delayMs: number): void {
    this.#timer = this.platform.timer(delayMs, () => {
      this.#timer = undefined
      this.#check()
    })
  }

  #check(): void {
    const now = this.platform.now()
    let next = Infinity
    for (const item of [...this.items()]) {
      if (!item.pending) continue
      const leftMs = item.progressAt + this.stallMs - now
      if (leftMs > 0) next = Math.min(next, leftMs)
      else this.stalled(item)
    }
    if (next < Infinity && !this.#closed) this.#wait(next)
  }
}
