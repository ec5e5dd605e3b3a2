import { FanwireError } from './errors.js'

/** What one connection's carrier was given, and how far the system and the peer have got with it. Counts, no messages. */
export class Outstanding {
  /** Messages given to the carrier. */
  given = 0
  /** Messages that the carrier has passed on whole. */
  handed = 0
  /** Messages that the peer says it has taken. */
  acknowledged = 0
  /** Bytes given and not yet acknowledged. */
  openBytes = 0
  /** For every run not yet acknowledged: the count of messages given after it, and its bytes. */
  readonly #runs: { through: number; bytes: number }[] = []

  constructor(readonly acknowledges: boolean) {}

  get inFlight(): number {
    return this.given - this.handed
  }

  /** Messages whose fate is open should the connection end now; undefined for a peer that never says. */
  get unknown(): number | undefined {
    return this.acknowledges ? this.given - this.acknowledged : undefined
  }

  /** `messages` begin in what was given: none in the later slices of a large one, whose bytes count with its first. */
  gave(messages: number, bytes: number): void {
    this.given += messages
    if (!this.acknowledges) return
    this.openBytes += bytes
    const last = this.#runs.at(-1)
    if (messages === 0 && last !== undefined) last.bytes += bytes
    else this.#runs.push({ through: this.given, bytes })
  }

  /** The carrier has passed on all that it was given; of the last message only a part when `partial`. */
  taken(partial: boolean): void {
    this.handed = Math.max(this.handed, partial ? this.given - 1 : this.given)
  }

  /**
   * True when that is more than the peer has said before.
   *
   * @throws {FanwireError} `BAD_PEER` when the peer claims more than it was given, or takes back what it said.
   */
  acknowledge(messages: number): boolean {
    if (messages === this.acknowledged) return false
    if (messages < this.acknowledged || messages > this.given) {
      throw new FanwireError(
        'BAD_PEER',
        `peer acknowledged ${messages} messages, expected ${this.acknowledged} to ${this.given}`,
      )
    }
    this.acknowledged = messages
    // The peer can be quicker to answer than the system to say that the bytes are out.
    this.handed = Math.max(this.handed, messages)
    let done = 0
    for (const run of this.#runs) {
      if (run.through > messages) break
      this.openBytes -= run.bytes
      done++
    }
    if (done > 0) this.#runs.splice(0, done)
    return true
  }
}
