import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { records } from '../../itch/binary-file.js'
import { type Field, Letter, Price, Side, Timestamp, U64 } from '../../itch/fields.js'
import { decode, encode, ItchError, type ItchMessage, type ItchType, layouts, typeOf } from '../../itch/messages.js'
import { bytesOf, day, examples } from './samples.js'

/** Nasdaq TotalView-ITCH 5.0, section 4. */
const lengths: Readonly<Record<ItchType, number>> = {
  ...{ S: 12, R: 39, H: 25, Y: 20, L: 26, V: 35, W: 12, K: 28, J: 35, h: 21, A: 36, F: 40, E: 31, C: 36, X: 23, D: 19 },
  ...{ U: 35, P: 44, Q: 40, B: 19, I: 50, N: 20, O: 48 },
}
const types = Object.keys(lengths) as ItchType[]
const add = examples.find(([, { type }]) => type === 'A')?.[1] as Extract<ItchMessage, { type: 'A' }>

t.test('reads and writes an example of every type', async (t) => {
  t.same(new Set(examples.map(([, { type }]) => type)), new Set(types))
  t.same(new Set(Object.keys(layouts)), new Set(types))
  for (const [hex, message] of examples) {
    const bytes = bytesOf(hex)
    t.equal(bytes.length, lengths[message.type])
    t.strictSame(decode(bytes), message, `reads ${message.type}`)
    t.strictSame(encode(message), bytes, `writes ${message.type}`)
  }
})

t.test('reads a message from the middle of a buffer', async (t) => {
  for (const [hex, message] of examples) {
    const bytes = bytesOf(`ffffff ${hex} ffff`)
    t.strictSame(decode(bytes, 3, bytes.length - 5), message, message.type)
  }
})

t.test('reads a message that a later revision made longer', async (t) => {
  for (const [hex, message] of examples) t.strictSame(decode(bytesOf(`${hex} 41424344`)), message, message.type)
})

t.test('refuses a message cut short at any byte', async (t) => {
  for (const [hex, { type }] of examples) {
    const bytes = bytesOf(hex)
    for (let length = 0; length < bytes.length; length++) {
      throws(
        t,
        () => decode(bytes.subarray(0, length)),
        'TOO_SHORT',
        `${type}, ${length} bytes in a buffer of that size`,
      )
      throws(t, () => decode(bytes, 0, length), 'TOO_SHORT', `${type}, ${length} bytes by the framing`)
    }
  }
})

t.test('refuses a message that its framing says is longer than the buffer', async (t) => {
  const bytes = encode(add)
  throws(t, () => typeOf(bytes, bytes.length, 12), 'TOO_SHORT')
  throws(t, () => typeOf(bytes, 0, bytes.length + 1), 'TOO_SHORT')
})

t.test('passes over every type that is not in the table', async (t) => {
  for (let code = 0; code < 256; code++) {
    const type = String.fromCharCode(code)
    const bytes = new Uint8Array(50).fill(code, 0, 1)
    t.equal(typeOf(bytes), types.includes(type as ItchType) ? type : undefined)
    if (!types.includes(type as ItchType)) t.equal(decode(bytes.subarray(0, 1)), undefined)
  }
})

t.test('tells H from h', async (t) => {
  const [[hex = ''] = []] = examples.filter(([, { type }]) => type === 'h')
  const halt = bytesOf(hex)
  t.equal(decode(halt)?.type, 'h')
  halt[0] = 'H'.charCodeAt(0)
  throws(t, () => decode(halt), 'TOO_SHORT', 'which needs 25 bytes, not 21')
})

t.test('passes code letters that it does not know', async (t) => {
  const bytes = encode(add)
  bytes[19] = 0xe9
  t.match(decode(bytes), { side: 'é' })
})

t.test('reads references up to 2^53 − 1 and refuses larger ones', async (t) => {
  const bytes = encode({ ...add, reference: Number.MAX_SAFE_INTEGER })
  t.match(decode(bytes), { reference: Number.MAX_SAFE_INTEGER })
  for (const reference of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    new DataView(bytes.buffer).setBigUint64(11, reference)
    throws(t, () => decode(bytes), 'TOO_LARGE', `${reference}`)
  }
})

t.test('refuses to write what is against the rules, and says which', async (t) => {
  const wrong: readonly (readonly [name: string, value: unknown, rule: string])[] = [
    ['side', 'b', 'side of A must be B or S, got "b"'],
    ['stock', 'ABCDEFGHI', 'must be at most 8 printable ASCII characters, none of them lower-case, got "ABCDEFGHI"'],
    ['stock', 'acme', 'none of them lower-case'],
    ['stock', 'AC\tME', 'printable'],
    ['stock', 'ACMÉ', 'ASCII'],
    ['price', 200_000_0001, 'an integer from 0 to 2000000000, got 2000000001'],
    ['price', 0.5, 'an integer'],
    ['shares', 2 ** 32, 'an integer from 0 to 4294967295'],
    ['shares', -1, 'got -1'],
    ['shares', Number.NaN, 'an integer'],
    ['shares', '1', 'got "1"'],
    ['shares', undefined, 'got undefined'],
    ['reference', 2 ** 53, 'an integer from 0 to 9007199254740991'],
    ['timestamp', 86_400e9, 'an integer from 0 to 86399999999999'],
    ['locate', 0x1_0000, 'an integer from 0 to 65535'],
    ['type', 'Z', 'type must be one of S R H'],
    ['type', 'toString', 'type must be one of S R H'],
  ]
  for (const [name, value, rule] of wrong) {
    const error = throws(t, () => encode({ ...add, [name]: value } as ItchMessage), 'BAD_FIELD', `${name} ${value}`)
    t.ok(error.message.includes(rule), error.message)
  }
  const [[, direct] = []] = examples.filter(([, { type }]) => type === 'S')
  throws(t, () => encode({ ...direct, event: 'OO' } as ItchMessage), 'BAD_FIELD')
})

t.test('writes the largest legal values', async (t) => {
  const largest = { ...add, price: 200_000_0000, shares: 0xffff_ffff, timestamp: 86_400e9 - 1, stock: 'ABCD.^#9' }
  t.strictSame(decode(encode(largest)), largest)
})

t.test('writes any valid message so that reading gives it back', async () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const bytes = encode(message)
      equal(bytes.length, lengths[message.type])
      deepEqual(decode(bytes), { ...message })
    }),
  )
})

t.test('reads any bytes, or throws its own error', async () => {
  const noise = fc.tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 60 }))
  fc.assert(
    fc.property(noise, ([type, rest]) => {
      const bytes = Uint8Array.of(type.charCodeAt(0), ...rest)
      try {
        equal(decode(bytes)?.type, type)
      } catch (error) {
        ok(error instanceof ItchError)
        equal((error as ItchError).code, bytes.length < lengths[type] ? 'TOO_SHORT' : 'TOO_LARGE')
      }
    }),
  )
})

t.test('writes every message of the sample day as it was', async (t) => {
  const counts: Record<string, number> = {}
  let same = true
  for (const record of records(day)) {
    const message = decode(record) as ItchMessage
    counts[message.type] = (counts[message.type] ?? 0) + 1
    same &&= Buffer.compare(record, encode(message)) === 0
  }
  t.ok(same)
  t.strictSame(counts, { S: 6, R: 3, H: 3, A: 4997, F: 3, E: 198, X: 45, D: 1745, U: 12, P: 5000 })
})

const anyMessage = fc.constantFrom(...types).chain((type) =>
  fc.record({
    type: fc.constant(type),
    ...Object.fromEntries(Object.entries(layouts[type]).map(([name, field]) => [name, anyValue(field)])),
  }),
) as fc.Arbitrary<ItchMessage>

function anyValue(field: Field<number | string>): fc.Arbitrary<number | string> {
  if (field instanceof Side) return fc.constantFrom('B', 'S')
  if (field instanceof Letter) return fc.nat(255).map((code) => String.fromCharCode(code))
  if (field instanceof U64) return fc.maxSafeNat()
  if (field instanceof Timestamp) return fc.integer({ min: 0, max: 86_400e9 - 1 })
  if (field instanceof Price) return fc.nat(200_000_0000)
  if (typeof field.read(new Uint8Array(64), 0) === 'number') return fc.nat(2 ** (8 * field.size) - 1)
  const character = fc.constantFrom(...'ABCXYZ0189 .-+^=#$*@_~')
  return fc.string({ unit: character, maxLength: field.size }).map((text) => text.trimEnd())
}

function throws(t: Test, call: () => unknown, code: ItchError['code'], name?: string): ItchError {
  try {
    call()
  } catch (error) {
    t.match(error, { constructor: ItchError, name: 'ItchError', code }, name ?? code)
    return error as ItchError
  }
  throw new Error(`${name} did not throw`)
}
