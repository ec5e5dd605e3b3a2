import { test } from 'tap'
import { zmtpFraming } from '../../../../lib/framing/zmtp/framing.js'
import { GREETING_SIZE, readGreeting, writeGreeting } from '../../../../lib/framing/zmtp/greeting.js'
import { readError, readMetadata, socketType, writeError, writeReady } from '../../../../lib/framing/zmtp/handshake.js'
import { readPing, writePing, writePong } from '../../../../lib/framing/zmtp/heartbeat.js'
import { readSubscription, writeSubscription } from '../../../../lib/framing/zmtp/subscription.js'
import { framed, fromHex, read, toHex } from './reader.js'

function flat(text: string): string {
  return text.replace(/\s+/g, '')
}

// Seen on the wire of libzmq 4.3.5, but for the padding, whose last byte it sets as here.
const GREETING = `ff 00 00 00 00 00 00 00 01 7f 03 01 4e 55 4c 4c ${'00'.repeat(48)}`
const READY_SUB = '04 19 05 52 45 41 44 59 0b 53 6f 63 6b 65 74 2d 54 79 70 65 00 00 00 03 53 55 42'

test('writes the greeting as libzmq does, and reads it however it is cut', async (t) => {
  t.equal(toHex(writeGreeting()), flat(GREETING))
  const bytes = fromHex(GREETING)
  for (let length = 0; length < GREETING_SIZE; length++) t.equal(readGreeting(bytes.subarray(0, length)), undefined)
  t.strictSame(readGreeting(bytes), { major: 3, minor: 1, mechanism: 'NULL' })
  t.strictSame(readGreeting(writeGreeting('PLAIN', true, 0)), { major: 3, minor: 0, mechanism: 'PLAIN' })
})

test('does not interpret the padding of a greeting, and takes later versions for 3.1', async (t) => {
  const bytes = fromHex(GREETING)
  bytes.set([1, 2, 3, 4, 5, 6, 7, 8], 1)
  bytes[10] = 4
  bytes[11] = 9
  t.strictSame(readGreeting(bytes), { major: 4, minor: 9, mechanism: 'NULL' })
})

test('refuses strangers at the first byte that gives them away', async (t) => {
  const cases: [string, string][] = [
    ['47 45 54 20 2f', 'peer does not speak ZMTP 3 (first bytes 47 45 54 20 2f: HTTP)'],
    ['47', 'peer does not speak ZMTP 3 (first bytes 47)'],
    ['16 03 01', 'peer does not speak ZMTP 3 (first bytes 16 03 01: TLS)'],
    [
      '00 53 50 00 00 20 00 00',
      'peer does not speak ZMTP 3 (first bytes 00 53 50 00 00 20 00 00: SP, the protocol of nanomsg)',
    ],
    ['01 00', 'peer does not speak ZMTP 3 (first bytes 01 00: ZMTP 1.0)'],
    [
      'ff 00 00 00 00 00 00 01 01 00',
      'peer does not speak ZMTP 3 (first bytes ff 00 00 00 00 00 00 01 01 00: ZMTP 1.0)',
    ],
    ['ff 00 00 00 00 00 00 00 01 7f 01', 'peer speaks ZMTP 2.0, 3.0 or later is needed'],
    ['ff 00 00 00 00 00 00 00 01 7f 02', 'peer speaks ZMTP revision 2, 3.0 or later is needed'],
  ]
  for (const [bytes, message] of cases) {
    t.throws(() => readGreeting(fromHex(bytes)), { code: 'BAD_PEER', message: `[BAD_PEER] ${message}` })
  }
})

test('writes READY as libzmq does', async (t) => {
  t.equal(toHex(writeReady('SUB')), flat(READY_SUB))
  t.equal(toHex(writeReady('XPUB')).slice(0, 4), '041a')
})

test('reads the properties of READY by name without case, and their values as bytes', async (t) => {
  const [seen] = read([writeReady('PUB', { 'X-Some': Uint8Array.of(1, 2), Empty: new Uint8Array(0) })])
  const metadata = readMetadata(fromHex(seen?.command?.[1] ?? ''))
  t.equal(socketType(metadata), 'PUB')
  t.strictSame(
    [...metadata].map(([name, value]) => [name, toHex(value)]),
    [
      ['socket-type', '505542'],
      ['x-some', '0102'],
      ['empty', ''],
    ],
  )
  t.equal(socketType(readMetadata(new Uint8Array(0))), undefined)
})

test('refuses a READY that is cut within a property, at every byte', async (t) => {
  const data = fromHex(READY_SUB).subarray(8)
  for (let length = 1; length < data.length; length++) {
    t.throws(() => readMetadata(data.subarray(0, length)), { code: 'BAD_PEER', message: /ends within/ })
  }
  t.throws(() => readMetadata(fromHex('01 41 ffffffff 42')), { code: 'BAD_PEER' })
})

test('writes ERROR with a reason of at most 255 bytes, and reads broken ones', async (t) => {
  t.equal(toHex(writeError('no')), flat('04 09 05 45 52 52 4f 52 02 6e 6f'))
  const [long] = read([writeError(`${'é'.repeat(300)}`)])
  t.equal(readError(fromHex(long?.command?.[1] ?? '')), '?'.repeat(255))
  t.equal(readError(new Uint8Array(0)), '')
  t.equal(readError(fromHex('09 41 00')), 'A?')
})

test('writes subscriptions in both forms', async (t) => {
  const topic = Buffer.from('A')
  t.equal(toHex(writeSubscription(true, topic, 1)), flat('04 0b 09 53 55 42 53 43 52 49 42 45 41'))
  t.equal(toHex(writeSubscription(false, topic, 1)), flat('04 08 06 43 41 4e 43 45 4c 41'))
  t.equal(toHex(writeSubscription(true, new Uint8Array(0), 1)), flat('04 0a 09 53 55 42 53 43 52 49 42 45'))
  t.equal(toHex(writeSubscription(true, topic, 0)), flat('00 02 01 41'))
  t.equal(toHex(writeSubscription(false, topic, 0)), flat('00 02 00 41'))
  t.equal(toHex(writeSubscription(true, new Uint8Array(0), 0)), flat('00 01 01'))
})

test('uses the long form for the subscription to a topic of 246 bytes, and the short one up to 245', async (t) => {
  for (const [size, header] of [
    [245, '04 ff 09'],
    [246, '06 00 00 00 00 00 00 01 00 09'],
  ] as const) {
    const topic = new Uint8Array(size).fill(0x61)
    const bytes = writeSubscription(true, topic, 1)
    t.match(toHex(bytes), new RegExp(`^${flat(header)}`))
    t.strictSame(read([bytes]), [{ command: ['SUBSCRIBE', toHex(topic)] }])
  }
})

test('reads subscriptions in the old form, and nothing else as one', async (t) => {
  t.strictSame(readSubscription(fromHex('01 41 42'), 0, 3), { wanted: true, prefix: Uint8Array.of(0x41, 0x42) })
  t.strictSame(readSubscription(fromHex('ff 00'), 1, 2), { wanted: false, prefix: new Uint8Array(0) })
  t.equal(readSubscription(fromHex('02 41'), 0, 2), undefined)
  t.equal(readSubscription(fromHex('01'), 1, 1), undefined)
})

test('writes PING as libzmq does, and never a time to live above 655 tenths', async (t) => {
  t.equal(toHex(writePing(2_000)), flat('04 07 04 50 49 4e 47 00 14'))
  t.equal(toHex(writePing(1_000_000)), flat('04 07 04 50 49 4e 47 02 8f'))
  t.equal(toHex(writePong(Uint8Array.of(1, 2))), flat('04 07 04 50 4f 4e 47 01 02'))
})

test('reads PINGs of 7, 23 and 24 bytes, and refuses those of 5 and 6', async (t) => {
  const context = '000102030405060708090a0b0c0d0e0f'
  t.strictSame(readPing(fromHex('0014')), { ttlMs: 2_000, context: new Uint8Array(0) })
  t.equal(toHex(readPing(fromHex(`0014${context}`)).context), context)
  t.equal(toHex(readPing(fromHex(`0014${context}10`)).context), context)
  for (const [data, size] of [
    ['', 5],
    ['00', 6],
  ] as const) {
    t.throws(() => readPing(fromHex(data)), { code: 'BAD_PEER', message: new RegExp(`PING of ${size} bytes`) })
  }
})

test('frames a message of the log byte for byte as libzmq does', async (t) => {
  for (const topicSize of [0, 1, 32, 33, 255, 256, 1024]) {
    for (const dataSize of [0, 1, 255, 256, 65_536]) {
      const topic = new Uint8Array(topicSize).fill(0x61)
      const data = new Uint8Array(dataSize).fill(0x62)
      const head = zmtpFraming.head(topic)
      const size = zmtpFraming.size(head, dataSize)
      const bytes = new Uint8Array(size + 6)
      const at = zmtpFraming.write(bytes, 3, head, dataSize, 1)
      bytes.set(data, at)
      t.equal(at + dataSize, 3 + size)
      t.equal(toHex(bytes), `000000${toHex(framed(topic, data))}000000`)
    }
  }
})
