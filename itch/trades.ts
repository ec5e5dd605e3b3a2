import type { Stock } from './stock.js'

/** Marks a trade that was undone: no match number is negative. */
const BROKEN = -1

/**
 * Every trade of the day in columns, kept because any of them may be broken. Only a handful ever are, so a broken one
 * is searched for, and no trade pays for an index.
 */
export class Trades {
  readonly #matches: number[] = []
  readonly #stocks: Stock[] = []
  readonly #prices: number[] = []
  readonly #shares: number[] = []

  add(match: number, stock: Stock, price: number, shares: number): void {
    this.#matches.push(match)
    this.#stocks.push(stock)
    this.#prices.push(price)
    this.#shares.push(shares)
    stock.lastPrice = price
    stock.lastShares = shares
    stock.volume += shares
    stock.notional += price * shares
    stock.trades++
  }

  /** Undoes what bears the match number: a trade, or several that one order set off. @returns how many */
  break(match: number): number {
    const stocks: Stock[] = []
    for (let row = this.#matches.indexOf(match); row >= 0; row = this.#matches.indexOf(match, row + 1)) {
      this.#matches[row] = BROKEN
      const stock = this.#stocks[row] as Stock
      const shares = this.#shares[row] as number
      stock.volume -= shares
      stock.notional -= shares * (this.#prices[row] as number)
      stock.trades--
      stocks.push(stock)
    }
    for (const stock of new Set(stocks)) this.#findLast(stock)
    return stocks.length
  }

  clear(): void {
    for (const column of [this.#matches, this.#stocks, this.#prices, this.#shares]) column.length = 0
  }

  #findLast(stock: Stock): void {
    let row = this.#stocks.length - 1
    while (row >= 0 && (this.#stocks[row] !== stock || this.#matches[row] === BROKEN)) row--
    stock.lastPrice = this.#prices[row]
    stock.lastShares = this.#shares[row] ?? 0
  }
}
