/** What a book knows of one stock. Prices are in units of 0.0001 dollars. */
export class Stock {
  readonly locate: number
  /** Empty until a message names it. */
  symbol = ''
  /** H halted, P paused, Q quotation only, T trading. A stock counts as halted until told otherwise. */
  state = 'H'
  readonly bids = new Side(this, 'B')
  readonly asks = new Side(this, 'S')
  lastPrice: number | undefined
  lastShares = 0
  /** Shares traded. */
  volume = 0
  trades = 0
  /** Sum of price times shares; exact up to 900 billion dollars. */
  notional = 0
  /** A change to an order did not fit what the book holds, so some of it is wrong. */
  suspect = false

  constructor(locate: number) {
    this.locate = locate
  }

  /** Buyers bid what sellers ask, or more. They would have traded, so something is missing here. */
  get crossed(): boolean {
    const bid = this.bids.best
    const ask = this.asks.best
    return bid !== undefined && ask !== undefined && bid.price >= ask.price
  }

  /** The average price of a share. */
  get vwap(): number | undefined {
    return this.volume === 0 ? undefined : this.notional / this.volume
  }
}

/** The open orders of a stock on one side, summed up by price. */
export class Side {
  readonly stock: Stock
  readonly letter: 'B' | 'S'
  /** From worst to best: most changes happen near the best price, and so move few entries. */
  readonly #levels: Level[] = []

  constructor(stock: Stock, letter: 'B' | 'S') {
    this.stock = stock
    this.letter = letter
  }

  /** From worst to best. */
  get levels(): readonly Level[] {
    return this.#levels
  }

  get best(): Level | undefined {
    return this.#levels.at(-1)
  }

  /** Finds the level of a price, or begins it. */
  level(price: number): Level {
    const index = this.#search(price)
    const found = this.#levels[index]
    if (found?.price === price) return found
    const level = new Level(this, price)
    this.#levels.splice(index, 0, level)
    return level
  }

  remove(level: Level): void {
    this.#levels.splice(this.#search(level.price), 1)
  }

  /** @returns the first index whose price is no worse */
  #search(price: number): number {
    const sign = this.letter === 'B' ? 1 : -1
    let low = 0
    let high = this.#levels.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (((this.#levels[middle] as Level).price - price) * sign < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

export class Level {
  readonly side: Side
  readonly price: number
  /** Open shares. */
  shares = 0
  /** Open orders. */
  orders = 0

  constructor(side: Side, price: number) {
    this.side = side
    this.price = price
  }
}
