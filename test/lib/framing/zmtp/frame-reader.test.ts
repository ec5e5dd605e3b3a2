import fc from 'fast-check'
import { test } from 'tap'
import { frame } from '../../../../lib/framing/zmtp/frame.js'
import { FrameReader } from '../../../../lib/framing/zmtp/frame-reader.js'
import { cut, fromHex, join, toHex } from './reader.js'

const bodies = [0, 1, 2, 254, 255, 256, 1_000].map((size, at) => new Uint8Array(size).fill(at + 1))
const flags = [0, 1, 4, 0, 1, 4, 0]
const stream = join(...bodies.map((body, at) => frame(flags[at] as number, body)))

function readAll(chunks: readonly Uint8Array[], maxBytes = 65_536): string[] {
  const reader = new FrameReader(maxBytes)
  const seen: string[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      seen.push(`${next.flags & 5} ${toHex(next.body)}`)
    }
  }
  return seen
}

const expected = bodies.map((body, at) => `${flags[at]} ${toHex(body)}`)

test('takes frames of every kind, whole, cut at every offset, and byte by byte', async (t) => {
  t.strictSame(readAll([stream]), expected)
  for (let at = 1; at < stream.length; at++) {
    if (toHex(join(...cut(stream, [at]))) !== toHex(stream)) t.fail('the cut is wrong')
    t.strictSame(readAll(cut(stream, [at])), expected, `cut at ${at}`)
  }
  t.strictSame(readAll(cut(stream, [...stream.keys()].slice(1))), expected)
})

test('takes frames however they are cut', async () => {
  const places = fc.array(fc.integer({ min: 1, max: stream.length - 1 }), { maxLength: 20 })
  fc.assert(fc.property(places, (at) => readAll(cut(stream, at)).join() === expected.join()))
})

test('leaves what it has given out as it is when more arrives', async (t) => {
  const reader = new FrameReader(65_536)
  const given: Uint8Array[] = []
  for (const chunk of cut(stream, [1, 3, 5, 100, 700])) {
    reader.push(chunk)
    for (let next = reader.next(); next !== undefined; next = reader.next()) given.push(next.body)
  }
  t.strictSame(given.map(toHex), bodies.map(toHex))
})

test('refuses a frame above the limit by its size alone, in both forms', async (t) => {
  const cases: [start: string, maxBytes: number, message: RegExp][] = [
    ['00 0b', 10, /frame of 11 bytes, at most 10/],
    ['02 0000000000010001', 65_536, /frame of 65537 bytes/],
    ['02 7fffffffffffffff', 65_536, /frame of 9223372036854776000 bytes/],
    ['06 8000000000000000', 65_536, /top bit is set/],
  ]
  for (const [start, maxBytes, message] of cases) {
    t.throws(() => readAll([fromHex(start)], maxBytes), { code: 'BAD_PEER', message })
  }
  t.strictSame(readAll([fromHex('00 02 4142')], 2), ['0 4142'])
})

test('reserves no more than twice what has arrived of a large frame', async (t) => {
  const sizes: number[] = []
  const reader = new FrameReader(1 << 24, (size) => {
    sizes.push(size)
    return new Uint8Array(size)
  })
  const whole = frame(0, new Uint8Array(1 << 20).fill(7))
  let arrived = 0
  for (let at = 0; at < whole.length; at += 10_000) {
    const chunk = whole.slice(at, at + 10_000)
    arrived += chunk.length
    reader.push(chunk)
    t.ok((sizes.at(-1) ?? 0) <= Math.max(4_096, 2 * arrived), `${arrived}`)
    if (arrived < whole.length) t.equal(reader.next(), undefined)
  }
  t.equal(reader.next()?.body.length, 1 << 20)
  t.ok(sizes.length < 12, `${sizes.length} times`)
})

test('gives up what it has not taken as a frame, once', async (t) => {
  const reader = new FrameReader(65_536)
  reader.push(fromHex('04 01 41 00 05 42'))
  t.equal(toHex(reader.next()?.body ?? new Uint8Array(0)), '41')
  t.equal(reader.next(), undefined)
  t.equal(toHex(reader.rest()), '000542')
  t.equal(reader.rest().length, 0)
  reader.push(fromHex('00 01 43'))
  t.equal(toHex(reader.next()?.body ?? new Uint8Array(0)), '43')
})

test('never throws anything but BAD_PEER, whatever arrives', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (chunks) => {
      try {
        readAll(chunks, 100)
      } catch (error) {
        return (error as { code?: string }).code === 'BAD_PEER'
      }
      return true
    }),
  )
})
