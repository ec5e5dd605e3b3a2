import fc from 'fast-check'
import { test } from 'tap'
import { frame } from '../../../../lib/framing/zmtp/frame.js'
import { FrameReader } from '../../../../lib/framing/zmtp/frame-reader.js'
import { writeMetadata } from '../../../../lib/framing/zmtp/handshake.js'
import type { Handshake, Step } from '../../../../lib/framing/zmtp/mechanism.js'
import { PlainClient, PlainServer } from '../../../../lib/framing/zmtp/plain.js'
import { fromHex, toHex } from './reader.js'

// Seen on the wire of libzmq 4.3.5, in both roles.
const HELLO = '04 0d 05 48 45 4c 4c 4f  03 62 6f 62  02 70 77'
const WELCOME = '04 08 07 57 45 4c 43 4f 4d 45'
const INITIATE = '04 1c 08 49 4e 49 54 49 41 54 45 0b 53 6f 63 6b 65 74 2d 54 79 70 65 00 00 00 03 53 55 42'
const READY = '04 19 05 52 45 41 44 59 0b 53 6f 63 6b 65 74 2d 54 79 70 65 00 00 00 03 50 55 42'

const client = (username = 'bob', password = 'pw') =>
  new PlainClient(Buffer.from(username), Buffer.from(password), writeMetadata('SUB'))
const server = () => new PlainServer(writeMetadata('PUB'), (bytes) => Buffer.from(bytes).toString())

function bodyOf(command: string): Uint8Array {
  const reader = new FrameReader(65_536)
  reader.push(fromHex(command))
  return reader.next()?.body as Uint8Array
}

function hexOf(text: string): string {
  return text.replace(/\s+/g, '')
}

function words(step: Step): string {
  return 'words' in step ? toHex(step.words) : step.kind
}

test('the client says what libzmq says', async (t) => {
  const peer = client()
  t.equal(toHex(peer.begin()), hexOf(HELLO))
  t.equal(words(peer.receive(bodyOf(WELCOME))), hexOf(INITIATE))
  const done = peer.receive(bodyOf(READY))
  t.match(done, { kind: 'done', metadata: writeMetadata('PUB') })
  t.equal(words(done), '')
  t.equal(peer.traffic(), undefined)
})

test('the server asks who it is, and says what libzmq says', async (t) => {
  const peer = server()
  t.equal(peer.begin().length, 0)
  t.strictSame(peer.receive(bodyOf(HELLO)), { kind: 'claim', claim: { username: 'bob', password: 'pw' } })
  t.equal(words(peer.accepted()), hexOf(WELCOME))
  const done = peer.receive(bodyOf(INITIATE))
  t.match(done, { kind: 'done', metadata: writeMetadata('SUB') })
  t.equal(words(done), hexOf(READY))
})

test('names and passwords have any text of up to 255 bytes, and may be empty', async (t) => {
  for (const [username, password] of [
    ['', ''],
    ['é', '\0'],
    ['u'.repeat(255), 'p'.repeat(255)],
  ] as const) {
    const hello = new FrameReader(65_536)
    hello.push(client(username, password).begin())
    const body = hello.next()?.body as Uint8Array
    t.strictSame(server().receive(body), { kind: 'claim', claim: { username, password } })
  }
})

test('the server refuses a HELLO of any other length, whichever byte is missing', async (t) => {
  const hello = bodyOf(HELLO)
  for (let length = 0; length < hello.length; length++) {
    t.throws(() => server().receive(hello.subarray(0, length)), { code: 'BAD_PEER' }, `${length} bytes`)
  }
  t.throws(() => server().receive(fromHex('05 48454c4c4f 03 626f62 02 7077 00')), {
    code: 'BAD_PEER',
    message: /HELLO of 14 bytes, which its username and password do not fill/,
  })
})

test('each refuses what does not come next, and says what would', async (t) => {
  const cases: [peer: Handshake, command: string, message: RegExp][] = [
    [client(), HELLO, /sent HELLO where WELCOME was expected: both ends are clients/],
    [client(), READY, /sent READY where WELCOME was expected$/],
    [client(), '04 09 07 57454c434f4d45 00', /WELCOME with 1 bytes of data/],
    [server(), INITIATE, /sent INITIATE where HELLO was expected/],
    [server(), '04 03 02 0a07', /sent \?\? where HELLO was expected/],
    [server(), '04 00', /empty command/],
    [server(), '04 02 09 41', /command of 2 bytes with a name of 9/],
  ]
  for (const [peer, command, message] of cases) {
    t.throws(() => peer.receive(bodyOf(command)), { code: 'BAD_PEER', message })
  }
  const asked = server()
  asked.receive(bodyOf(HELLO))
  t.throws(() => asked.receive(bodyOf(INITIATE)), { message: /sent INITIATE where nothing was expected/ })
})

test('the client takes a refusal in either spelling, and with a broken reason', async (t) => {
  const cases: [command: string, reason: string][] = [
    ['04 0a 05 45 52 52 4f 52 03 34 30 30', '400'],
    // A digit of an escape has swallowed the length of the name, and the E.
    ['04 09 5e 52 52 4f 52 03 34 30 30', '400'],
    ['04 05 5e 52 52 4f 52', ''],
    ['04 06 05 45 52 52 4f 52', ''],
    ['04 08 05 45 52 52 4f 52 09 41', 'A'],
  ]
  for (const [command, reason] of cases) {
    t.strictSame(client().receive(bodyOf(command)), { kind: 'refused', reason })
    const late = client()
    late.receive(bodyOf(WELCOME))
    t.strictSame(late.receive(bodyOf(command)), { kind: 'refused', reason })
  }
})

test('neither throws anything but BAD_PEER, whatever arrives', async (t) => {
  const names = ['HELLO', 'WELCOME', 'INITIATE', 'READY', 'ERROR'].map(
    (name) => `${String.fromCharCode(name.length)}${name}`,
  )
  const command = fc
    .tuple(fc.constantFrom('', ...names), fc.uint8Array({ maxLength: 40 }))
    .map(([name, data]) => Buffer.concat([Buffer.from(name), data]))
  fc.assert(
    fc.property(fc.boolean(), fc.array(command, { maxLength: 4 }), (isServer, commands) => {
      const peer = isServer ? server() : client()
      try {
        for (const body of commands) if (peer.receive(body).kind === 'claim') peer.accepted()
      } catch (error) {
        return (error as { code?: string }).code === 'BAD_PEER'
      }
      return true
    }),
  )
  t.equal(toHex(frame(4, bodyOf(WELCOME))), hexOf(WELCOME))
})
