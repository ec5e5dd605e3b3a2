import { deepEqual, equal } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { records } from '../../itch/binary-file.js'
import { Book } from '../../itch/book.js'
import { decode, encode, type ItchMessage } from '../../itch/messages.js'
import type { Side, Stock } from '../../itch/stock.js'
import { bytesOf, day, examples } from './samples.js'

const header = { locate: 7, tracking: 0, timestamp: 0 }

t.test('follows a stock through one message of each type', async (t) => {
  const book = new Book()
  const acme = () => stockOf(book, 'ACME')
  for (const [hex, { type }] of examples) {
    if (type === 'B') {
      t.match(acme(), { volume: 120_175, trades: 4, lastPrice: 123_5000, lastShares: 120_000 })
      t.equal(acme().notional, 100 * 123_4500 + 50 * 123_5500 + 25 * 123_5200 + 120_000 * 123_5000)
    }
    book.apply(bytesOf(hex))
  }
  t.match(acme(), { volume: 120_125, trades: 3, lastPrice: 123_5000, state: 'T', suspect: false, crossed: false })
  t.equal(acme().vwap, (100 * 123_4500 + 25 * 123_5200 + 120_000 * 123_5000) / 120_125)
  t.equal(book.orders, 1)
  t.strictSame(levels(acme().asks), [[123_5900, 400, 1]])
  t.strictSame(levels(acme().bids), [])
  t.equal(book.digest(), sha256('1003 7 S 400 1235900'))
  t.match(book.counts, { messages: 23, skipped: 0, undecodable: 0, unknownTrades: 0, clamped: 0, duplicates: 0 })
  t.equal(book.event, 'O')
})

t.test('ends the sample day with the same orders as a plain book', async (t) => {
  const book = new Book()
  const plain = new PlainBook()
  for (const record of records(day)) {
    book.apply(record)
    plain.apply(decode(record) as ItchMessage)
  }
  compare(book, plain)
  t.equal(book.orders, 3204)
  t.equal(book.digest(), '3e209a01cf328fb6a64bf4f9dc9bae2e0813f4efbbd709e0afe3a036f2e32f41')
  t.strictSame(book.counts, {
    messages: 12_012,
    skipped: 0,
    undecodable: 0,
    unknown: { E: 18, C: 0, X: 3, D: 94, U: 2 },
    clamped: 0,
    duplicates: 0,
    unknownTrades: 0,
  })
  t.strictSame(
    book.stocks.map(({ symbol, crossed, suspect }) => [symbol, crossed, suspect]),
    ['ALC', 'BOB', 'CHAR'].map((symbol) => [symbol, true, true]),
  )
  t.equal(book.event, 'C')
})

t.test('begins anew when the day is repeated', async (t) => {
  const book = new Book()
  const digests = [1, 2, 3].map(() => {
    for (const record of records(day)) book.apply(record)
    t.equal(book.counts.messages, 12_012)
    return book.digest()
  })
  t.equal(new Set(digests).size, 1)
})

t.test('forgets everything when told to', async (t) => {
  const book = new Book()
  for (const record of records(day)) book.apply(record)
  book.reset()
  t.strictSame(book.counts, new Book().counts)
  t.equal(book.orders, 0)
  t.equal(book.event, '')
  t.strictSame(book.stocks, [])
  t.equal(book.stock(1), undefined)
  t.equal(book.digest(), sha256(''))
  for (const record of [...records(day)].slice(1)) book.apply(record)
  t.equal(book.orders, 3204)
  t.equal(book.counts.duplicates, 0)
})

t.test('does what a plain book does, whatever comes in whatever order', async () => {
  const book = new Book()
  fc.assert(
    fc.property(fc.array(anyChange, { size: 'max', maxLength: 200 }), (messages) => {
      book.reset()
      const plain = new PlainBook()
      for (const message of messages) {
        book.apply(encode(message))
        plain.apply(message)
      }
      compare(book, plain)
    }),
    { numRuns: 500 },
  )
})

t.test('takes any bytes', async () => {
  const book = new Book()
  const noise = fc.tuple(fc.constantFrom(...'SRHAFECXDUPQBz'), fc.uint8Array({ maxLength: 50 }))
  fc.assert(
    fc.property(fc.array(noise), (messages) => {
      book.reset()
      for (const [type, rest] of messages) book.apply(Uint8Array.of(type.charCodeAt(0), ...rest))
      for (const stock of book.stocks) equal(stock.locate, stock.bids.stock.locate)
      book.digest()
    }),
  )
})

t.test('counts what it cannot decode, and changes nothing', async (t) => {
  const book = new Book()
  add(book, 1, 'B', 100, 10)
  const before = book.digest()
  const replace = encode({ type: 'U', ...header, reference: 1, newReference: 2, shares: 1, price: 1 })
  new DataView(replace.buffer).setBigUint64(19, 2n ** 64n - 1n)
  const execute = encode({ type: 'E', ...header, reference: 1, shares: 1, match: 1 })
  new DataView(execute.buffer).setBigUint64(23, 2n ** 53n)
  const buy = encode({ type: 'A', ...header, stock: 'ACME', reference: 3, side: 'B', shares: 1, price: 1 })
  buy[19] = 'X'.charCodeAt(0)
  for (const bytes of [replace, execute, buy, buy.subarray(0, 35), new Uint8Array(0)]) book.apply(bytes)
  t.match(book.counts, { messages: 6, undecodable: 5, skipped: 0 })
  t.equal(book.digest(), before)
  t.match(book.stocks, [{ volume: 0, suspect: false }])
  t.equal(book.stocks.length, 1)
})

t.test('counts the messages that ITCH 5.0 does not have', async (t) => {
  const book = new Book()
  book.apply(bytesOf('7a 0007 0000 000000000000'))
  t.match(book.counts, { messages: 1, skipped: 1, undecodable: 0 })
})

t.test('marks a stock suspect, and no other, when an order is unknown', async (t) => {
  const changes: readonly ItchMessage[] = [
    { type: 'E', ...header, reference: 9, shares: 1, match: 1 },
    { type: 'C', ...header, reference: 9, shares: 1, match: 1, printable: 'N', price: 1 },
    { type: 'X', ...header, reference: 9, shares: 1 },
    { type: 'D', ...header, reference: 9 },
    { type: 'U', ...header, reference: 9, newReference: 10, shares: 1, price: 1 },
  ]
  for (const change of changes) {
    const book = new Book()
    add(book, 1, 'B', 100, 10, 'ACME', 7)
    add(book, 2, 'B', 100, 10, 'OTHER', 8)
    book.apply(encode(change))
    t.match(book.counts.unknown, { [change.type]: 1 })
    t.strictSame(
      book.stocks.map(({ suspect }) => suspect),
      [true, false],
      change.type,
    )
    t.match(stockOf(book, 'ACME'), { trades: 0, lastPrice: undefined, vwap: undefined })
    t.equal(book.orders, 2)
  }
})

t.test('counts the trade of an unknown order when the message tells its price', async (t) => {
  const book = new Book()
  book.apply(encode({ type: 'C', ...header, reference: 9, shares: 30, match: 1, printable: 'Y', price: 55 }))
  t.match(book.stocks, [{ symbol: '', volume: 30, lastPrice: 55, suspect: true }])
})

t.test('takes no more shares than an order has', async (t) => {
  const book = new Book()
  add(book, 1, 'S', 100, 10)
  add(book, 2, 'S', 100, 5)
  book.apply(encode({ type: 'E', ...header, reference: 1, shares: 11, match: 1 }))
  t.match(book.counts, { clamped: 1 })
  t.strictSame(levels(stockOf(book, 'ACME').asks), [[100, 5, 1]])
  t.match(stockOf(book, 'ACME'), { suspect: true, volume: 11 })
})

t.test('lets the later of two adds stand', async (t) => {
  const book = new Book()
  add(book, 1, 'B', 100, 10)
  add(book, 1, 'S', 120, 20)
  t.match(book.counts, { duplicates: 1 })
  t.equal(book.digest(), sha256('1 7 S 20 120'))
  t.strictSame(levels(stockOf(book, 'ACME').bids), [])
})

t.test('replaces an order by one of the same reference', async (t) => {
  const book = new Book()
  add(book, 1, 'B', 100, 10)
  book.apply(encode({ type: 'U', ...header, reference: 1, newReference: 1, shares: 7, price: 101 }))
  t.match(book.counts, { duplicates: 0 })
  t.equal(book.digest(), sha256('1 7 B 7 101'))
})

t.test('sums up each side by price, from worst to best', async (t) => {
  const book = new Book()
  for (const [reference, price] of [100, 102, 101, 102].entries()) add(book, reference, 'B', price, 10)
  for (const [reference, price] of [105, 103, 104, 103].entries()) add(book, 100 + reference, 'S', price, 20)
  const acme = stockOf(book, 'ACME')
  t.strictSame(levels(acme.bids), [
    [100, 10, 1],
    [101, 10, 1],
    [102, 20, 2],
  ])
  t.strictSame(levels(acme.asks), [
    [105, 20, 1],
    [104, 20, 1],
    [103, 40, 2],
  ])
  t.match(acme.bids.best, { price: 102, shares: 20, orders: 2 })
  t.match(acme.asks.best, { price: 103, shares: 40, orders: 2 })
  t.equal(acme.crossed, false)
  add(book, 500, 'B', 103, 1)
  t.equal(acme.crossed, true)
})

t.test('returns to the trade before when the last one is broken', async (t) => {
  const book = new Book()
  const acme = () => stockOf(book, 'ACME')
  const trade = (match: number, price: number, shares: number, stock = 'ACME', locate = 7) =>
    book.apply(encode({ type: 'P', ...header, locate, stock, reference: 0, side: 'B', shares, price, match }))
  const broken = (match: number) => book.apply(encode({ type: 'B', ...header, match }))
  trade(1, 100, 10)
  trade(2, 101, 20)
  trade(2, 102, 30)
  trade(3, 500, 40, 'OTHER', 8)
  broken(2)
  t.match(acme(), { lastPrice: 100, lastShares: 10, volume: 10, notional: 1000, trades: 1 })
  broken(2)
  t.match(book.counts, { unknownTrades: 1 })
  broken(1)
  t.match(acme(), { lastPrice: undefined, lastShares: 0, volume: 0, notional: 0, trades: 0, vwap: undefined })
  t.match(stockOf(book, 'OTHER'), { lastPrice: 500, lastShares: 40, volume: 40 })
})

t.test('ignores a cross that did not happen', async (t) => {
  const book = new Book()
  book.apply(encode({ type: 'Q', ...header, stock: 'ACME', shares: 0, price: 0, match: 1, crossType: 'O' }))
  t.match(book.stocks, [])
})

t.test('learns names from adds and trades when the directory was missed', async (t) => {
  const book = new Book()
  add(book, 1, 'B', 100, 10, 'ACME', 7)
  t.match(book.stocks, [{ symbol: 'ACME', locate: 7, state: 'H' }])
  t.equal(book.stock(7), book.stocks[0])
  t.equal(book.stock(8), undefined)
})

/** [price, shares, orders] of every level. */
function levels(side: Side): number[][] {
  return side.levels.map(({ price, shares, orders }) => [price, shares, orders])
}

function add(book: Book, reference: number, side: string, price: number, shares: number, stock = 'ACME', locate = 7) {
  book.apply(encode({ type: 'A', ...header, locate, reference, side, price, shares, stock }))
}

function stockOf(book: Book, symbol: string): Stock {
  const stock = book.stocks.find((stock) => stock.symbol === symbol)
  if (stock === undefined) throw new Error(`no ${symbol}`)
  return stock
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

interface PlainOrder {
  readonly reference: number
  readonly locate: number
  readonly side: string
  readonly price: number
  shares: number
}

interface PlainTrade {
  readonly match: number
  readonly locate: number
  readonly price: number
  readonly shares: number
}

/** The rules once more, as plainly as they can be told. */
class PlainBook {
  orders: PlainOrder[] = []
  trades: PlainTrade[] = []
  readonly suspects = new Set<number>()
  readonly unknown: Record<string, number> = { E: 0, C: 0, X: 0, D: 0, U: 0 }
  clamped = 0
  duplicates = 0
  unknownTrades = 0

  apply(message: ItchMessage): void {
    switch (message.type) {
      case 'A':
      case 'F':
        this.add(message)
        break
      case 'D':
        this.remove(this.find(message))
        break
      case 'U': {
        const old = this.find(message)
        this.remove(old)
        if (old) this.add({ ...old, reference: message.newReference, price: message.price, shares: message.shares })
        break
      }
      case 'E':
      case 'C':
      case 'X': {
        const order = this.find(message)
        if (message.type === 'E' && order) this.trades.push({ ...message, price: order.price })
        if (message.type === 'C' && message.printable === 'Y') this.trades.push({ ...message })
        if (order === undefined) break
        if (message.shares > order.shares) {
          this.clamped++
          this.suspects.add(message.locate)
        }
        order.shares = Math.max(0, order.shares - message.shares)
        if (order.shares === 0) this.remove(order)
        break
      }
      case 'P':
      case 'Q':
        if (message.type === 'P' || message.shares > 0) this.trades.push({ ...message })
        break
      case 'B': {
        const standing = this.trades.filter(({ match }) => match !== message.match)
        if (standing.length === this.trades.length) this.unknownTrades++
        this.trades = standing
      }
    }
  }

  digest(): string {
    const sorted = [...this.orders].sort((a, b) => a.reference - b.reference)
    return sha256(sorted.map((o) => `${o.reference} ${o.locate} ${o.side} ${o.shares} ${o.price}`).join('\n'))
  }

  levels(locate: number, side: string): number[][] {
    const orders = this.orders.filter((order) => order.locate === locate && order.side === side)
    const prices = [...new Set(orders.map(({ price }) => price))].sort((a, b) => (side === 'B' ? a - b : b - a))
    return prices.map((price) => {
      const there = orders.filter((order) => order.price === price)
      return [price, there.reduce((sum, { shares }) => sum + shares, 0), there.length]
    })
  }

  private add({ reference, locate, side, price, shares }: PlainOrder): void {
    const old = this.orders.find((order) => order.reference === reference)
    if (old) this.duplicates++
    this.remove(old)
    this.orders.push({ reference, locate, side, price, shares })
  }

  private remove(order: PlainOrder | undefined): void {
    this.orders = this.orders.filter((other) => other !== order)
  }

  private find(message: Extract<ItchMessage, { type: 'E' | 'C' | 'X' | 'D' | 'U' }>): PlainOrder | undefined {
    const order = this.orders.find(({ reference }) => reference === message.reference)
    if (order === undefined) {
      this.unknown[message.type] = (this.unknown[message.type] ?? 0) + 1
      this.suspects.add(message.locate)
    }
    return order
  }
}

function compare(book: Book, plain: PlainBook): void {
  equal(book.digest(), plain.digest())
  const { unknown, clamped, duplicates, unknownTrades } = book.counts
  deepEqual({ ...unknown }, plain.unknown)
  deepEqual([clamped, duplicates, unknownTrades], [plain.clamped, plain.duplicates, plain.unknownTrades])
  for (const stock of book.stocks) {
    const trades = plain.trades.filter(({ locate }) => locate === stock.locate)
    const last = trades.at(-1)
    equal(stock.suspect, plain.suspects.has(stock.locate))
    equal(stock.trades, trades.length)
    deepEqual([stock.lastPrice, stock.lastShares], [last?.price, last?.shares ?? 0])
    equal(
      stock.volume,
      trades.reduce((sum, { shares }) => sum + shares, 0),
    )
    equal(
      stock.notional,
      trades.reduce((sum, { shares, price }) => sum + shares * price, 0),
    )
    deepEqual(levels(stock.bids), plain.levels(stock.locate, 'B'))
    deepEqual(levels(stock.asks), plain.levels(stock.locate, 'S'))
  }
}

const few = (limit: number) => fc.integer({ min: 0, max: limit })
const common = { locate: fc.integer({ min: 1, max: 3 }), tracking: fc.constant(0), timestamp: fc.constant(0) }
const order = { reference: few(12), side: fc.constantFrom('B', 'S'), shares: few(20), price: few(8) }
const execution = { reference: few(12), shares: few(20), match: few(10) }
const named = { stock: fc.constant('ACME') }

const anyChange: fc.Arbitrary<ItchMessage> = fc.oneof(
  fc.record({ type: fc.constant('A' as const), ...common, ...order, ...named }),
  fc.record({ type: fc.constant('F' as const), ...common, ...order, ...named, mpid: fc.constant('NSDQ') }),
  fc.record({ type: fc.constant('E' as const), ...common, ...execution }),
  fc.record({
    type: fc.constant('C' as const),
    ...common,
    ...execution,
    printable: fc.constantFrom('Y', 'N'),
    price: few(8),
  }),
  fc.record({ type: fc.constant('X' as const), ...common, reference: few(12), shares: few(20) }),
  fc.record({ type: fc.constant('D' as const), ...common, reference: few(12) }),
  fc.record({
    type: fc.constant('U' as const),
    ...common,
    reference: few(12),
    newReference: few(12),
    shares: few(20),
    price: few(8),
  }),
  fc.record({ type: fc.constant('P' as const), ...common, ...order, ...named, match: few(10) }),
  fc.record({
    type: fc.constant('Q' as const),
    ...common,
    ...named,
    shares: few(20),
    price: few(8),
    match: few(10),
    crossType: fc.constant('O'),
  }),
  fc.record({ type: fc.constant('B' as const), ...common, match: few(10) }),
)
