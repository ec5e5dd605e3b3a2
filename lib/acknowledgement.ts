import type { Platform, Timer } from './platform.js'

/** The longest that a producer waits to be told. */
const DELAY_MS = 20

/**
 * Tells a producer how many messages of one connection are taken: at the latest when a quarter of what may be open is
 * done, or after 20 ms.
 */
export class Acknowledgement {
  /** The messages that the producer has been told of. */
  told = 0
  /** Messages that have come. */
  #received = 0
  /** The first messages of the connection, as many as are done. */
  #done = 0
  /** Places that are done although one before them is not. */
  readonly #early = new Set<number>()
  /** Bytes that are done and of which the producer has not been told. */
  #untold = 0
  /** Bytes that have come and are not done. */
  #pending = 0
  /** The size of every message from place {@link #sizesFrom} on, where the application settles them. */
  readonly #sizes: number[] = []
  #sizesFrom = 0
  #stuck = false
  #soon = false
  #timer: Timer | undefined
  #closed = false

  /**
   * @param manual a message is done when it is settled, rather than when it has come
   * @param stuck called when the producer waits for the application, and there is nothing to tell it
   * @param prefetch messages that may be open, where their number has a limit
   */
  constructor(
    private readonly platform: Platform,
    private readonly allowance: number,
    private readonly manual: boolean,
    private readonly tell: (messages: number) => void,
    private readonly stuck: () => void,
    private readonly prefetch = Infinity,
  ) {}

  /** A message of `size` bytes has come. */
  received(size: number): void {
    this.#received++
    if (!this.manual) {
      this.#done = this.#received
      this.passed(size)
      return
    }
    this.#sizes.push(size)
    this.#pending += size
    if (this.#stuck || this.#done > this.told || this.#pending + size <= this.allowance) return
    this.#stuck = true
    this.stuck()
  }

  /** Bytes that are no message. */
  passed(size: number): void {
    if (this.manual) return
    this.#untold += size
    if (this.#untold >= this.allowance / 4) this.flush()
    else this.#timer ??= this.#later()
  }

  /** The message at `place`, counted from 0, is done. */
  settle(place: number): void {
    if (!this.manual || this.#closed || place < this.#done) return
    if (place > this.#done) {
      this.#early.add(place)
      return
    }
    do this.#next()
    while (this.#early.delete(this.#done))
    // An application that is slow all the time is told of it once.
    if (this.#pending <= this.allowance / 2) this.#stuck = false
    if (this.#untold >= this.allowance / 4 || this.#isIdle) this.#flushSoon()
    else this.#timer ??= this.#later()
  }

  /** Tells what there is to tell. */
  flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#untold = 0
    if (this.#done === this.told || this.#closed) return
    this.told = this.#done
    this.tell(this.told)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#early.clear()
  }

  /** Of what goes to others as well, the producer gives this one more as soon as it knows that there is little left. */
  get #isIdle(): boolean {
    if (this.prefetch === Infinity) return false
    return this.#done === this.#received || this.#done - this.told >= this.prefetch / 4
  }

  #next(): void {
    const sizes = this.#sizes
    const size = sizes[this.#done - this.#sizesFrom] as number
    this.#pending -= size
    this.#untold += size
    this.#done++
    const past = this.#done - this.#sizesFrom
    if (past < 1024 || past * 2 < sizes.length) return
    sizes.splice(0, past)
    this.#sizesFrom = this.#done
  }

  /** At the end of the turn: within one process, the producer would send more while a message is being dropped. */
  #flushSoon(): void {
    if (this.#soon) return
    this.#soon = true
    this.platform.defer(() => {
      this.#soon = false
      this.flush()
    })
  }

  #later(): Timer {
    const timer = this.platform.timer(DELAY_MS, () => this.flush())
    // A producer in this very process may wait in `flush()` for it, and nothing else keep the process alive.
    timer.ref()
    return timer
  }
}
