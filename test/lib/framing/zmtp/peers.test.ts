import { readFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { test } from 'tap'
import { zmtpFraming } from '../../../../lib/framing/zmtp/framing.js'
import { readMetadata, writeReady } from '../../../../lib/framing/zmtp/handshake.js'
import { readCheckpoint, readPing, writeCheckpoint, writePong } from '../../../../lib/framing/zmtp/heartbeat.js'
import {
  PROPERTY,
  RUN_SIZE,
  readAck,
  readEnd,
  readIntroduction,
  readRun,
  readStart,
  readStream,
  SKIP_SIZE,
  writeAck,
  writeEnd,
  writeIntroduction,
  writeRun,
  writeSkip,
  writeStart,
  writeStream,
} from '../../../../lib/framing/zmtp/peers.js'
import type { StartFrom } from '../../../../lib/transport.js'
import { cut, fromHex, read, type Seen, toHex } from './reader.js'

/** A vector of the page: the bytes that are written for it, and what is read out of them. */
interface Expectation {
  readonly written: Uint8Array
  readonly value: unknown
  /** Makes the value out of what the decoder saw. */
  readonly read: (seen: Seen) => unknown
}

const CARRIES = { stream: 'ABCDEFGHIJ', run: 0x123456789abc }
const RESUME = { ...CARRIES, next: 1000 }
const STREAM = { ...RESUME, oldest: 600, allowance: 4 << 20 }

const data = (seen: Seen) => fromHex(seen.command?.[1] ?? '')
const introduction = (seen: Seen) => readIntroduction(readMetadata(data(seen)).get('x-fanwire') as Uint8Array)
const start = (from: StartFrom) => ({
  written: writeStart(from),
  value: from,
  read: (seen: Seen) => readStart(data(seen)),
})

const VECTORS: Readonly<Record<string, Expectation>> = {
  'READY of a consumer': {
    written: writeReady('SUB', { [PROPERTY]: writeIntroduction({ id: 'CONSUMER01', want: 'drop:newest' }) }),
    value: { version: 1, id: 'CONSUMER01', want: 'drop:newest' },
    read: introduction,
  },
  'READY of a producer': {
    written: writeReady('PUB', { [PROPERTY]: writeIntroduction({ carries: CARRIES }) }),
    value: { version: 1, carries: CARRIES },
    read: introduction,
  },
  'START now': start('now'),
  'START oldest': start('oldest'),
  'START latest-per-topic': start('latest-per-topic'),
  'START resume': start(RESUME),
  STREAM: { written: writeStream(STREAM), value: STREAM, read: (seen) => readStream(data(seen)) },
  'STREAM of a share': {
    written: writeStream({ ...STREAM, prefetch: 64 }),
    value: { ...STREAM, prefetch: 64 },
    read: (seen) => readStream(data(seen)),
  },
  'RUN new': run(1_000, false),
  'RUN redelivered': run(258, true),
  'SKIP filtered': { written: skip(1, 'filtered'), value: [1, 'filtered'], read: (seen) => seen.skip },
  'SKIP dropped': {
    written: skip(Number.MAX_SAFE_INTEGER, 'dropped'),
    value: [Number.MAX_SAFE_INTEGER, 'dropped'],
    read: (seen) => seen.skip,
  },
  message: {
    written: message('trades.A', 'hi'),
    value: { topic: '7472616465732e41', data: '6869' },
    read: (seen) => seen,
  },
  END: { written: writeEnd(1000), value: 1000, read: (seen) => readEnd(data(seen)) },
  ACK: { written: writeAck(999), value: 999, read: (seen) => readAck(data(seen)) },
  PING: {
    written: writeCheckpoint(30_000, 1000),
    value: [30_000, 1000],
    read(seen) {
      const { ttlMs, context } = readPing(data(seen))
      return [ttlMs, readCheckpoint(context)]
    },
  },
  PONG: {
    written: writePong(fromHex('00000000000003e8')),
    value: '00000000000003e8',
    read: (seen) => seen.command?.[1],
  },
}

function run(first: number, redelivered: boolean) {
  const written = new Uint8Array(RUN_SIZE)
  writeRun(written, 0, first, redelivered)
  return { written, value: { first, redelivered }, read: (seen: Seen) => readRun(data(seen)) }
}

function skip(count: number, reason: 'filtered' | 'dropped'): Uint8Array {
  const bytes = new Uint8Array(SKIP_SIZE)
  writeSkip(bytes, 0, count, reason)
  return bytes
}

function message(topic: string, data: string): Uint8Array {
  const head = zmtpFraming.head(Buffer.from(topic))
  const bytes = new Uint8Array(zmtpFraming.size(head, data.length))
  bytes.set(Buffer.from(data), zmtpFraming.write(bytes, 0, head, data.length, 1))
  return bytes
}

/** The page lies beside the sources; the tests run from `dist/`. */
function pageVectors(): Map<string, Uint8Array> {
  const page = readFileSync(joinPath(process.cwd(), 'docs/fanwire-peers.md'), 'utf8')
  const found = page.matchAll(/^```vector (.+)\n([^`]+)^```$/gm)
  return new Map(Array.from(found, ([, name, bytes]) => [name as string, fromHex(bytes as string)]))
}

test('docs/fanwire-peers.md and the code have the same vectors', async (t) => {
  t.strictSame([...pageVectors().keys()].sort(), Object.keys(VECTORS).sort())
})

for (const [name, bytes] of pageVectors()) {
  const expected = VECTORS[name]
  if (expected === undefined) continue
  test(`writes and reads the vector "${name}", whole and cut at every offset`, async (t) => {
    t.equal(toHex(expected.written), toHex(bytes))
    for (let at = 0; at <= bytes.length; at++) {
      const seen = read(cut(bytes, [at]))
      t.equal(seen.length, 1)
      t.strictSame(expected.read(seen[0] as Seen), expected.value)
    }
  })

  test(`refuses the vector "${name}" when it is cut short or has a byte more`, async (t) => {
    if (!/^(START|STREAM|RUN|ACK|END)/.test(name)) return
    const body = fromHex(read([bytes])[0]?.command?.[1] ?? '')
    for (const changed of [body.subarray(0, -1), Buffer.concat([body, Buffer.alloc(1)])]) {
      const again = { command: [name, toHex(changed)] as const }
      t.throws(() => expected.read(again), { code: 'BAD_PEER' })
    }
  })
}

test('refuses a STREAM that leaves less than 1 KiB unacknowledged', async (t) => {
  const dataOf = (bytes: Uint8Array) => fromHex(read([bytes])[0]?.command?.[1] ?? '')
  t.equal(readStream(dataOf(writeStream({ ...STREAM, allowance: 1024 }))).allowance, 1024)
  for (const allowance of [0, 1, 1023]) {
    t.throws(() => readStream(dataOf(writeStream({ ...STREAM, allowance }))), {
      code: 'BAD_PEER',
      message: `[BAD_PEER] peer allows ${allowance} unacknowledged bytes, at least 1024 are needed`,
    })
  }
})

test('refuses stream names that are not ten of 0-9A-Z, and numbers of 2^53', async (t) => {
  const stream = fromHex(read([writeStream(STREAM)])[0]?.command?.[1] ?? '')
  t.throws(() => readStream(Uint8Array.from(stream, (byte, i) => (i === 3 ? 0x61 : byte))), { code: 'BAD_PEER' })
  for (const at of [10, 18, 26, 34]) {
    const broken = stream.slice()
    broken.set(fromHex('0020000000000000'), at)
    t.throws(() => readStream(broken), { code: 'BAD_PEER', message: /00 20 00 00 00 00 00 00 is not below 2\^53/ })
  }
})
