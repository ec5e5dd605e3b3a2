import { deepEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import t from 'tap'
import { PacketReader } from '../../../../lib/framing/moldudp64/packet.js'
import { readPcap } from '../../support/pcap.js'
import { bytesOf, embedded, examples, hexOf, joined, judge, packetOf, read, seenOf } from './packets.js'

const captures = join(
  dirname(fileURLToPath(import.meta.resolve('fanwire/package.json'))),
  'test/lib/framing/moldudp64/data',
)
const names = Object.keys(examples) as (keyof typeof examples)[]

t.test('reads every example as what it is', async (t) => {
  for (const name of names) t.strictSame(read(bytesOf(examples[name])), seenOf[name], name)
})

t.test('judges every example rightly when it is cut, at every length, strictly and leniently', async (t) => {
  let cut = 0
  for (const name of names) {
    const packet = bytesOf(examples[name])
    for (let length = 0; length <= packet.length; length++) {
      const piece = embedded(packet.subarray(0, length))
      deepEqual(read(piece), judge(piece), `${name}, ${length} bytes`)
      deepEqual(read(piece, new PacketReader({ lenient: true })), judge(piece, true), `${name}, ${length} bytes`)
      cut++
    }
  }
  t.equal(
    cut,
    names.reduce((sum, name) => sum + 1 + bytesOf(examples[name]).length, 0),
  )
})

t.test('tells a packet that ends between blocks from one that ends within a block', async (t) => {
  const packet = bytesOf(examples.data)
  const flaws = new Map<string, number[]>()
  for (let length = 0; length < packet.length; length++) {
    const { flaw = 'none' } = read(packet.subarray(0, length))
    flaws.set(flaw, [...(flaws.get(flaw) ?? []), length])
  }
  t.strictSame(
    flaws.get('runt'),
    Array.from({ length: 20 }, (_, i) => i),
  )
  t.strictSame(flaws.get('countMismatch'), [20, 34, 72])
  t.equal(flaws.get('truncated')?.length, packet.length - 20 - 3)
})

t.test('gives out nothing of a packet whose last block is bad, unless lenient', async (t) => {
  const cut = bytesOf(examples.data).subarray(0, 92)
  const reader = new PacketReader()
  t.equal(reader.read(cut), false)
  t.equal(reader.flaw, 'truncated')
  t.equal(reader.messages, 0)
  t.equal(reader.advance(), false)
  const lenient = read(cut, new PacketReader({ lenient: true }))
  t.strictSame(lenient, {
    kind: 'data',
    flaw: 'truncated',
    sequence: 1,
    next: 3,
    messages: seenOf.data.messages?.slice(0, 2),
  })
})

t.test('takes nothing from a packet without one whole block, however lenient', async (t) => {
  for (const [packet, flaw] of [
    [packetOf(6n, 2), 'countMismatch'],
    [bytesOf(examples.shortBlock), 'truncated'],
    [joined(packetOf(6n, 1), Uint8Array.of(0)), 'truncated'],
  ] as const) {
    t.strictSame(read(packet, new PacketReader({ lenient: true })), { flaw })
  }
})

t.test('refuses an empty datagram and one of 19 bytes as runts', async (t) => {
  t.strictSame(read(new Uint8Array(0)), { flaw: 'runt' })
  t.strictSame(read(new Uint8Array(19).fill(0xff)), { flaw: 'runt' })
})

t.test('counts one byte too many as trailing, and one byte of a block to come as truncated', async (t) => {
  const rest = Uint8Array.of(0)
  t.match(read(joined(packetOf(1n, 1, '61'), rest)), { flaw: 'trailing', next: 2, messages: ['61'] })
  t.strictSame(read(joined(packetOf(1n, 2, '61'), rest)), { flaw: 'truncated' })
})

t.test('reads a heartbeat and an end of session as such with anything behind them', async (t) => {
  for (const [count, kind] of [
    [0, 'heartbeat'],
    [0xffff, 'endOfSession'],
  ] as const) {
    t.strictSame(read(packetOf(9n, count)), { kind, sequence: 9, next: 9, messages: [] })
    for (const extra of ['00', '0001', '000178', 'ffff']) {
      const packet = joined(packetOf(9n, count), bytesOf(extra))
      t.strictSame(read(packet), { kind, flaw: 'extra', sequence: 9, next: 9, messages: [] }, extra)
    }
  }
})

t.test('reads messages of no bytes and of 65,535', async (t) => {
  const long = 'ab'.repeat(65_535)
  t.strictSame(read(packetOf(7n, 3, '', long, '')).messages, ['', long, ''])
})

t.test('reads the 65,534 messages that a packet can have at most', async (t) => {
  const packet = joined(packetOf(1n, 0xfffe), new Uint8Array(2 * 0xfffe))
  const { kind, flaw, next, messages } = read(packet)
  t.strictSame(
    { kind, flaw, next, count: messages?.length },
    { kind: 'data', flaw: undefined, next: 65_535, count: 65_534 },
  )
  t.ok(messages?.every((message) => message === ''))
  t.strictSame(read(packet.subarray(0, packet.length - 2)), { flaw: 'countMismatch' })
  t.strictSame(read(packet.subarray(0, packet.length - 1)), { flaw: 'truncated' })
})

t.test('refuses number 0, and numbers that are not below 2^53', async (t) => {
  const top = 2n ** 53n
  const cases: [sequence: bigint, count: number, flaw: string | undefined][] = [
    [0n, 1, 'zeroSequence'],
    [0n, 0, 'zeroSequence'],
    [0n, 0xffff, 'zeroSequence'],
    [1n, 1, undefined],
    [2n ** 32n - 1n, 1, undefined],
    [2n ** 32n, 1, undefined],
    [top - 2n, 1, undefined],
    [top - 2n, 2, 'tooLarge'],
    [top - 1n, 1, 'tooLarge'],
    [top - 1n, 0, undefined],
    [top - 1n, 0xffff, undefined],
    [top, 1, 'tooLarge'],
    [top, 0, 'tooLarge'],
    [top + 1n, 0xffff, 'tooLarge'],
    [2n ** 63n, 0, 'tooLarge'],
    [2n ** 64n - 1n, 1, 'tooLarge'],
    [2n ** 64n - 1n, 0, 'tooLarge'],
  ]
  for (const [sequence, count, flaw] of cases) {
    const bodies = count === 0xffff ? [] : new Array<string>(count).fill('61')
    const seen = read(packetOf(sequence, count, ...bodies))
    t.equal(seen.flaw, flaw, `${sequence}, ${count}`)
    t.equal(seen.sequence, flaw === undefined ? Number(sequence) : undefined, `${sequence}, ${count}`)
  }
})

t.test('forgets a packet when it reads the next, whatever that is', async (t) => {
  const reader = new PacketReader()
  for (const name of names) {
    for (const other of names) {
      reader.read(bytesOf(examples[name]))
      reader.advance()
      deepEqual(read(bytesOf(examples[other]), reader), seenOf[other], `${name}, then ${other}`)
    }
  }
  t.equal(reader.read(bytesOf(examples.runt)), false)
})

t.test('decodes the captured examples, the malformed ones as such', async (t) => {
  const packets = readPcap(readFileSync(join(captures, 'moldudp64-examples.pcap')))
  t.strictSame(
    packets.map(hexOf),
    names.map((name) => hexOf(bytesOf(examples[name]))),
  )
  t.strictSame(
    packets.map((packet) => read(packet)),
    names.map((name) => seenOf[name]),
  )
})

t.test('decodes a capture with one ITCH message a packet', async (t) => {
  const packets = readPcap(readFileSync(join(captures, 'itch50-examples.pcap')))
  t.ok(packets.length > 0, `${packets.length} packets`)
  let next = 1
  for (const packet of packets) {
    const seen = read(packet)
    t.match(seen, { kind: 'data', sequence: next, next: next + 1 })
    t.equal(seen.flaw, undefined)
    t.equal(22 + (seen.messages?.[0]?.length ?? 0) / 2, packet.length)
    next++
  }
})

t.test('agrees with a second reading of whatever bytes there are', async (t) => {
  const anyHeader = fc
    .tuple(
      fc.oneof(fc.bigInt(0n, 3n), fc.bigInt(2n ** 53n - 4n, 2n ** 53n + 4n), fc.bigInt(0n, 2n ** 64n - 1n)),
      fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom(0xfffe, 0xffff)),
    )
    .map(([sequence, count]) => packetOf(sequence, count))
  const anyBlock = fc.oneof(
    fc.uint8Array({ maxLength: 5 }).map((body) => joined(Uint8Array.of(0, body.length), body)),
    fc.uint8Array({ maxLength: 4 }),
  )
  const anyPacket = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.tuple(anyHeader, fc.array(anyBlock, { maxLength: 5 })).map(([a, b]) => joined(a, ...b)),
    },
    fc.uint8Array({ maxLength: 64 }),
  )
  const flaws = new Set<string | undefined>()
  const readers = [new PacketReader(), new PacketReader({ lenient: true })] as const
  fc.assert(
    fc.property(anyPacket.map(embedded), (packet) => {
      deepEqual(read(packet, readers[0]), judge(packet))
      deepEqual(read(packet, readers[1]), judge(packet, true))
      flaws.add(readers[0].flaw)
    }),
    { numRuns: 5_000 },
  )
  t.equal(flaws.size, 8, [...flaws].join(' '))
})
