import type { Producer } from 'fanwire'
import { Book, layouts, type Quote, quoteOf, sameQuote } from 'fanwire/itch'
import { control, Topics } from './topics.js'

/**
 * What the publisher says: every message of the file as it is, on `itch.SYMBOL`, and whenever one changes what a stock
 * costs, the new quote as JSON on `quote.SYMBOL`. A message means nothing without those before it, but a quote does
 * away with all older ones of its stock, so that a viewer may do without them.
 */
export class Feed {
  readonly #producer: Producer
  readonly #topics = new Topics()
  readonly #book = new Book()
  readonly #quotes = new Map<number, Quote>()

  constructor(producer: Producer) {
    this.#producer = producer
  }

  /** Starts a day. */
  async begin(pass: number): Promise<void> {
    this.#topics.reset()
    this.#book.reset()
    await this.#producer.send(control.begin, String(pass))
  }

  /** Settles when the publisher may go on, which is at once unless a viewer holds it back. */
  publish(message: Uint8Array): Promise<void> {
    const sent = this.#producer.send(this.#topics.of(message), message)
    this.#book.apply(message)
    const stock = message.length < 3 ? undefined : this.#book.stock(layouts.S.locate.read(message, 0))
    if (stock === undefined) return sent
    const quote = quoteOf(stock)
    const before = this.#quotes.get(stock.locate)
    if (before !== undefined && sameQuote(before, quote)) return sent
    this.#quotes.set(stock.locate, quote)
    // Sends go in their order, so that the first has settled by the time that the second does.
    return this.#producer.send(`quote.${quote.symbol}`, JSON.stringify(quote))
  }

  /** Ends a day. */
  async pass(pass: number): Promise<void> {
    await this.#producer.send(control.pass, String(pass))
  }

  /** Says that there will be nothing more. */
  async end(): Promise<void> {
    await this.#producer.send(control.end, '')
  }
}
