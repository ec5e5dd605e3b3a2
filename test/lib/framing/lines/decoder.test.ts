import fc from 'fast-check'
import { test } from 'tap'
import { LineDecoder, type LineDecoderOptions } from '../../../../lib/framing/lines/decoder.js'
import { cut, fromHex, join, toHex } from '../zmtp/reader.js'

const MAX = 1 << 20

class Reading {
  readonly lines: string[] = []
  /** Says no after every so many lines. */
  stopEvery = Number.POSITIVE_INFINITY
  allocated = 0
  most = 0
  readonly decoder: LineDecoder

  constructor(options: Partial<LineDecoderOptions> = {}) {
    this.decoder = new LineDecoder(
      (bytes, start, end) => {
        this.lines.push(toHex(bytes.subarray(start, end)))
        return this.lines.length % this.stopEvery !== 0
      },
      {
        maxLineBytes: MAX,
        allocate: (size) => {
          this.allocated++
          this.most = Math.max(this.most, size)
          return new Uint8Array(size).fill(0x0a)
        },
        ...options,
      },
    )
  }
}

/** All lines that `chunks` hold, the last one without its end as well. */
function read(chunks: readonly Uint8Array[]): string[] {
  const reading = new Reading()
  for (const chunk of chunks) reading.decoder.push(chunk)
  reading.decoder.finish()
  return reading.lines
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/** As the manual says it: newlines end lines, with one carriage return in front or none; the end of all ends one, too. */
function linesOf(bytes: Uint8Array): string[] {
  const lines = textOf(bytes).split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines.map((line) => Buffer.from(line.replace(/\r$/, ''), 'latin1').toString('hex'))
}

const VECTORS: readonly (readonly [text: string, lines: readonly string[]])[] = [
  ['ABC\nhello\n', ['ABC', 'hello']],
  ['ABC\r\nhello\r\n', ['ABC', 'hello']],
  ['\n\n\r\na\n', ['', '', '', 'a']],
  ['a\r\r\nb\rc\n\rd\n', ['a\r', 'b\rc', '\rd']],
  ['a\nno end', ['a', 'no end']],
  ['a\nhalf an end\r', ['a', 'half an end']],
  ['\0\x01\xff\n', ['\0\x01\xff']],
  ['', []],
]

test('reads every vector whole, and cut at every pair of offsets', async (t) => {
  for (const [text, lines] of VECTORS) {
    const bytes = new Uint8Array(Buffer.from(text, 'latin1'))
    const expected = lines.map((line) => Buffer.from(line, 'latin1').toString('hex'))
    t.strictSame(linesOf(bytes), expected)
    t.strictSame(read([bytes]), expected)
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const name = `${JSON.stringify(text)} cut at ${first} and ${second}`
        t.strictSame(read(cut(bytes, [first, second])), expected, name)
      }
    }
  }
})

test('hands on a line when its newline comes, and says whether one has begun', async (t) => {
  const { decoder, lines } = new Reading()
  t.equal(decoder.begun, false)
  decoder.push(Buffer.from('ab'))
  t.equal(decoder.begun, true)
  t.strictSame(lines, [])
  decoder.push(Buffer.from('\ncd'))
  t.strictSame(lines, ['6162'])
  t.equal(decoder.begun, true)
  decoder.push(Buffer.from('\n'))
  t.equal(decoder.begun, false)
  t.equal(decoder.finish(), true)
  t.strictSame(lines, ['6162', '6364'])
})

const likely = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0x0a, 0x0d, 0x0a, 0x0d, 0x61) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 255 }) },
)

test('reads any bytes as lines, wherever they are cut and however often it is stopped', async (t) => {
  fc.assert(
    fc.property(
      fc.array(likely, { maxLength: 60 }),
      fc.array(fc.nat(60), { maxLength: 8 }),
      fc.integer({ min: 1, max: 5 }),
      (junk, places, stopEvery) => {
        const bytes = Uint8Array.from(junk)
        const expected = linesOf(bytes)
        const chunks = cut(
          bytes,
          places.map((place) => Math.min(place, bytes.length)),
        )
        t.strictSame(read(chunks), expected)
        const reading = new Reading()
        reading.stopEvery = stopEvery
        const { decoder } = reading
        let going = true
        for (const chunk of chunks) {
          const before = reading.lines.length
          const wasGoing = going
          going = decoder.push(chunk)
          t.equal(decoder.stopped, !going)
          if (!wasGoing) t.equal(reading.lines.length, before, 'nothing is handed on while stopped')
        }
        let stops = 0
        const goOn = () => {
          while (!going) {
            stops++
            going = decoder.resume()
          }
        }
        goOn()
        going = decoder.finish()
        t.equal(decoder.stopped, !going)
        goOn()
        t.equal(stops, Math.floor(expected.length / stopEvery))
        t.strictSame(reading.lines, expected)
      },
    ),
  )
})

test('reads 10,000 lines in one chunk without a copy, and byte by byte', async (t) => {
  const bytes = new Uint8Array(Buffer.from(Array.from({ length: 10_000 }, (_, i) => `line ${i}\r\n`).join('')))
  const expected = linesOf(bytes)
  const whole = new Reading()
  whole.decoder.push(bytes)
  t.strictSame(whole.lines, expected)
  t.equal(whole.allocated, 0)
  t.strictSame(read(Array.from(bytes, (byte) => Uint8Array.of(byte))), expected)
})

test('puts a line that straddles chunks together in memory of just its size', async (t) => {
  const reading = new Reading()
  const sizes: number[] = []
  const decoder = new LineDecoder(
    (bytes, start, end) => {
      sizes.push(bytes.length)
      reading.lines.push(toHex(bytes.subarray(start, end)))
      return true
    },
    { maxLineBytes: MAX, allocate: (size) => new Uint8Array(size) },
  )
  for (const text of ['ab', 'cd', 'ef', '\r', '\nxy', '\n']) decoder.push(Buffer.from(text))
  t.strictSame(
    reading.lines.map((line) => Buffer.from(line, 'hex').toString()),
    ['abcdef', 'xy'],
  )
  t.strictSame(sizes, [7, 2])
})

test('takes a line of the limit with any end, and refuses one byte more as soon as it has come', async (t) => {
  const most = 100
  const full = new Uint8Array(most).fill(0x61)
  for (const end of ['0a', '0d0a', '', '0d']) {
    const bytes = join(full, fromHex(end))
    for (let at = 0; at <= bytes.length; at++) {
      const reading = new Reading({ maxLineBytes: most })
      for (const chunk of cut(bytes, [at])) reading.decoder.push(chunk)
      reading.decoder.finish()
      t.strictSame(reading.lines, [toHex(full)], `with ${end} cut at ${at}`)
    }
  }
  for (const rest of ['61', '610a', '0d61', '0d0d', '0d0d0a', '0d610a', '610d0a']) {
    const bytes = join(Uint8Array.of(0x62, 0x0a), full, fromHex(rest))
    for (let at = 0; at <= bytes.length; at++) {
      const reading = new Reading({ maxLineBytes: most })
      const feed = () => {
        for (const chunk of cut(bytes, [at])) reading.decoder.push(chunk)
      }
      t.throws(feed, { code: 'BAD_PEER', message: /a line of at least 10\d bytes, at most 100 are accepted/ })
      t.strictSame(reading.lines, ['62'], `${rest} cut at ${at}`)
    }
  }
})

test('never reserves more than twice what has come, and reads each byte about once', async (t) => {
  for (const size of [100, 65_536, 400_000, MAX]) {
    for (const step of [1_000, 65_536]) {
      const bytes = join(new Uint8Array(size).fill(0x61), Uint8Array.of(0x0a))
      const reading = new Reading()
      for (let at = 0; at < bytes.length; at += step) {
        const came = Math.min(bytes.length, at + step)
        reading.decoder.push(bytes.slice(at, came))
        t.ok(reading.most <= 2 * came, `${reading.most} for ${came} bytes of ${size}`)
      }
      t.equal(reading.lines[0]?.length, 2 * size)
      t.ok(reading.allocated <= 13, `${reading.allocated} times`)
    }
  }
})

test('hands on nothing more once it is closed, in the middle of a chunk and of a line, too', async (t) => {
  const seen: string[] = []
  const decoder: LineDecoder = new LineDecoder(
    (chunk, start, end) => {
      seen.push(textOf(chunk.subarray(start, end)))
      if (seen.length === 2) decoder.close()
      return seen.length !== 2
    },
    { maxLineBytes: 10, allocate: (size) => new Uint8Array(size) },
  )
  t.equal(decoder.push(Buffer.from('a\nb\nc\n')), false)
  t.equal(decoder.push(Buffer.from('d\n')), false)
  t.equal(decoder.stopped, false)
  t.equal(decoder.finish(), false)
  t.strictSame(seen, ['a', 'b'])

  const begun = new Reading()
  begun.decoder.push(Buffer.from('abc'))
  begun.decoder.close()
  t.equal(begun.decoder.begun, false)
  t.equal(begun.decoder.finish(), false)
  t.strictSame(begun.lines, [])
})
