import { ItchError, layouts, symbolOf, typeOf } from 'fanwire/itch'

/** Messages about no stock, such as system events. Symbols have no lower-case letters. */
const MARKET = 'itch.market'

/** Around the messages of the market: the number of a pass as text, and at the very end nothing. */
export const control = { begin: 'feed.begin', pass: 'feed.pass', end: 'feed.end' } as const

/**
 * Names the topic of every message: `itch.` and the symbol of its stock. Most messages only tell the locate of theirs,
 * so it remembers whatever named one.
 */
export class Topics {
  readonly #byLocate = new Map<number, string>()

  /** Locates hold for one day. */
  reset(): void {
    this.#byLocate.clear()
  }

  of(message: Uint8Array): string {
    try {
      const type = typeOf(message)
      if (type === undefined) return MARKET
      const layout = layouts[type]
      const locate = layout.locate.read(message, 0)
      const known = this.#byLocate.get(locate)
      if (known !== undefined) return known
      const symbol = 'stock' in layout ? layout.stock.read(message, 0) : ''
      if (locate === 0 && symbol === '') return MARKET
      const topic = `itch.${symbolOf(symbol, locate)}`
      if (locate !== 0 && symbol !== '') this.#byLocate.set(locate, topic)
      return topic
    } catch (error) {
      if (!(error instanceof ItchError)) throw error
      // The books count it.
      return MARKET
    }
  }
}
