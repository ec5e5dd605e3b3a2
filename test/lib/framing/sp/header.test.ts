import fc from 'fast-check'
import { test } from 'tap'
import { FanwireError } from '../../../../lib/errors.js'
import { describe, ENDPOINTS, HEADER_SIZE, readHeader, writeHeader } from '../../../../lib/framing/sp/header.js'
import { fromHex, toHex } from '../zmtp/reader.js'

// As libnanomsg 1.1.5 and libnng 1.5.2 send them.
const HEADERS = {
  PUB: '00 53 50 00 00 20 00 00',
  SUB: '00 53 50 00 00 21 00 00',
  PUSH: '00 53 50 00 00 50 00 00',
  PULL: '00 53 50 00 00 51 00 00',
} as const

const names = Object.keys(HEADERS) as (keyof typeof HEADERS)[]

test('writes the header of every endpoint', async (t) => {
  for (const name of names) t.equal(toHex(writeHeader(name)), HEADERS[name].replaceAll(' ', ''))
})

test('reads the header of every endpoint once it is complete, and nothing before', async (t) => {
  for (const name of names) {
    const header = fromHex(HEADERS[name])
    for (let length = 0; length < HEADER_SIZE; length++) t.equal(readHeader(header.subarray(0, length)), undefined)
    t.equal(readHeader(header), ENDPOINTS[name])
  }
})

test('reads the endpoints that fanwire is not as what they are', async (t) => {
  const others: [header: string, words: string][] = [
    ['00 53 50 00 00 10 00 00', 'a PAIR socket'],
    ['00 53 50 00 00 11 00 00', 'a PAIR version 1 socket'],
    ['00 53 50 00 00 30 00 00', 'a REQ socket'],
    ['00 53 50 00 00 31 00 00', 'a REP socket'],
    ['00 53 50 00 00 62 00 00', 'a SURVEYOR socket'],
    ['00 53 50 00 00 63 00 00', 'a RESPONDENT socket'],
    ['00 53 50 00 00 70 00 00', 'a BUS socket'],
    ['00 53 50 00 00 50 00 00', 'a PUSH socket'],
    ['00 53 50 00 f0 01 00 00', 'an endpoint of the unknown kind 0xf001'],
    ['00 53 50 00 00 00 00 00', 'an endpoint of the unknown kind 0x0000'],
  ]
  for (const [header, words] of others) t.equal(describe(readHeader(fromHex(header)) as number), words)
})

test('takes one value of 256 for each byte that is not the endpoint', async (t) => {
  for (const at of [0, 1, 2, 3, 6, 7]) {
    const right: number[] = []
    for (let value = 0; value < 256; value++) {
      const header = fromHex(HEADERS.SUB)
      header[at] = value
      try {
        readHeader(header)
        right.push(value)
      } catch (error) {
        if (!(error instanceof FanwireError && error.code === 'BAD_PEER')) throw error
      }
    }
    t.strictSame(right, [fromHex(HEADERS.SUB)[at]], `byte ${at}`)
  }
})

test('refuses a stranger at the first byte that gives it away, and names it', async (t) => {
  const strangers: [bytes: string, length: number, message: RegExp][] = [
    [toHex(Buffer.from('GET / HT')), 1, /first bytes 47 45 54 20 2f 20 48 54: HTTP\)/],
    ['16 03 01 02 00 01 00 01', 1, /: TLS\)/],
    [toHex(Buffer.from('SSH-2.0-')), 1, /: SSH\)/],
    ['ff 00 00 00 00 00 00 00', 1, /: ZMTP, the protocol of ZeroMQ\)/],
    ['00 53 51 00 00 20 00 00', 3, /first bytes 00 53 51 00 00 20 00 00\)/],
    ['00 53 50 01 00 20 00 00', 4, /version 1 of SP/],
    ['00 53 50 00 00 20 01 00', 8, /reserved bytes of its SP header \(00 53 50 00 00 20 01 00\)/],
    ['00 53 50 00 00 20 00 01', 8, /reserved bytes/],
  ]
  for (const [bytes, length, message] of strangers) {
    const header = fromHex(bytes)
    for (let given = 0; given < length; given++) t.equal(readHeader(header.subarray(0, given)), undefined)
    for (let given = length; given < HEADER_SIZE; given++) {
      t.throws(() => readHeader(header.subarray(0, given)), { code: 'BAD_PEER' })
    }
    t.throws(() => readHeader(header), { code: 'BAD_PEER', message })
  }
})

test('throws nothing but BAD_PEER at random bytes', async (t) => {
  const likely = fc.constantFrom(0, 0x53, 0x50, 0x20, 0xff)
  const byte = fc.oneof(likely, fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(fc.array(byte, { maxLength: HEADER_SIZE }), (bytes) => {
      try {
        const endpoint = readHeader(Uint8Array.from(bytes))
        t.equal(endpoint === undefined, bytes.length < HEADER_SIZE)
      } catch (error) {
        t.ok(error instanceof FanwireError && error.code === 'BAD_PEER')
      }
    }),
  )
})
