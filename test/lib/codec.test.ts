import { test } from 'tap'
import { bytes, json, type StandardSchema, text } from '../../lib/codec.js'

const utf8 = new TextEncoder()

interface Trade {
  readonly price: number
}

const tradeSchema: StandardSchema<Trade> = {
  '~standard': {
    version: 1,
    validate(value) {
      const price = (value as { price?: unknown } | null)?.price
      return typeof price === 'string'
        ? { value: { price: Number(price) } }
        : { issues: [{ message: 'expected a string', path: [{ key: 'price' }] }] }
    },
  },
}

test('json() carries what JSON can', async (t) => {
  const codec = json<{ a: number; b: string }>()
  t.equal(codec.encode({ a: 1, b: 'ü' }), '{"a":1,"b":"ü"}')
  t.strictSame(codec.decode(utf8.encode('{"a":1,"b":"ü"}')), { a: 1, b: 'ü' })
})

test('json() refuses values without a form in JSON', async (t) => {
  const loop: { self?: unknown } = {}
  loop.self = loop
  for (const value of [undefined, () => 1, 1n, loop]) t.throws(() => json().encode(value), { code: 'BAD_VALUE' })
})

test('json() says why data does not decode', async (t) => {
  t.throws(() => json().decode(utf8.encode('{')), { code: 'UNDECODABLE', cause: SyntaxError })
  t.throws(() => json().decode(new Uint8Array(0)), { code: 'UNDECODABLE' })
  t.throws(() => json().decode(Uint8Array.of(0x22, 0xff, 0x22)), { code: 'UNDECODABLE' }, 'not UTF-8')
})

test('json(schema) gives what the schema makes of a value, and names what it finds', async (t) => {
  const codec = json(tradeSchema)
  t.strictSame(codec.decode(utf8.encode('{"price":"1.5"}')), { price: 1.5 })
  t.throws(() => codec.decode(utf8.encode('{"price":1.5}')), {
    code: 'UNDECODABLE',
    message: '[UNDECODABLE] price: expected a string',
  })
})

test('json(schema) refuses a schema that needs time', async (t) => {
  const slow: StandardSchema<Trade> = {
    '~standard': { version: 1, validate: () => Promise.reject(new Error('later')) },
  }
  t.throws(() => json(slow).decode(utf8.encode('{}')), { code: 'UNDECODABLE', message: /synchronous/ })
})

test('text() carries UTF-8 as it is, a byte order mark included', async (t) => {
  const codec = text()
  t.equal(codec.encode('gräßlich'), 'gräßlich')
  t.equal(codec.decode(utf8.encode('\uFEFFgräßlich')), '\uFEFFgräßlich')
  t.throws(() => codec.decode(Uint8Array.of(0xc3, 0x28)), { code: 'UNDECODABLE' })
})

test('bytes() hands on the very bytes', async (t) => {
  const data = Uint8Array.of(1, 2)
  t.equal(bytes().encode(data), data)
  t.equal(bytes().decode(data), data)
})
