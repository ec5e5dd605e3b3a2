import type { Platform, Timer } from './platform.js'

/** Announcements of one subject come no faster than this. */
const INTERVAL_MS = 1000

/**
 * Announces drops without drowning anybody: the first at the end of the turn, later ones once a second with what has
 * come together meanwhile.
 */
export class DropNotices<Subject, Reason extends string> {
  readonly #pending = new Map<Subject, Map<Reason, number>>()
  #timer: Timer | undefined
  #deferred = false

  constructor(
    private readonly platform: Platform,
    private readonly announce: (subject: Subject, reason: Reason, count: number) => void,
  ) {}

  add(subject: Subject, reason: Reason, count: number): void {
    const counts = this.#pending.get(subject) ?? new Map<Reason, number>()
    this.#pending.set(subject, counts)
    counts.set(reason, (counts.get(reason) ?? 0) + count)
    if (this.#timer !== undefined || this.#deferred) return
    this.#deferred = true
    this.platform.defer(() => {
      this.#deferred = false
      this.flush()
    })
  }

  /** Announces what is pending now. */
  flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#pending.size === 0) return
    const pending = [...this.#pending]
    this.#pending.clear()
    this.#timer = this.platform.timer(INTERVAL_MS, () => {
      this.#timer = undefined
      this.flush()
    })
    for (const [subject, counts] of pending) {
      for (const [reason, count] of counts) this.announce(subject, reason, count)
    }
  }

  close(): void {
    this.flush()
    this.#timer?.cancel()
  }
}
