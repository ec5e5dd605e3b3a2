import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { records } from '../../itch/binary-file.js'
import { Book } from '../../itch/book.js'
import { readDay, readRecords } from '../../itch/day.js'
import { day } from './samples.js'

t.test('knows of a file what a book knows that was fed with it', async (t) => {
  const file = join(t.testdir(), 'day.itch')
  await writeFile(file, day)
  const book = new Book()
  for (const record of records(day)) book.apply(record)
  const read = await readDay(file)
  t.match(read, { records: 12_012, truncatedAt: undefined, digest: book.digest(), crossed: ['ALC', 'BOB', 'CHAR'] })
  t.strictSame(read.counts, book.counts)
  t.strictSame(read.quotes[0], {
    symbol: 'ALC',
    bid: 27_0600,
    bidShares: 100,
    ask: 20_5400,
    askShares: 100,
    last: 23_1000,
    volume: 95_822,
  })
})

t.test('reads up to the record within which a file ends, and tells where that is', async (t) => {
  const file = join(t.testdir(), 'day.itch')
  // Each record of the sample is longer than 3 bytes, so that this one is cut.
  const [first, second, third] = [...records(day)] as [Uint8Array, Uint8Array, Uint8Array]
  const offset = 2 + first.length + 2 + second.length
  await writeFile(file, day.subarray(0, offset + 2 + third.length - 1))
  const read: Uint8Array[] = []
  const truncatedAt = await readRecords(file, (record) => {
    read.push(record.slice())
    return undefined
  })
  t.equal(truncatedAt, offset)
  t.strictSame(read.map(Buffer.from), [first, second].map(Buffer.from))
})

t.test('waits where it is told to', async (t) => {
  const file = join(t.testdir(), 'day.itch')
  await writeFile(file, day.subarray(0, 100))
  let under = 0
  await readRecords(file, async () => {
    t.equal(++under, 1)
    await new Promise(setImmediate)
    under--
  })
})
