/** The messages of Nasdaq TotalView-ITCH 5.0, the file that they stand in, and the order book that they make. */
export { batches, records, TruncatedFileError } from './binary-file.js'
export { Book, type BookCounts } from './book.js'
export { type Day, readDay, readRecords } from './day.js'
export {
  decode,
  encode,
  ItchError,
  type ItchErrorCode,
  type ItchMessage,
  type ItchType,
  layouts,
  typeOf,
} from './messages.js'
export { busiest, isCrossed, type Quote, quoteOf, sameQuote, symbolOf } from './quote.js'
export { sample } from './sample.js'
export type { Level, Side, Stock } from './stock.js'
