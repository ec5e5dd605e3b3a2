import { deepEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { batches, records, TruncatedFileError } from '../../itch/binary-file.js'
import { bytesOf, day } from './samples.js'

t.test('reads the 12,012 records of the sample day', async (t) => {
  const read = [...records(day)]
  t.equal(read.length, 12_012)
  t.equal(
    read.reduce((sum, { length }) => sum + 2 + length, 0),
    day.length,
  )
})

t.test('gives views, not copies', async (t) => {
  const file = bytesOf('0001 41')
  const [record] = records(file)
  file[2] = 0x42
  t.strictSame(record, bytesOf('42'))
})

t.test('reads the same from chunks of any size', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 20 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 700 }),
      async (expected, marked, size) => {
        const file = Buffer.concat([...expected.map(framed), Buffer.alloc(marked ? 2 : 0)])
        deepEqual([...records(file)].map(hex), expected.map(hex))
        deepEqual(await flatten(batches(chunks(file, size))), expected.map(hex))
      },
    ),
  )
})

t.test('delivers what is whole before it tells where the file breaks off', async (t) => {
  const file = bytesOf('0002 4142 0003 434445')
  for (let length = 0; length <= file.length; length++) {
    const [whole, broken] = length < 4 ? [0, 0] : length < 9 ? [1, 4] : [2, 9]
    for (const size of [1, 2, 3, 100]) {
      const read: string[] = []
      const error = await failure(async () => {
        for await (const batch of batches(chunks(file.subarray(0, length), size))) read.push(...batch.map(hex))
      })
      check(read, error)
    }
    const read: string[] = []
    const error = await failure(async () => {
      for (const record of records(file.subarray(0, length))) read.push(hex(record))
    })
    check(read, error)

    function check(read: readonly string[], error: unknown): void {
      t.strictSame(read, ['4142', '434445'].slice(0, whole), `${length} bytes`)
      if (length === broken) t.equal(error, undefined)
      else t.match(error, { constructor: TruncatedFileError, offset: broken, message: `at byte ${broken}` })
    }
  }
})

t.test('stops at the mark, whatever follows it', async (t) => {
  const file = bytesOf('0001 41 0000 0001 42 00')
  t.strictSame([...records(file)].map(hex), ['41'])
  for (const size of [1, 2, 5, 100]) t.strictSame(await flatten(batches(chunks(file, size))), ['41'])
})

t.test('reads a record of 65,535 bytes', async (t) => {
  const record = new Uint8Array(0xffff).fill(7)
  t.strictSame([...records(framed(record))].map(hex), [hex(record)])
})

t.test('finds nothing in an empty file', async (t) => {
  t.strictSame([...records(new Uint8Array(0))], [])
  t.strictSame(await flatten(batches(chunks(new Uint8Array(0), 1))), [])
})

function framed(record: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(record.length >> 8, record.length & 255), record])
}

async function* chunks(file: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size)
}

async function flatten(batches: AsyncIterable<Uint8Array[]>): Promise<string[]> {
  const read: string[] = []
  for await (const batch of batches) read.push(...batch.map(hex))
  return read
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

async function failure(call: () => Promise<void>): Promise<unknown> {
  return call().then(
    () => undefined,
    (error: unknown) => error,
  )
}
