import { createReadStream } from 'node:fs'
import { batches, TruncatedFileError } from './binary-file.js'
import { Book, type BookCounts } from './book.js'
import { isCrossed, type Quote, quoteOf } from './quote.js'

/** What a file says when nothing stands between it and the book: all that the viewers are measured by. */
export interface Day {
  readonly records: number
  /** Where the record begins within which the file ends. */
  readonly truncatedAt: number | undefined
  readonly digest: string
  readonly counts: Readonly<BookCounts>
  /** The last quote of every stock. */
  readonly quotes: readonly Quote[]
  /** Symbols whose last bid is not below their last ask. */
  readonly crossed: readonly string[]
}

export async function readDay(file: string): Promise<Day> {
  const book = new Book()
  let records = 0
  const truncatedAt = await readRecords(file, (record) => {
    book.apply(record)
    records++
    return undefined
  })
  const quotes = book.stocks.map(quoteOf)
  return {
    records,
    truncatedAt,
    digest: book.digest(),
    counts: book.counts,
    quotes,
    crossed: quotes.filter(isCrossed).map(({ symbol }) => symbol),
  }
}

/**
 * Passes the whole records of a file on, one by one, and waits where it is told to.
 *
 * @returns the offset of a record within which the file ends
 */
export async function readRecords(
  file: string,
  take: (record: Uint8Array) => Promise<unknown> | undefined,
): Promise<number | undefined> {
  try {
    for await (const batch of batches(createReadStream(file))) {
      for (const record of batch) {
        const wait = take(record)
        if (wait !== undefined) await wait
      }
    }
    return undefined
  } catch (error) {
    if (error instanceof TruncatedFileError) return error.offset
    throw error
  }
}
