import type { CarriedStream } from './carried-stream.js'
import type { StreamLedger } from './ledger.js'
import type { Arrival } from './message.js'
import type { Line } from './stream.js'
import { Tally } from './tally.js'

/** What a shared stream needs from its consumer. */
export interface SharedStreamHost {
  /** Takes a message in its turn. False when there is no room for more. */
  deliver(arrival: Arrival<never>): boolean
  /** The producer has ended it. */
  finished(stream: CarriedStream): void
}

/**
 * This consumer's part of a stream whose messages go to one link each. The numbers that do not come are with others, so
 * that none is missing; those that others gave back come a second time.
 */
export class SharedStream implements CarriedStream {
  readonly tally = new Tally()
  readonly copies = undefined
  next: number
  end = Infinity
  closed = false
  finished = false
  #redelivered = 0
  readonly #lines = new Set<Line>()

  constructor(
    readonly name: string,
    readonly run: number,
    public first: number,
    private readonly host: SharedStreamHost,
  ) {
    this.next = first
  }

  get live(): boolean {
    return this.#lines.size > 0
  }

  get wanted(): number {
    return this.next
  }

  join(line: Line): void {
    this.#lines.add(line)
  }

  leave(line: Line): void {
    this.#lines.delete(line)
  }

  accept(number: number, redelivered: boolean): boolean {
    this.tally.received++
    if (redelivered) {
      this.#redelivered++
      return true
    }
    if (number >= this.next) this.next = number + 1
    else if (number < this.first) this.first = number
    return true
  }

  deliver(arrival: Arrival<never>): boolean {
    return this.host.deliver(arrival)
  }

  /** None is told of before it has come. */
  reach(): boolean {
    return true
  }

  answered(): void {}

  moved(): boolean {
    return true
  }

  /** What a producer says to have left out is elsewhere as well. */
  skip(_from: number, to: number): void {
    if (to > this.next) this.next = to
  }

  finish(number: number): void {
    if (number > this.next) this.next = number
    if (this.finished) return
    this.finished = true
    this.end = number
    this.host.finished(this)
  }

  supersede(): void {}

  ledger(): StreamLedger {
    const { first, next, tally } = this
    const redelivered = this.#redelivered
    return {
      first,
      next,
      filtered: 0,
      declared: 0,
      missing: 0,
      lost: 0,
      ...tally.counts(),
      duplicates: 0,
      late: 0,
      redelivered,
      elsewhere: next - first + redelivered - tally.received,
    }
  }

  close(): void {
    this.closed = true
  }
}
