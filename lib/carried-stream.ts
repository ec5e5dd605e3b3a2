import type { SkipReason } from './framing/framing.js'
import type { StreamLedger } from './ledger.js'
import type { Arrival } from './message.js'
import type { Line, Stream } from './stream.js'
import type { Tally } from './tally.js'

/** A stream as the connections see it that carry it: put together from all of them, or shared with other consumers. */
export interface CarriedStream {
  readonly name: string
  readonly run: number
  readonly tally: Tally
  readonly copies: Stream['copies']
  /** It was forgotten, or its consumer is closed. */
  readonly closed: boolean
  /** Somebody carries it. */
  readonly live: boolean
  /** The producer has ended it, and the fate of every number is known. */
  readonly finished: boolean
  /** The number from which on a line should bring messages. */
  readonly wanted: number
  readonly first: number
  /** One past the highest number that is known of. */
  readonly next: number
  /** The number before which it ends; `Infinity` while nobody has said so. */
  readonly end: number
  join(line: Line): void
  leave(line: Line): void
  /** See {@link Stream.reach}. */
  reach(number: number): boolean
  answered(from: number, to: number): void
  /** The producer says that `number` will never be. */
  finish(number: number): void
  /**
   * Whether the message is the first with its number. Afterwards comes {@link deliver}, unless it is not wanted.
   *
   * @param redelivered another link was given it before
   */
  accept(number: number, redelivered: boolean): boolean
  /** Passes an accepted message on when its turn has come. False when there is no room for more. */
  deliver(arrival: Arrival<never>): boolean
  /** An accepted message was not wanted after all. False as for {@link deliver}. */
  moved(): boolean
  skip(from: number, to: number, reason: SkipReason): void
  /** Its producer has begun another one under this name: whoever would be asked knows nothing of this one. */
  supersede(): void
  ledger(): StreamLedger
  close(): void
}
