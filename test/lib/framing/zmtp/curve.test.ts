import fc from 'fast-check'
import { type Test, test } from 'tap'
import { writeMetadata } from '../../../../lib/framing/zmtp/handshake.js'
import type { Handshake } from '../../../../lib/framing/zmtp/mechanism.js'
import { encodeZ85 } from '../../../../lib/framing/zmtp/z85.js'
import { clientKeys, serverKeys } from '../../../support/curve-keys.js'
import { bodyOf, clientPair, curveClient, curveServer, linked, nacl, serverPair, wordsOf } from './curve-peers.js'
import { clientSaid, serverSaid } from './curve-recording.js'
import { fromHex, join, toHex } from './reader.js'

test('makes of a secret key the public key that libzmq makes', async (t) => {
  t.equal(encodeZ85(nacl.publicKey(serverPair.secretKey)), serverKeys.publicKey)
  t.equal(encodeZ85(nacl.publicKey(clientPair.secretKey)), clientKeys.publicKey)
})

test('a server understands what a client of libzmq has said', async (t) => {
  const server = curveServer({ start: 0 })
  t.equal(server.begin().length, 0)
  t.equal(wordsOf(server.receive(fromHex(clientSaid.hello))).length, 168)
  t.strictSame(server.receive(fromHex(clientSaid.initiate)), {
    kind: 'claim',
    claim: { publicKey: clientPair.publicKey },
  })
  t.match(server.accepted(), { kind: 'done', metadata: writeMetadata('SUB') })
  const { opener } = server.traffic()
  const [subscribe, ping] = clientSaid.traffic.map((body) => opener.open(fromHex(body)))
  t.strictSame([subscribe?.flags, toHex(subscribe?.body as Uint8Array)], [4, '0953554253435249424541'])
  t.strictSame([ping?.flags, toHex(ping?.body as Uint8Array)], [4, '0450494e470000'])
})

test('a client understands what a server of libzmq has said', async (t) => {
  const client = curveClient()
  t.equal(bodyOf(client.begin()).length, 200)
  t.equal(wordsOf(client.receive(fromHex(serverSaid.welcome))).length, 257 + writeMetadata('SUB').length)
  const done = client.receive(fromHex(serverSaid.ready))
  t.match(done, { kind: 'done', metadata: writeMetadata('XPUB') })
  const { opener } = client.traffic()
  const frames = serverSaid.traffic.map((body) => opener.open(fromHex(body)))
  t.strictSame(
    frames.map(({ flags, body }) => [flags, toHex(body)]),
    [
      [1, '41'],
      [0, '4869'],
    ],
  )
})

test('commands have the sizes of the specification, and INITIATE takes the long form', async (t) => {
  const client = curveClient()
  const server = curveServer()
  const hello = client.begin()
  t.equal(toHex(hello).slice(0, 4 + 16 + 144), `04c80548454c4c4f0100${'00'.repeat(72)}`)
  const welcome = server.receive(bodyOf(hello))
  t.match(toHex('words' in welcome ? welcome.words : hello), /^04a80757454c434f4d45/)
  const initiate = client.receive(wordsOf(welcome))
  t.match(toHex('words' in initiate ? initiate.words : hello), /^06000000000000011408494e495449415445/)
  server.receive(wordsOf(initiate))
  t.equal(wordsOf(server.accepted()).length, 30 + writeMetadata('PUB').length)
})

test('both sides tell each other their metadata', async (t) => {
  const { received, accepted } = linked()
  t.match(received, { kind: 'done', metadata: writeMetadata('PUB') })
  t.match(accepted, { kind: 'done', metadata: writeMetadata('SUB') })
})

test('each command is refused when it is cut, at every length', async (t) => {
  const welcomed = () => {
    const client = curveClient()
    client.begin()
    return client
  }
  const greeted = () => {
    const server = curveServer()
    const client = curveClient()
    const welcome = server.receive(bodyOf(client.begin()))
    return { server, client, initiate: wordsOf(client.receive(wordsOf(welcome))) }
  }
  const hello = bodyOf(curveClient().begin())
  const welcome = wordsOf(curveServer().receive(hello))
  for (let length = 0; length < hello.length; length++) refused(t, curveServer(), hello.subarray(0, length))
  refused(t, curveServer(), join(hello, Uint8Array.of(0)))
  const client = welcomed()
  for (let length = 0; length < 8; length++) refused(t, client, welcome.subarray(0, length))
  for (let length = 8; length < welcome.length; length += 16) refused(t, welcomed(), welcome.subarray(0, length))
  refused(t, welcomed(), join(welcome, Uint8Array.of(0)))
  for (const length of [9, 10, 104, 105, 112, 113, 256, 257, 260]) {
    const { server, initiate } = greeted()
    refused(t, server, initiate.subarray(0, length))
  }
  for (const length of [6, 13, 14, 29, 30, 40]) {
    const { server, client: peer, initiate } = greeted()
    server.receive(initiate)
    refused(t, peer, wordsOf(server.accepted()).subarray(0, length))
  }
})

test('each command is refused when a bit of it is another', async (t) => {
  const hello = bodyOf(curveClient().begin())
  // Version, C', nonce, box; the padding means nothing.
  for (const at of [6, 7, 80, 111, 119, 120, 136, 199]) refused(t, curveServer(), flipped(hello, at))
  t.equal(curveServer().receive(flipped(hello, 8)).kind, 'answer')

  const welcome = wordsOf(curveServer().receive(hello))
  for (const at of [8, 23, 24, 40, 72, 167]) refused(t, curveClient(), flipped(welcome, at))

  const initiate = wordsOf(curveClient().receive(welcome))
  // Cookie, nonce, box.
  for (const at of [9, 104, 112, 113, 129, 161, 257, initiate.length - 1]) {
    const server = curveServer()
    server.receive(hello)
    refused(t, server, flipped(initiate, at))
  }
  const server = curveServer()
  server.receive(hello)
  server.receive(initiate)
  const ready = wordsOf(server.accepted())
  for (const at of [13, 14, 30, ready.length - 1]) {
    const client = curveClient()
    client.receive(welcome)
    refused(t, client, flipped(ready, at))
  }
})

test('a client with the key of another server is not understood, and neither is the server', async (t) => {
  const client = curveClient({ serverKey: clientPair.publicKey })
  t.throws(() => curveServer().receive(bodyOf(client.begin())), {
    code: 'BAD_PEER',
    message: /HELLO that does not open with the keys/,
  })
  const welcome = wordsOf(curveServer().receive(bodyOf(curveClient().begin())))
  t.throws(() => client.receive(welcome), { code: 'BAD_PEER', message: /WELCOME that does not open/ })
})

test('a client cannot say that it has the key of another', async (t) => {
  const pretender = { publicKey: clientPair.publicKey, secretKey: serverPair.secretKey }
  const client = curveClient({ own: pretender })
  const server = curveServer()
  const welcome = server.receive(bodyOf(client.begin()))
  t.throws(() => server.receive(wordsOf(client.receive(wordsOf(welcome)))), {
    code: 'BAD_PEER',
    message: /vouch that does not open/,
  })
})

test('what was said on another connection is refused', async (t) => {
  const client = curveClient()
  const first = curveServer()
  const hello = bodyOf(client.begin())
  const initiate = wordsOf(client.receive(wordsOf(first.receive(hello))))
  const second = curveServer({ start: 7 })
  second.receive(hello)
  t.throws(() => second.receive(initiate), { code: 'BAD_PEER', message: /another cookie/ })
})

test('keys with which every secret would be the same are refused', async (t) => {
  const hello = bodyOf(curveClient().begin()).slice()
  hello.fill(0, 80, 112)
  t.throws(() => curveServer().receive(hello), { code: 'BAD_PEER', message: /public key that is of no use/ })
})

test('each refuses what does not come next, and a client takes a refusal', async (t) => {
  const hello = bodyOf(curveClient().begin())
  t.throws(() => curveClient().receive(hello), { message: /both ends are clients/ })
  const server = curveServer()
  server.receive(hello)
  t.throws(() => server.receive(hello), { message: /sent HELLO where INITIATE was expected/ })
  const ready = fromHex('05 5245414459')
  t.throws(() => curveServer().receive(ready), { message: /sent READY where HELLO was expected/ })
  t.strictSame(curveClient().receive(fromHex('05 4552524f52 03 343030')), { kind: 'refused', reason: '400' })
})

test('nobody throws anything but BAD_PEER, whatever arrives', async (t) => {
  const hello = bodyOf(curveClient().begin())
  const welcome = wordsOf(curveServer().receive(hello))
  const known = [hello, welcome, fromHex(clientSaid.initiate), fromHex(serverSaid.ready), fromHex('05 4552524f52')]
  const change = fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 255 }))
  const command = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.constantFrom(...known), fc.array(change, { maxLength: 3 })).map(([body, changes]) => {
      const other = body.slice()
      for (const [at, by] of changes) if (at < other.length) other[at] = (other[at] as number) ^ by
      return other
    }),
  )
  const kinds = new Set<string>()
  fc.assert(
    fc.property(fc.boolean(), fc.array(command, { minLength: 1, maxLength: 3 }), (isServer, commands) => {
      const peer: Handshake = isServer ? curveServer() : curveClient()
      try {
        for (const body of commands) kinds.add(peer.receive(body).kind)
      } catch (error) {
        return (error as { code?: string }).code === 'BAD_PEER'
      }
      return true
    }),
  )
  t.ok(kinds.has('answer'), 'some were good')
})

function refused(t: Test, peer: Handshake, body: Uint8Array): void {
  t.throws(() => peer.receive(body), { code: 'BAD_PEER' }, `${body.length} bytes`)
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const other = bytes.slice()
  other[at] = (other[at] as number) ^ 1
  return other
}
