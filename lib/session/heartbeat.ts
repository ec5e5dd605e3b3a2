import type { Platform, Timer } from '../platform.js'

/** After so many beats without a byte from the peer it is taken for dead. */
export const SILENT_BEATS = 3

/** Asks at every beat of a steady pulse whether the peer lives. Any byte is a sign of life. */
export class Heartbeat {
  /** Beats since a byte arrived. */
  silent = 0
  #heard = false
  #timer: Timer | undefined

  /** @param intervalMs 0 for no pulse at all */
  constructor(
    private readonly platform: Platform,
    private readonly intervalMs: number,
    private readonly beat: () => void,
  ) {}

  start(): void {
    if (this.intervalMs === 0) return
    this.#timer = this.platform.timer(this.intervalMs, () => {
      this.silent = this.#heard ? 0 : this.silent + 1
      this.#heard = false
      this.start()
      this.beat()
    })
  }

  heard(): void {
    this.#heard = true
  }

  /** The silence up to now has a reason. */
  forgive(): void {
    this.silent = 0
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** How long the peer may wait for a sign of life from here, to be told in a PING; 0 where the field cannot hold it. */
  get ttlMs(): number {
    const ttl = SILENT_BEATS * this.intervalMs
    return ttl <= 65_500 ? ttl : 0
  }
}
