import { createHash } from 'node:crypto'
import { ItchError, layouts, typeOf } from './messages.js'
import { Orders } from './orders.js'
import { type Side, Stock } from './stock.js'
import { Trades } from './trades.js'

const { S, R, H, A, E, C, X, D, U, P, Q, B } = layouts

/** What a book met since its last reset. */
export interface BookCounts {
  messages: number
  /** Of a type that ITCH 5.0 does not have. */
  skipped: number
  /** Too short, or with a number of 2^53 or more, or on no side. */
  undecodable: number
  /** Changes to orders that the book does not have, by message type: their adds are missing. */
  readonly unknown: { E: number; C: number; X: number; D: number; U: number }
  /** Changes that took more shares than their order had. */
  clamped: number
  /** Adds of orders that the book had already. The later add stands. */
  duplicates: number
  /** Broken trades that the book has not seen, or has undone already. */
  unknownTrades: number
}

/**
 * The open orders, levels and trades of every stock of a feed.
 *
 * It takes whatever comes and throws nothing. What cannot be right, because messages before it are missing or damaged,
 * is counted; where a change does not fit the orders, the stock becomes suspect.
 */
export class Book {
  #counts = noCounts()
  #event = ''
  readonly #orders = new Orders()
  readonly #trades = new Trades()
  #stocks: Stock[] = []
  readonly #byLocate = new Array<Stock | undefined>(0x1_0000).fill(undefined)

  get counts(): Readonly<BookCounts> {
    return this.#counts
  }

  /** The letter of the last system event, from O, start of messages, to C, end of messages. */
  get event(): string {
    return this.#event
  }

  /** How many orders are open. */
  get orders(): number {
    return this.#orders.size
  }

  /** In the order in which messages first spoke of them. */
  get stocks(): readonly Stock[] {
    return this.#stocks
  }

  /** @param locate as in the header of every message about the stock */
  stock(locate: number): Stock | undefined {
    return this.#byLocate[locate]
  }

  /** Forgets everything: references, match numbers and locates hold for one day. The start of messages does it too. */
  reset(): void {
    this.#counts = noCounts()
    this.#event = ''
    this.#orders.clear()
    this.#trades.clear()
    for (const { locate } of this.#stocks) this.#byLocate[locate] = undefined
    this.#stocks = []
  }

  /** Takes one message, from `at` on in `bytes`, which are not kept. */
  apply(bytes: Uint8Array, at = 0, length = bytes.length - at): void {
    try {
      this.#apply(bytes, at, length)
    } catch (error) {
      if (!(error instanceof ItchError)) throw error
      this.#counts.undecodable++
    }
    // After the message, so that the one which starts a day is counted in it.
    this.#counts.messages++
  }

  /**
   * The same for two books that hold the same orders.
   *
   * @returns the SHA-256, in hex, of a line `reference locate side shares price` for each open order by ascending
   *   reference, with a newline between two lines
   */
  digest(): string {
    const orders = this.#orders
    const lines = Array.from(orders.references(), (reference) => {
      const slot = orders.find(reference)
      const { side, price } = orders.level(slot)
      return `${reference} ${side.stock.locate} ${side.letter} ${orders.shares(slot)} ${price}`
    })
    return createHash('sha256').update(lines.join('\n')).digest('hex')
  }

  #apply(bytes: Uint8Array, at: number, length: number): void {
    switch (typeOf(bytes, at, length)) {
      case 'S':
        this.#enter(bytes, at)
        break
      case 'R':
        this.#nameStock(bytes, at)
        break
      case 'H':
        this.#setState(bytes, at)
        break
      case 'A':
      case 'F': // A with one more field at its end
        this.#add(bytes, at)
        break
      case 'E':
        this.#execute(bytes, at)
        break
      case 'C':
        this.#executeAtPrice(bytes, at)
        break
      case 'X':
        this.#cancel(bytes, at)
        break
      case 'D':
        this.#delete(bytes, at)
        break
      case 'U':
        this.#replace(bytes, at)
        break
      case 'P':
        this.#trade(bytes, at)
        break
      case 'Q':
        this.#cross(bytes, at)
        break
      case 'B':
        this.#break(bytes, at)
        break
      case undefined:
        this.#counts.skipped++
    }
  }

  // Below, references and match numbers are read before anything changes: one that is too large throws, and may leave
  // no half of a change behind.

  #enter(bytes: Uint8Array, at: number): void {
    const event = S.event.read(bytes, at)
    if (event === 'O') this.reset()
    this.#event = event
  }

  #nameStock(bytes: Uint8Array, at: number): void {
    this.#stockAt(R.locate.read(bytes, at)).symbol = R.stock.read(bytes, at)
  }

  #setState(bytes: Uint8Array, at: number): void {
    this.#named(H, bytes, at).state = H.state.read(bytes, at)
  }

  #add(bytes: Uint8Array, at: number): void {
    const reference = A.reference.read(bytes, at)
    const side = A.side.read(bytes, at)
    if (side !== 'B' && side !== 'S') throw new ItchError('BAD_FIELD', `an order on side ${side}`)
    const { bids, asks } = this.#named(A, bytes, at)
    this.#open(reference, side === 'B' ? bids : asks, A.price.read(bytes, at), A.shares.read(bytes, at))
  }

  #execute(bytes: Uint8Array, at: number): void {
    const reference = E.reference.read(bytes, at)
    const match = E.match.read(bytes, at)
    const shares = E.shares.read(bytes, at)
    const stock = this.#stockAt(E.locate.read(bytes, at))
    const price = this.#reduce('E', stock, reference, shares)
    // The price of the trade stands in the add alone.
    if (price !== undefined) this.#trades.add(match, stock, price, shares)
  }

  #executeAtPrice(bytes: Uint8Array, at: number): void {
    const reference = C.reference.read(bytes, at)
    const match = C.match.read(bytes, at)
    const shares = C.shares.read(bytes, at)
    const stock = this.#stockAt(C.locate.read(bytes, at))
    this.#reduce('C', stock, reference, shares)
    // What is not printable comes again, as part of a cross.
    if (C.printable.read(bytes, at) === 'Y') this.#trades.add(match, stock, C.price.read(bytes, at), shares)
  }

  #cancel(bytes: Uint8Array, at: number): void {
    const reference = X.reference.read(bytes, at)
    this.#reduce('X', this.#stockAt(X.locate.read(bytes, at)), reference, X.shares.read(bytes, at))
  }

  #delete(bytes: Uint8Array, at: number): void {
    const reference = D.reference.read(bytes, at)
    const slot = this.#find('D', this.#stockAt(D.locate.read(bytes, at)), reference)
    if (slot >= 0) this.#close(slot)
  }

  #replace(bytes: Uint8Array, at: number): void {
    const reference = U.reference.read(bytes, at)
    const newReference = U.newReference.read(bytes, at)
    const slot = this.#find('U', this.#stockAt(U.locate.read(bytes, at)), reference)
    if (slot < 0) return
    const { side } = this.#orders.level(slot)
    this.#close(slot)
    this.#open(newReference, side, U.price.read(bytes, at), U.shares.read(bytes, at))
  }

  #trade(bytes: Uint8Array, at: number): void {
    const match = P.match.read(bytes, at)
    this.#trades.add(match, this.#named(P, bytes, at), P.price.read(bytes, at), P.shares.read(bytes, at))
  }

  #cross(bytes: Uint8Array, at: number): void {
    const match = Q.match.read(bytes, at)
    const shares = Q.shares.read(bytes, at)
    if (shares > 0) this.#trades.add(match, this.#named(Q, bytes, at), Q.price.read(bytes, at), shares)
  }

  #break(bytes: Uint8Array, at: number): void {
    if (this.#trades.break(B.match.read(bytes, at)) === 0) this.#counts.unknownTrades++
  }

  #open(reference: number, side: Side, price: number, shares: number): void {
    const slot = this.#orders.find(reference)
    if (slot >= 0) {
      this.#counts.duplicates++
      this.#close(slot)
    }
    const level = side.level(price)
    level.shares += shares
    level.orders++
    this.#orders.add(reference, level, shares)
  }

  /** @returns the price of the order, undefined when the book does not have it */
  #reduce(type: 'E' | 'C' | 'X', stock: Stock, reference: number, shares: number): number | undefined {
    const slot = this.#find(type, stock, reference)
    if (slot < 0) return undefined
    const level = this.#orders.level(slot)
    const left = this.#orders.shares(slot) - shares
    if (left < 0) {
      this.#counts.clamped++
      stock.suspect = true
    }
    if (left <= 0) {
      this.#close(slot)
    } else {
      this.#orders.setShares(slot, left)
      level.shares -= shares
    }
    return level.price
  }

  #close(slot: number): void {
    const level = this.#orders.level(slot)
    level.shares -= this.#orders.shares(slot)
    level.orders--
    if (level.orders === 0) level.side.remove(level)
    this.#orders.remove(slot)
  }

  /** @returns the slot of an order that a message of this type changes, or -1 */
  #find(type: keyof BookCounts['unknown'], stock: Stock, reference: number): number {
    const slot = this.#orders.find(reference)
    if (slot < 0) {
      this.#counts.unknown[type]++
      stock.suspect = true
    }
    return slot
  }

  #stockAt(locate: number): Stock {
    const known = this.#byLocate[locate]
    if (known !== undefined) return known
    const stock = new Stock(locate)
    this.#byLocate[locate] = stock
    this.#stocks.push(stock)
    return stock
  }

  /** For messages that name their stock: its directory entry may have been missed. */
  #named(layout: typeof H | typeof A | typeof P | typeof Q, bytes: Uint8Array, at: number): Stock {
    const stock = this.#stockAt(layout.locate.read(bytes, at))
    if (stock.symbol === '') stock.symbol = layout.stock.read(bytes, at)
    return stock
  }
}

function noCounts(): BookCounts {
  return {
    messages: 0,
    skipped: 0,
    undecodable: 0,
    unknown: { E: 0, C: 0, X: 0, D: 0, U: 0 },
    clamped: 0,
    duplicates: 0,
    unknownTrades: 0,
  }
}
