import { equal } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { isOfSession, sessionBytes, sessionName } from '../../../../lib/framing/moldudp64/session.js'
import { bytesOf, examples, hexOf } from './packets.js'

t.test('pads a short name with spaces on the right, and shows it without them', async (t) => {
  const cases: [name: string, bytes: string][] = [
    ['FANWIRE001', '46414e57495245303031'],
    ['000010059B', '30303030313030353942'],
    ['A', '41202020202020202020'],
    [' A B', '20412042202020202020'],
    ['          ', '20202020202020202020'],
    ['ABC\\x00\\x00\\x00\\x00\\x00\\x00\\x00', '41424300000000000000'],
    ['\\xff\\x5c\\x7f', 'ff5c7f20202020202020'],
  ]
  for (const [name, bytes] of cases) {
    t.equal(hexOf(sessionBytes(name)), bytes, name)
    t.equal(sessionName(bytesOf(bytes)), name, name)
  }
})

t.test('refuses names that are empty, too long, or not of characters', async (t) => {
  for (const name of [
    '',
    '01234567890',
    'é',
    '\n',
    'A\u0000',
    '€',
    '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00A',
  ]) {
    t.throws(() => sessionBytes(name), { code: 'BAD_OPTION', message: /session must be 1 to 10/ }, JSON.stringify(name))
  }
})

t.test('shows sessions of any bytes so that they can be told apart and named', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 10, maxLength: 12 }), (bytes) => {
      const name = sessionName(bytes)
      equal(hexOf(sessionBytes(name)), hexOf(bytes.subarray(0, 10)))
      equal(/^[\x20-\x7e]+$/.test(name), true)
    }),
  )
})

t.test('compares sessions byte by byte, without trimming', async (t) => {
  const packet = bytesOf(examples.data)
  t.equal(isOfSession(packet, sessionBytes('FANWIRE001')), true)
  t.equal(isOfSession(packet, sessionBytes('FANWIRE002')), false)
  t.equal(isOfSession(packet, sessionBytes('fanwire001')), false)
  t.equal(isOfSession(sessionBytes('A'), sessionBytes('A\\x00')), false)
  for (let length = 0; length < 10; length++) {
    t.equal(isOfSession(packet.subarray(0, length), sessionBytes('FANWIRE001')), false, `${length} bytes`)
  }
})
