import fc from 'fast-check'
import { test } from 'tap'
import { decodeZ85, encodeZ85 } from '../../../../lib/framing/zmtp/z85.js'
import { fromHex, toHex } from './reader.js'

test('writes and reads the example of RFC 32', async (t) => {
  t.equal(encodeZ85(fromHex('86 4f d2 6f b5 59 f7 5b')), 'HelloWorld')
  t.equal(toHex(decodeZ85('HelloWorld')), '864fd26fb559f75b')
})

test('writes nothing for nothing, and the largest word', async (t) => {
  t.equal(encodeZ85(new Uint8Array(0)), '')
  t.equal(decodeZ85('').length, 0)
  t.equal(toHex(decodeZ85('%nSc0')), 'ffffffff')
})

test('reads what it writes, whatever it is', async () => {
  const words = fc.integer({ min: 0, max: 12 }).chain((n) => fc.uint8Array({ minLength: 4 * n, maxLength: 4 * n }))
  fc.assert(fc.property(words, (bytes) => toHex(decodeZ85(encodeZ85(bytes))) === toHex(bytes)))
})

test('refuses what is none of it, without showing it', async (t) => {
  const cases: [text: string, message: RegExp][] = [
    ['Hello1', /multiple of 5 characters, got 6/],
    ['Hell\\', /character 5 is none of Z85/],
    ['"ello', /character 1 is/],
    ['é1234', /character 1 is/],
    ['%nSc1', /characters 1 to 5 stand for more than 4 bytes/],
    ['00000#####', /characters 6 to 10/],
  ]
  for (const [text, message] of cases) {
    try {
      decodeZ85(text)
      t.fail(`${text} was read`)
    } catch (error) {
      t.match(error, { code: 'BAD_VALUE', message })
      t.notMatch((error as Error).message, text.slice(0, 5))
    }
  }
  t.throws(() => encodeZ85(new Uint8Array(3)), { code: 'BAD_VALUE', message: /multiple of 4 bytes, got 3/ })
})
