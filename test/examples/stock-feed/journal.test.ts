import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Journal } from '../../../examples/stock-feed/journal.js'

const from = { stream: 'ABCDEFGHIJ', run: 1234, next: 100 }
const passes = { ended: 2, digest: 'abc', differing: 0 }
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

t.test('has nothing to tell before it was begun', async (t) => {
  t.equal(
    new Journal(join(t.testdir(), 'journal')).recover(() => t.fail('a message')),
    undefined,
  )
})

t.test('gives back what was written, and the place behind it', async (t) => {
  const { path } = written(t.testdir())
  const { place, messages } = recover(path)
  t.strictSame(place, { from: { ...from, next: 108 }, passes })
  t.strictSame(messages, ['one', 'two', 'three'])
})

t.test('loses only the messages that are not whole, wherever it was cut', async (t) => {
  const { path, starts } = written(t.testdir())
  const bytes = readFileSync(path)
  const nexts = [100, 101, 105, 108]
  for (let length = starts[0] as number; length <= bytes.length; length++) {
    writeFileSync(path, bytes.subarray(0, length))
    const count = starts.filter((start) => start <= length).length - 1
    const { place, messages } = recover(path)
    t.equal(messages.length, count, `${length} bytes`)
    t.equal(place?.from.next, nexts[count])
    t.equal(readFileSync(path).length, starts[count], 'the rest is cut off')
  }
})

t.test('goes on behind what it has recovered', async (t) => {
  const { path, starts } = written(t.testdir())
  writeFileSync(path, readFileSync(path).subarray(0, (starts[2] as number) + 3))
  const journal = new Journal(path)
  journal.recover(() => undefined)
  journal.add(106, Buffer.from('again'))
  journal.write()
  journal.close()
  t.strictSame(recover(path).messages, ['one', 'two', 'again'])
  t.equal(recover(path).place?.from.next, 107)
})

t.test('forgets what was before when it is begun anew', async (t) => {
  const { path } = written(t.testdir())
  const journal = new Journal(path)
  journal.recover(() => undefined)
  journal.add(108, Buffer.from('not written'))
  journal.begin({ from: { ...from, next: 200 }, passes: { ended: 3, differing: 0 } })
  journal.add(200, Buffer.from('new'))
  journal.write()
  journal.close()
  const { place, messages } = recover(path)
  t.strictSame(place, { from: { ...from, next: 201 }, passes: { ended: 3, differing: 0 } })
  t.strictSame(messages, ['new'])
})

/** A journal of three messages. @returns where each of them starts, and where the last one ends */
function written(directory: string): { path: string; starts: number[] } {
  const path = join(directory, 'journal')
  const journal = new Journal(path)
  journal.begin({ from, passes })
  const starts = [readFileSync(path).length]
  for (const [number, message] of [
    [100, 'one'],
    [104, 'two'],
    [107, 'three'],
  ] as const) {
    journal.add(number, Buffer.from(message))
    journal.write()
    starts.push(readFileSync(path).length)
  }
  journal.close()
  return { path, starts }
}

function recover(path: string) {
  const messages: string[] = []
  const journal = new Journal(path)
  const place = journal.recover((message) => messages.push(text(message)))
  journal.close()
  return { place, messages }
}
