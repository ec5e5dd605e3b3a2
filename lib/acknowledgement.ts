import type { Platform, Timer } from './platform.js'

/** The longest that a producer waits to be told. */
const DELAY_MS = 20

/**
 * Tells a producer how many messages of one connection are taken: at the latest when a quarter of what may be open has
 * come, or after 20 ms.
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
  /** Bytes that have come since the producer was last told. */
  #bytes = 0
  #stuck = false
  #timer: Timer | undefined
  #closed = false

  /**
   * @param manual a message is done when it is settled, rather than when it has come
   * @param stuck called when the producer waits for the application, and the application has settled nothing
   */
  constructor(
    private readonly platform: Platform,
    private readonly allowance: number,
    private readonly manual: boolean,
    private readonly tell: (messages: number) => void,
    private readonly stuck: () => void,
  ) {}

  /** A message of `size` bytes has come. */
  received(size: number): void {
    this.#received++
    this.passed(size)
    if (!this.manual) {
      this.#done = this.#received
    } else if (!this.#stuck && this.#done === this.told && this.#bytes + size > this.allowance) {
      this.#stuck = true
      this.stuck()
    }
  }

  /** Bytes that are no message. */
  passed(size: number): void {
    this.#bytes += size
    if (this.manual) return
    if (this.#bytes >= this.allowance / 4) this.flush()
    else this.#timer ??= this.#later()
  }

  /** The message at `place`, counted from 0, is done. */
  settle(place: number): void {
    if (!this.manual || this.#closed || place < this.#done) return
    if (place > this.#done) {
      this.#early.add(place)
      return
    }
    this.#done++
    while (this.#early.delete(this.#done)) this.#done++
    if (this.#done === this.#received && this.#bytes >= this.allowance / 4) this.flush()
    else this.#timer ??= this.#later()
  }

  /** Tells what there is to tell. */
  flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#bytes = 0
    this.#stuck = false
    if (this.#done === this.told || this.#closed) return
    this.told = this.#done
    this.tell(this.told)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#early.clear()
  }

  #later(): Timer {
    const timer = this.platform.timer(DELAY_MS, () => this.flush())
    // A producer in this very process may wait in `flush()` for it, and nothing else keep the process alive.
    timer.ref()
    return timer
  }
}
