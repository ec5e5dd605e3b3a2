import type { Stock } from './stock.js'

/** What a board of prices shows of one stock. Prices are in units of 0.0001 dollars. */
export interface Quote {
  readonly symbol: string
  readonly bid: number | null
  readonly bidShares: number
  readonly ask: number | null
  readonly askShares: number
  readonly last: number | null
  /** Shares traded. */
  readonly volume: number
}

export function quoteOf({ symbol, locate, bids, asks, lastPrice, volume }: Stock): Quote {
  const bid = bids.best
  const ask = asks.best
  return {
    symbol: symbolOf(symbol, locate),
    bid: bid?.price ?? null,
    bidShares: bid?.shares ?? 0,
    ask: ask?.price ?? null,
    askShares: ask?.shares ?? 0,
    last: lastPrice ?? null,
    volume,
  }
}

export function sameQuote(a: Quote, b: Quote): boolean {
  return (
    a.bid === b.bid &&
    a.bidShares === b.bidShares &&
    a.ask === b.ask &&
    a.askShares === b.askShares &&
    a.last === b.last &&
    a.volume === b.volume &&
    a.symbol === b.symbol
  )
}

/** Buyers bid what sellers ask, or more. */
export function isCrossed({ bid, ask }: Quote): boolean {
  return bid !== null && ask !== null && bid >= ask
}

/** The busiest first, as many as there is room for. */
export function busiest(quotes: Iterable<Quote>, most: number): Quote[] {
  return [...quotes].sort((a, b) => b.volume - a.volume).slice(0, most)
}

/** @returns the symbol, or a name made of the locate where the symbol is missing or damaged */
export function symbolOf(symbol: string, locate: number): string {
  return /^[!-~]+$/.test(symbol) ? symbol : `locate-${locate}`
}
