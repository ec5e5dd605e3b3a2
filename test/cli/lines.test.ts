import fc from 'fast-check'
import t from 'tap'
import { readLines } from '../../cli/lines.js'

async function* cut(whole: Uint8Array, ...at: number[]): AsyncGenerator<Uint8Array> {
  const places = [0, ...at.filter((place) => place < whole.length).sort((a, b) => a - b), whole.length]
  for (let i = 1; i < places.length; i++) yield whole.subarray(places[i - 1], places[i])
}

const linesOf = async (text: string, ...at: number[]) => {
  const lines: string[] = []
  for await (const line of readLines(cut(Buffer.from(text, 'latin1'), ...at))) lines.push(line.toString('latin1'))
  return lines
}

t.test('cuts at newlines and nowhere else', async (t) => {
  t.strictSame(await linesOf('a\nb\n'), ['a', 'b'])
  t.strictSame(await linesOf('a\nb'), ['a', 'b'], 'the last newline may be missing')
  t.strictSame(await linesOf('\n\na'), ['', '', 'a'], 'empty lines are lines')
  t.strictSame(await linesOf(''), [])
  t.strictSame(await linesOf('a\r\n\xff\x00\x85\n'), ['a\r', '\xff\x00\x85'], 'bytes stay what they are')
})

t.test('does not care how the input comes in pieces', async (t) => {
  const letters = fc.string({ unit: fc.constantFrom('\n', 'a', '\xff'), maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(letters, fc.array(fc.nat({ max: 30 })), async (text, at) => {
      const expected = text.split('\n')
      if (expected.at(-1) === '') expected.pop()
      t.strictSame(await linesOf(text, ...at), expected)
    }),
  )
})

t.test('refuses a line that never ends', async (t) => {
  let given = 0
  async function* endless() {
    const chunk = new Uint8Array(1024 * 1024)
    for (;;) {
      given++
      yield chunk
    }
  }
  await t.rejects(readLines(endless()).next(), { name: 'RangeError', message: /longer than 67108864 bytes/ })
  t.equal(given, 65)
})
