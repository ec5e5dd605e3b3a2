import { Book, type BookCounts, type Quote, quoteOf } from '../../itch/index.js'
import type { ConsumerStats, Message } from '../../lib/index.js'

/** What became of the times that the day was published. */
export interface Passes {
  readonly ended: number
  /** Of the open orders after the first of them. */
  readonly digest: string | undefined
  /** Those after which it was another. */
  readonly differing: number
}

/** One line, as far as this end can tell. */
export interface WatchedLine {
  readonly url: string
  readonly datagrams: number
  /** Those for which the system had no room; absent where it does not tell. */
  readonly kernelDrops: number | undefined
  readonly rejected: Readonly<Record<string, number>>
  readonly received: number
  readonly duplicates: number
  /** Numbers that it did not bring. */
  readonly missed: number
  /** Those of `missed` that came by another line, or because they were asked for. */
  readonly repaired: number
  /** Messages that it brought before every other line. */
  readonly wins: number
}

const SYSTEM_EVENT = 'S'.charCodeAt(0)
const END_OF_MESSAGES = 'C'

/** Keeps the books of a feed. */
export class Watcher {
  readonly #book = new Book()
  #stream: string | undefined
  #messages = 0
  #passes: Passes = { ended: 0, digest: undefined, differing: 0 }

  /** Messages of the stream that it has taken. */
  get messages(): number {
    return this.#messages
  }

  get passes(): Passes {
    return this.#passes
  }

  get counts(): Readonly<BookCounts> {
    return this.#book.counts
  }

  get quotes(): Quote[] {
    return this.#book.stocks.map(quoteOf)
  }

  /** Of the open orders after the first pass; now, where none has ended. */
  get digest(): string {
    return this.#passes.digest ?? this.#book.digest()
  }

  take({ stream, data }: Message): void {
    if (stream !== this.#stream) this.#begin(stream)
    this.#book.apply(data)
    this.#messages++
    if (data[0] === SYSTEM_EVENT && this.#book.event === END_OF_MESSAGES) this.#pass()
  }

  /** References, locates and match numbers hold for one stream. */
  #begin(stream: string | undefined): void {
    this.#stream = stream
    this.#book.reset()
    this.#messages = 0
    this.#passes = { ended: 0, digest: undefined, differing: 0 }
  }

  #pass(): void {
    const { ended, digest: first, differing } = this.#passes
    const digest = this.#book.digest()
    this.#passes = {
      ended: ended + 1,
      digest: first ?? digest,
      differing: differing + (first === undefined || first === digest ? 0 : 1),
    }
  }
}

/** What the sockets of a consumer tell, see docs. */
interface SocketCounts {
  readonly url: string
  readonly received: number
  readonly kernelDrops: number | undefined
  readonly rejected: Readonly<Record<string, number>>
}

/** What every line has brought of the stream that was heard last. */
export function watchedLines({ streams, links, ends }: ConsumerStats): WatchedLine[] {
  const ledger = streams.at(-1)
  return (ends as readonly SocketCounts[]).map(({ url, received: datagrams, kernelDrops, rejected }) => {
    const link = links.findLast(({ remote, stream }) => stream === ledger?.stream && remote.startsWith(`${url} from `))
    const { missed = 0, duplicates = 0, wins = 0 } = link?.line ?? {}
    const gone = (ledger?.lost ?? 0) + (ledger?.missing ?? 0)
    return {
      url,
      datagrams,
      kernelDrops,
      rejected,
      received: link?.received ?? 0,
      duplicates,
      missed,
      repaired: Math.max(0, missed - gone),
      wins,
    }
  })
}

/** Messages that came because they were asked for: no line brought them first. */
export function countAsked({ streams }: ConsumerStats, lines: readonly WatchedLine[]): number {
  return lines.reduce((left, { wins }) => left - wins, streams.at(-1)?.received ?? 0)
}
