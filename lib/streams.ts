import type { CarriedStream } from './carried-stream.js'
import type { Platform } from './platform.js'
import { SharedStream, type SharedStreamHost } from './shared-stream.js'
import { type Beginning, Stream, type StreamHost, type StreamSettings } from './stream.js'
import type { StartFrom, StreamStart } from './transport.js'

/** Streams that nobody carries any more are remembered up to this many, for their ledgers and for who comes back. */
const MOST_PAST = 1_000

/** All streams of one consumer, side by side. */
export class Streams {
  /** In the order in which somebody last began to carry them. */
  readonly #streams = new Map<string, CarriedStream>()
  #count = 0

  constructor(
    private readonly platform: Platform,
    private readonly settings: StreamSettings & {
      readonly from: StartFrom
      /** Links that carry the same stream feed one; else each feeds its own. */
      readonly arbitrates: boolean
    },
    private readonly host: StreamHost & SharedStreamHost,
  ) {}

  [Symbol.iterator](): Iterator<CarriedStream> {
    return this.#streams.values()
  }

  /**
   * The stream that a link begins to carry.
   *
   * @param last the one that it carried before
   */
  find(
    start: StreamStart,
    last: CarriedStream | undefined,
  ): { readonly stream: CarriedStream; readonly isNew: boolean } {
    const { stream: name, run } = start
    if (last?.name === name && last.run === run && !last.closed) return { stream: last, isNew: false }
    const { arbitrates } = this.settings
    const key = arbitrates ? `${name} ${run}` : `${name} ${run} ${this.#count++}`
    const known = this.#streams.get(key)
    const stream = known ?? this.#begin(start)
    this.#streams.delete(key)
    this.#streams.set(key, stream)
    this.#forget()
    return { stream, isNew: known === undefined }
  }

  /** The stream of this name that was carried last. None where every link has one of its own. */
  known(name: string): CarriedStream | undefined {
    if (!this.settings.arbitrates) return undefined
    let known: CarriedStream | undefined
    for (const stream of this) if (stream.name === name) known = stream
    return known
  }

  close(): void {
    for (const stream of this) stream.close()
  }

  #begin(start: StreamStart): CarriedStream {
    const { stream, run, next, prefetch } = start
    if (prefetch !== undefined) return new SharedStream(stream, run, next, this.host)
    return new Stream(stream, run, this.#beginningOf(start), this.platform, this.settings, this.host)
  }

  #beginningOf({ stream, run, next, oldest, recovery }: StreamStart): Beginning {
    const { from } = this.settings
    // A resume from an earlier life begins where that one ended, and what the producer no longer has is missing.
    const resumes = typeof from === 'object' && from.stream === stream && from.run === run
    if (resumes) return { first: Math.min(from.next, next), recovery }
    // Where the past has to be asked for, the producer cannot say what it still has.
    if (from === 'oldest' && recovery?.requests !== undefined) return { first: oldest, past: true, recovery }
    return { first: next, recovery }
  }

  #forget(): void {
    if (this.#streams.size <= MOST_PAST) return
    for (const [key, stream] of this.#streams) {
      if (stream.live || stream.tally.inboxWaiting > 0) continue
      stream.close()
      this.#streams.delete(key)
      return
    }
  }
}
