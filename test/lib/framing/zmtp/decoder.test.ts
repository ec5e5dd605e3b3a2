import fc from 'fast-check'
import { test } from 'tap'
import { FanwireError } from '../../../../lib/errors.js'
import { Decoder } from '../../../../lib/framing/zmtp/decoder.js'
import { command } from '../../../../lib/framing/zmtp/frame.js'
import { writeSkip } from '../../../../lib/framing/zmtp/peers.js'
import { Collector, cut, framed, fromHex, join, read, type Seen, toHex } from './reader.js'

const SIZES = [0, 1, 255, 256, 65_535, 65_536]

function skip(count: number): Uint8Array {
  const bytes = new Uint8Array(16)
  writeSkip(bytes, 0, count, 'dropped')
  return bytes
}

function filled(size: number, value = 0x61): Uint8Array {
  return new Uint8Array(size).fill(value)
}

const body = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(254, 255, 256, 257, 1000).map((size) => filled(size)),
)

/** One unit of traffic with what a reader must see of it. */
const unit: fc.Arbitrary<{ bytes: Uint8Array; seen: Seen[] }> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(body, body).map((frames) => ({ bytes: framed(...frames), seen: [message(frames)] })),
  },
  {
    weight: 2,
    arbitrary: fc
      .array(body, { minLength: 1, maxLength: 5 })
      .map((frames) => ({ bytes: framed(...frames), seen: [message(frames)] })),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
      .map((count) => ({ bytes: skip(count), seen: [{ skip: [count, 'dropped'] as const }] })),
  },
  {
    weight: 1,
    arbitrary: body.map((data) => ({
      bytes: command('PING', data),
      seen: [{ command: ['PING', toHex(data)] as const }],
    })),
  },
)

function message(frames: readonly Uint8Array[]): Seen {
  return {
    topic: toHex(frames[0] as Uint8Array),
    data: toHex(frames[1] ?? frames[0]?.subarray(0, 0) ?? new Uint8Array(0)),
    ...(frames.length !== 2 && { frames: frames.map(toHex) }),
  }
}

test('reads any traffic the same, wherever it is cut', async (t) => {
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 20 }), (units, places) => {
      const bytes = join(...units.map((one) => one.bytes))
      const expected = units.flatMap((one) => one.seen)
      const offsets = places.map((place) => place % (bytes.length + 1))
      t.strictSame(read(cut(bytes, offsets)), expected)
    }),
  )
})

test('reads any traffic the same, however often the handler stops it', async (t) => {
  fc.assert(
    fc.property(
      fc.array(unit, { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 6 }),
      fc.integer({ min: 1, max: 4 }),
      (units, places, stopEvery) => {
        const bytes = join(...units.map((one) => one.bytes))
        const collector = new Collector()
        collector.stopEvery = stopEvery
        const decoder = new Decoder(collector, { maxMessageBytes: 1 << 20 })
        const chunks = cut(
          bytes,
          places.map((place) => place % (bytes.length + 1)),
        )
        let stops = 0
        let going = true
        for (const chunk of chunks) {
          const before = collector.seen.length
          const wasGoing = going
          going = decoder.push(chunk)
          if (!wasGoing) t.equal(collector.seen.length, before, 'nothing is told while stopped')
        }
        while (!going) {
          stops++
          going = decoder.resume()
        }
        const messages = units.filter((one) => one.seen[0]?.topic !== undefined).length
        t.equal(stops, Math.floor(messages / stopEvery))
        t.strictSame(
          collector.seen,
          units.flatMap((one) => one.seen),
        )
      },
    ),
  )
})

test('throws nothing but BAD_PEER at random bytes', async (t) => {
  const likely = fc.oneof(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 255 }), fc.constant(0))
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(likely, { maxLength: 200 }).map((all) => Uint8Array.from(all)),
  )
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(200), { maxLength: 5 }), (junk, places) => {
      const options = { maxMessageBytes: 100 }
      const results = [[], places].map((offsets) => {
        const collector = new Collector()
        const decoder = new Decoder(collector, options)
        try {
          for (const chunk of cut(
            junk,
            offsets.map((place) => Math.min(place, junk.length)),
          ))
            decoder.push(chunk)
          return { seen: collector.seen }
        } catch (error) {
          if (!(error instanceof FanwireError) || error.code !== 'BAD_PEER') throw error
          return { seen: collector.seen, error: error.message }
        }
      })
      t.strictSame(results[0], results[1])
    }),
    { numRuns: 2_000 },
  )
})

for (const size of SIZES) {
  test(`reads a message with ${size} bytes of data, whole and a byte at a time`, async (t) => {
    const bytes = join(framed(filled(3), filled(size)), framed(filled(2), filled(1)))
    const expected = [
      { topic: '616161', data: toHex(filled(size)) },
      { topic: '6161', data: '61' },
    ]
    t.strictSame(read([bytes]), expected)
    t.strictSame(read(Array.from(bytes, (byte) => Uint8Array.of(byte))), expected)
  })

  test(`reads a message with a topic of ${size} bytes`, async (t) => {
    t.strictSame(read([framed(filled(size), filled(2))]), [{ topic: toHex(filled(size)), data: '6161' }])
  })
}

test('accepts the long form for short bodies', async (t) => {
  const bytes = fromHex('03 0000000000000001 41  02 0000000000000002 6262')
  t.strictSame(read([bytes]), [{ topic: '41', data: '6262' }])
})

test('ignores reserved flag bits', async (t) => {
  t.strictSame(read([fromHex('79 01 41 78 02 42 78')]), [{ topic: '41', data: '4278' }])
  t.strictSame(read([fromHex('7c 05 04 50 4f 4e 47')]), [{ command: ['PONG', ''] }])
})

test('takes the frame that dataFrame names as data', async (t) => {
  const three = framed(filled(1, 1), filled(1, 2), filled(1, 3))
  t.strictSame(read([three], { dataFrame: 2 }), [{ topic: '01', data: '03', frames: ['01', '02', '03'] }])
  t.strictSame(read([framed(filled(1, 1))], { dataFrame: 0 }), [{ topic: '01', data: '01', frames: ['01'] }])
  const two = framed(filled(1, 1), filled(1, 2))
  t.strictSame(read([two], { dataFrame: 0 }), [{ topic: '01', data: '01', frames: ['01', '02'] }])
  t.strictSame(read([two], { dataFrame: 2 }), [{ topic: '01', data: '', frames: ['01', '02'] }])
})

test('tells a command that stands between the frames of a message', async (t) => {
  const bytes = join(fromHex('01 01 41'), command('PING', fromHex('0014')), fromHex('00 01 42'))
  const expected = [{ command: ['PING', '0014'] }, { topic: '41', data: '42' }]
  for (let at = 0; at <= bytes.length; at++) t.strictSame(read(cut(bytes, [at])), expected)
})

test('refuses a message above the limit as soon as its size is known', async (t) => {
  const max = { maxMessageBytes: 300 }
  t.strictSame(read([framed(filled(100), filled(200))], max).length, 1)
  const cases: [string, Uint8Array][] = [
    ['in one chunk', framed(filled(100), filled(201))],
    ['with its data to come', framed(filled(100), filled(201)).subarray(0, 111)],
    ['in three frames', framed(filled(100), filled(100), filled(101))],
    ['announced as 2^62 bytes', fromHex('02 4000000000000000')],
  ]
  for (const [name, bytes] of cases) {
    t.throws(
      () => read([bytes], max),
      { code: 'BAD_PEER', message: /a message of at least \d+ bytes, at most 300/ },
      name,
    )
  }
})

test('refuses a size with the top bit set', async (t) => {
  const error = { code: 'BAD_PEER', message: /size 80 00 00 00 00 00 00 01, the top bit/ }
  t.throws(() => read([fromHex('02 8000000000000001')]), error)
  t.throws(() => read([fromHex('06 8000000000000001')]), error)
})

test('refuses malformed commands', async (t) => {
  const cases: [string, RegExp][] = [
    ['04 00', /empty command/],
    ['04 03 05 41 42', /command of 3 bytes with a name of 5/],
    ['04 0e 04 53 4b 49 50 02 0000000000000001', /SKIP for reason 2/],
    ['04 0e 04 53 4b 49 50 00 0000000000000000', /SKIP of no numbers/],
    ['04 0e 04 53 4b 49 50 00 0020000000000000', /not below 2\^53/],
    ['06 0000000000010001', /command of 65537 bytes/],
  ]
  for (const [bytes, message] of cases) {
    t.throws(() => read([fromHex(bytes)]), { code: 'BAD_PEER', message })
    t.throws(() => read(cut(fromHex(bytes), [1])), { code: 'BAD_PEER', message })
  }
})

test('refuses a message of very many empty frames', async (t) => {
  const bytes = new Uint8Array(2 * 10_001)
  for (let i = 0; i < bytes.length; i += 2) bytes[i] = 1
  t.throws(() => read([bytes]), { code: 'BAD_PEER', message: /more than 10000 frames/ })
})

test('reserves no more than twice what has arrived, and copies only the message that straddles', async (t) => {
  const reserved: number[] = []
  const allocate = (size: number) => {
    reserved.push(size)
    return new Uint8Array(size)
  }
  const options = { maxMessageBytes: 1 << 24, allocate }
  read([fromHex('01 01 41 02 0000000000ffff00 61')], options)
  t.strictSame(reserved, [4096], 'sixteen megabytes were announced, thirteen bytes arrived')
  reserved.length = 0
  const small = framed(filled(10), filled(80))
  const bytes = join(...Array.from({ length: 1000 }, () => small))
  t.equal(read(cut(bytes, [500, 50_000]), options).length, 1000)
  t.strictSame(reserved, [small.length, small.length])
  reserved.length = 0
  const large = framed(filled(1), filled(1_000_000))
  t.equal(
    read(
      cut(
        large,
        Array.from({ length: 15 }, (_, i) => i * 65_536),
      ),
      options,
    ).length,
    1,
  )
  for (const size of reserved) t.ok(size <= large.length)
})

test('tells nothing after close, called from within the handler', async (t) => {
  const bytes = join(framed(filled(1), filled(1)), skip(1), skip(2), framed(filled(2), filled(1)))
  for (const splits of [[], [1], [8], [20]]) {
    const collector = new (class extends Collector {
      override skip(count: number, reason: string): void {
        super.skip(count, reason)
        decoder.close()
      }
    })()
    const decoder = new Decoder(collector, { maxMessageBytes: 100 })
    for (const chunk of cut(bytes, splits)) decoder.push(chunk)
    t.equal(collector.seen.length, 2)
    t.equal(decoder.push(bytes), false)
    t.equal(decoder.resume(), false)
    t.equal(collector.seen.length, 2)
  }
})

test('passes on what the handler throws', async (t) => {
  const collector = new (class extends Collector {
    override command(): void {
      throw new FanwireError('BAD_PEER', 'numbers differ')
    }
  })()
  t.throws(() => new Decoder(collector, { maxMessageBytes: 1 }).push(command('PING')), /numbers differ/)
})
