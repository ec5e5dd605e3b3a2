import { Book, type BookCounts, busiest, type Quote, quoteOf } from 'fanwire/itch'
import type { Passes } from './reports.js'

/** What a viewer makes of what it is sent. */
export interface Board {
  passes: Passes
  readonly counts?: Readonly<BookCounts>
  /** The prices that it shows, of the busiest stocks. */
  market(most: number): readonly Quote[]
  begin(): void
  take(data: Uint8Array): void
  pass(): void
}

/** Keeps every open order: it needs every message. */
export class BookBoard implements Board {
  readonly #book = new Book()
  passes: Passes = { ended: 0, differing: 0 }

  market(most: number): readonly Quote[] {
    return busiest(this.#book.stocks.map(quoteOf), most)
  }

  get counts(): Readonly<BookCounts> {
    return this.#book.counts
  }

  begin(): void {
    this.#book.reset()
  }

  take(data: Uint8Array): void {
    this.#book.apply(data)
  }

  pass(): void {
    const { ended, digest: first, differing } = this.passes
    const digest = this.#book.digest()
    this.passes = {
      ended: ended + 1,
      digest: first ?? digest,
      differing: differing + (first === undefined || first === digest ? 0 : 1),
    }
  }
}

/** Knows of every stock its newest quote, and nothing of how it came to be. */
export class QuoteBoard implements Board {
  readonly #quotes = new Map<string, Quote>()
  readonly #decoder = new TextDecoder()
  passes: Passes = { ended: 0, differing: 0 }

  market(most: number): readonly Quote[] {
    return busiest(this.#quotes.values(), most)
  }

  begin(): void {}

  take(data: Uint8Array): void {
    const quote: Quote = JSON.parse(this.#decoder.decode(data))
    this.#quotes.set(quote.symbol, quote)
  }

  pass(): void {}
}
