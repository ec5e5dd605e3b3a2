import fc from 'fast-check'
import { test } from 'tap'
import { FanwireError } from '../../../lib/errors.js'
import { RecordDecoder, type RecordDecoderOptions } from '../../../lib/framing/records.js'
import { type SpMapping, spForms } from '../../../lib/framing/sp/message.js'
import { cut, fromHex, join, toHex } from './zmtp/reader.js'

const MAX = 1 << 20
const mappings = ['tcp', 'ipc'] as const

/** A record as another SP implementation writes it. */
function record(mapping: SpMapping, body: Uint8Array): Uint8Array {
  const size = Buffer.alloc(8)
  size.writeBigUInt64BE(BigInt(body.length))
  return join(mapping === 'ipc' ? Uint8Array.of(1) : new Uint8Array(0), size, body)
}

class Reading {
  readonly bodies: string[] = []
  /** Says no after every so many records. */
  stopEvery = Number.POSITIVE_INFINITY
  allocated = 0
  most = 0
  readonly decoder: RecordDecoder

  constructor(mapping: SpMapping, options: Partial<RecordDecoderOptions> = {}) {
    this.decoder = new RecordDecoder(
      (bytes, start, end) => {
        this.bodies.push(toHex(bytes.subarray(start, end)))
        return this.bodies.length % this.stopEvery !== 0
      },
      {
        form: spForms[mapping],
        maxBodyBytes: MAX,
        allocate: (size) => {
          this.allocated++
          this.most = Math.max(this.most, size)
          return new Uint8Array(size).fill(0xa5)
        },
        ...options,
      },
    )
  }
}

function read(mapping: SpMapping, chunks: readonly Uint8Array[]): string[] {
  const reading = new Reading(mapping)
  for (const chunk of chunks) reading.decoder.push(chunk)
  return reading.bodies
}

// Worked exchanges of the wire: "ABC", the empty message, "topic|hello", and "xyz".
const VECTORS: readonly (readonly [mapping: SpMapping, bytes: string, bodies: readonly string[]])[] = [
  [
    'tcp',
    '0000000000000003 414243  0000000000000000  000000000000000b 746f7069637c68656c6c6f',
    ['414243', '', '746f7069637c68656c6c6f'],
  ],
  ['tcp', '0000000000000003 78797a', ['78797a']],
  ['ipc', '01 0000000000000003 414243', ['414243']],
  ['ipc', '01 0000000000000000  01 0000000000000001 00', ['', '00']],
]

test('reads every vector whole, and cut at every pair of offsets', async (t) => {
  for (const [mapping, text, bodies] of VECTORS) {
    const bytes = fromHex(text)
    t.strictSame(read(mapping, [bytes]), bodies)
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        t.strictSame(read(mapping, cut(bytes, [first, second])), bodies, `${text} cut at ${first} and ${second}`)
      }
    }
  }
})

test('hands on no more of a truncated vector than what is complete', async (t) => {
  for (const [mapping, text, bodies] of VECTORS) {
    const bytes = fromHex(text)
    let end = 0
    const ends = bodies.map((body) => {
      end += (mapping === 'ipc' ? 9 : 8) + body.length / 2
      return end
    })
    for (let length = 0; length < bytes.length; length++) {
      const complete = ends.filter((end) => end <= length).length
      t.strictSame(read(mapping, [bytes.slice(0, length)]), bodies.slice(0, complete), `${text} of ${length} bytes`)
    }
  }
})

const body = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(1_000, 65_535, 65_536, 131_072, 200_000).map((size) => new Uint8Array(size).fill(0x61)),
)

test('reads any records the same, wherever they are cut', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...mappings),
      fc.array(body, { maxLength: 10 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      (mapping, bodies, places) => {
        const bytes = join(...bodies.map((body) => record(mapping, body)))
        const offsets = places.map((place) => place % (bytes.length + 1))
        t.strictSame(read(mapping, cut(bytes, offsets)), bodies.map(toHex))
      },
    ),
  )
})

test('reads any records the same, however often it is stopped', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...mappings),
      fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 6 }),
      fc.integer({ min: 1, max: 4 }),
      (mapping, bodies, places, stopEvery) => {
        const bytes = join(...bodies.map((body) => record(mapping, body)))
        const reading = new Reading(mapping)
        reading.stopEvery = stopEvery
        const { decoder } = reading
        let going = true
        for (const chunk of cut(
          bytes,
          places.map((place) => place % (bytes.length + 1)),
        )) {
          const before = reading.bodies.length
          const wasGoing = going
          going = decoder.push(chunk)
          t.equal(decoder.stopped, !going)
          if (!wasGoing) t.equal(reading.bodies.length, before, 'nothing is handed on while stopped')
        }
        let stops = 0
        while (!going) {
          stops++
          going = decoder.resume()
        }
        t.equal(stops, Math.floor(bodies.length / stopEvery))
        t.strictSame(reading.bodies, bodies.map(toHex))
      },
    ),
  )
})

test('reads 10,000 records in one chunk without a copy, and byte by byte', async (t) => {
  const bodies = Array.from({ length: 10_000 }, (_, i) => Uint8Array.of(i >> 8, i))
  const bytes = join(...bodies.map((body) => record('tcp', body)))
  const whole = new Reading('tcp')
  whole.decoder.push(bytes)
  t.strictSame(whole.bodies, bodies.map(toHex))
  t.equal(whole.allocated, 0)
  t.strictSame(
    read(
      'tcp',
      Array.from(bytes, (byte) => Uint8Array.of(byte)),
    ),
    bodies.map(toHex),
  )
})

test('takes a body of the limit, and refuses one byte more before it has come', async (t) => {
  for (const size of [0, 1, 65_535, 65_536, MAX]) {
    const reading = new Reading('tcp')
    t.equal(reading.decoder.push(record('tcp', new Uint8Array(size))), true)
    t.strictSame(
      reading.bodies.map((body) => body.length / 2),
      [size],
    )
  }
  const sizes = [BigInt(MAX) + 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]
  for (const size of sizes) {
    const header = Buffer.alloc(8)
    header.writeBigUInt64BE(size)
    for (let at = 0; at <= 8; at++) {
      const reading = new Reading('tcp')
      const feed = () => {
        for (const chunk of cut(header, [at])) reading.decoder.push(chunk)
      }
      t.throws(feed, { code: 'BAD_PEER', message: /at most 1048576 are accepted/ }, `${size} cut at ${at}`)
      t.ok(reading.most <= 8, 'no memory was reserved for it')
    }
  }
})

test('never reserves more than 128 KiB, or twice what has come', async (t) => {
  for (const size of [100, 131_064, 131_073, 400_000, MAX]) {
    for (const step of [1_000, 65_536]) {
      const bytes = record('tcp', new Uint8Array(size).fill(7))
      const reading = new Reading('tcp')
      for (let at = 0; at < bytes.length; at += step) {
        const came = Math.min(bytes.length, at + step)
        reading.decoder.push(bytes.slice(at, came))
        t.ok(reading.most <= Math.max(128 * 1024, 2 * came), `${reading.most} for ${came} bytes of ${size}`)
      }
      t.equal(reading.bodies[0]?.length, 2 * size)
      t.ok(reading.allocated <= 12, `${reading.allocated} times`)
    }
  }
})

test('refuses a message of another type over UNIX sockets', async (t) => {
  const bytes = fromHex('02 0000000000000003 414243')
  for (let at = 0; at <= bytes.length; at++) {
    const reading = new Reading('ipc')
    const feed = () => {
      for (const chunk of cut(bytes, [at])) reading.decoder.push(chunk)
    }
    t.throws(feed, { code: 'BAD_PEER', message: /of the type 2/ })
    t.strictSame(reading.bodies, [])
  }
})

test('throws nothing but BAD_PEER at random bytes', async (t) => {
  const likely = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(0, 0, 0, 1, 2) }, fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(
      fc.constantFrom(...mappings),
      fc.array(likely, { maxLength: 200 }),
      fc.array(fc.nat(200), { maxLength: 5 }),
      (mapping, junk, places) => {
        const bytes = Uint8Array.from(junk)
        const results = [[], places].map((offsets) => {
          const reading = new Reading(mapping, { maxBodyBytes: 100 })
          try {
            for (const chunk of cut(
              bytes,
              offsets.map((place) => Math.min(place, bytes.length)),
            )) {
              reading.decoder.push(chunk)
            }
          } catch (error) {
            t.ok(error instanceof FanwireError && error.code === 'BAD_PEER')
            return [...reading.bodies, 'refused']
          }
          return reading.bodies
        })
        t.strictSame(results[1], results[0])
      },
    ),
  )
})

test('hands on nothing more once it is closed, in the middle of a chunk, too', async (t) => {
  const bytes = join(...['61', '62', '63'].map((body) => record('tcp', fromHex(body))))
  const seen: string[] = []
  const decoder: RecordDecoder = new RecordDecoder(
    (chunk, start, end) => {
      seen.push(toHex(chunk.subarray(start, end)))
      if (seen.length === 2) decoder.close()
      return seen.length !== 2
    },
    { form: spForms.tcp, maxBodyBytes: 10, allocate: (size) => new Uint8Array(size) },
  )
  t.equal(decoder.push(bytes), false)
  t.equal(decoder.push(bytes), false)
  t.equal(decoder.stopped, false)
  t.strictSame(seen, ['61', '62'])
})
