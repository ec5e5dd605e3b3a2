import type { Platform, Timer } from '../platform.js'
import type { ProducerPort } from '../transport.js'
import type { Wire } from './wire.js'

/** How often an outstanding write is looked at. */
const PROGRESS_MS = 1_000

/** Follows the outstanding write of a link: the system tells when one is done, but has to be asked how far it has come. */
export class Progress {
  #busy = false
  #timer: Timer | undefined
  #before = 0

  constructor(
    private readonly wire: Wire,
    private readonly platform: Platform,
  ) {}

  /** A write is outstanding. */
  get busy(): boolean {
    return this.#busy
  }

  /** A write of `port`'s is outstanding from now on. */
  begin(port: ProducerPort | undefined): void {
    this.#busy = true
    if (this.#timer === undefined) this.#watch(port)
  }

  /** The system has all of it. False when nothing was outstanding. */
  end(): boolean {
    const was = this.#busy
    this.#busy = false
    return was
  }

  /** The connection is over. */
  stop(): void {
    this.#busy = false
    this.#timer?.cancel()
  }

  #watch(port: ProducerPort | undefined): void {
    this.#before = this.wire.pending
    this.#timer = this.platform.timer(PROGRESS_MS, () => {
      this.#timer = undefined
      if (!this.#busy) return
      if (this.wire.pending !== this.#before) port?.progressed()
      this.#watch(port)
    })
  }
}
