import fc from 'fast-check'
import { test } from 'tap'
import { CurveSealer } from '../../../../lib/framing/zmtp/curve-traffic.js'
import { frame } from '../../../../lib/framing/zmtp/frame.js'
import { type Frame, FrameReader } from '../../../../lib/framing/zmtp/frame-reader.js'
import type { Opener, Sealer } from '../../../../lib/framing/zmtp/mechanism.js'
import { linked, nacl } from './curve-peers.js'
import { cut, join, toHex } from './reader.js'

const client = () => linked().client.traffic()
const server = () => linked().server.traffic()

/** Topic and data, a command, frames of nothing, and one in the long form. */
const traffic: readonly Uint8Array[] = [
  frame(1, Buffer.from('topic')),
  frame(0, Buffer.from('data')),
  frame(4, Buffer.from('\x09SUBSCRIBEa')),
  frame(1, new Uint8Array(0)),
  frame(0, new Uint8Array(300).fill(9)),
  frame(0, new Uint8Array(0)),
]

function framesIn(bytes: Uint8Array): Frame[] {
  const reader = new FrameReader(1 << 25)
  reader.push(bytes)
  const frames: Frame[] = []
  for (let next = reader.next(); next !== undefined; next = reader.next()) frames.push(next)
  if (reader.rest().length > 0) throw new Error('bytes are left')
  return frames
}

function opened(opener: Opener, sealed: Uint8Array): string {
  return toHex(
    join(
      ...framesIn(sealed).map(({ body }) => {
        const { flags, body: inner } = opener.open(body)
        return frame(flags, inner)
      }),
    ),
  )
}

function sealedIn(sealer: Sealer, chunks: readonly Uint8Array[]): Uint8Array {
  return join(...chunks.map((chunk) => sealer.seal(chunk)))
}

test('traffic is what it was, from the client and from the server, whole and cut at every offset', async (t) => {
  const whole = join(...traffic)
  t.equal(opened(server().opener, sealedIn(client().sealer, [whole])), toHex(whole))
  t.equal(opened(client().opener, sealedIn(server().sealer, [whole])), toHex(whole))
  const fresh = () => new CurveSealer(nacl, new Uint8Array(32).fill(7), 'CurveZMQMESSAGEC', 2)
  const expected = sealedIn(fresh(), [whole])
  for (let at = 0; at <= whole.length; at++) {
    const sealed = sealedIn(fresh(), cut(whole, [at]))
    if (toHex(sealed) !== toHex(expected)) t.fail(`cut at ${at}`)
  }
  t.equal(toHex(sealedIn(fresh(), cut(whole, [...whole.keys()].slice(1)))), toHex(expected), 'byte by byte')
})

test('traffic is what it was however it is cut', async () => {
  const body = fc.uint8Array({ maxLength: 600 })
  const frames = fc.array(fc.tuple(fc.constantFrom(0, 1, 4), body).map(([flags, bytes]) => frame(flags, bytes)))
  const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 })
  const { sealer } = client()
  const { opener } = server()
  fc.assert(
    fc.property(frames, places, (some, at) => {
      const whole = join(...some)
      const sealed = sealedIn(
        sealer,
        cut(
          whole,
          at.map((place) => Math.floor(place * whole.length)),
        ),
      )
      return opened(opener, sealed) === toHex(whole)
    }),
  )
})

test('a message larger than a run is sealed as one, whatever slices it comes in', async (t) => {
  const large = frame(
    0,
    new Uint8Array(1_000_000).map((_, at) => at & 0xff),
  )
  const chunks = cut(
    join(frame(1, Buffer.from('t')), large, frame(4, Buffer.from('\x01A'))),
    [200_000, 400_000, 600_000],
  )
  const sealer = client().sealer
  const parts = chunks.map((chunk) => sealer.seal(chunk))
  t.strictSame(
    parts.map(({ length }) => length > 0),
    [true, false, false, true],
    'the topic at once, then all of it',
  )
  t.equal(opened(server().opener, join(...parts)), toHex(join(...chunks)))
})

test('frames travel as libzmq has them: without the mark of a command, each with the next count', async (t) => {
  const [first, second, third] = framesIn(sealedIn(client().sealer, [join(...traffic)]))
  t.strictSame([first?.flags, second?.flags, third?.flags], [0, 0, 0])
  t.match(toHex(first?.body as Uint8Array), /^074d4553534147450000000000000003/)
  t.match(toHex(second?.body as Uint8Array), /^074d4553534147450000000000000004/)
  const [ready] = framesIn(sealedIn(server().sealer, [frame(0, new Uint8Array(0))]))
  t.match(toHex(ready?.body as Uint8Array), /^074d4553534147450000000000000002/)
  t.equal(ready?.body.length, 33)
})

test('counts may have gaps, and none comes twice or goes back', async (t) => {
  const { sealer } = client()
  const sealed = framesIn(sealedIn(sealer, Array(5).fill(frame(0, Buffer.from('x')))))
  const bodies = sealed.map(({ body }) => body)
  const { opener } = server()
  for (const at of [0, 3, 4]) t.equal(toHex(opener.open(bodies[at] as Uint8Array).body), '78')
  for (const at of [4, 0, 3, 1]) {
    t.throws(() => opener.open(bodies[at] as Uint8Array), { code: 'BAD_PEER', message: /peer used nonce \d after 7/ })
  }
})

test('refuses what is not sealed, or not as it should be', async (t) => {
  const { sealer } = client()
  const [sealed] = framesIn(sealer.seal(frame(0, Buffer.from('hello'))))
  const body = sealed?.body as Uint8Array
  const { opener } = server()
  t.throws(() => opener.open(Buffer.from('hello')), { code: 'BAD_PEER', message: /in the clear/ })
  t.throws(() => opener.open(Buffer.from('\x05READY')), { code: 'BAD_PEER', message: /in the clear/ })
  for (let length = 0; length < body.length; length++) {
    t.throws(() => opener.open(body.subarray(0, length)), { code: 'BAD_PEER' }, `${length} bytes`)
  }
  for (let at = 0; at < body.length; at++) {
    const other = body.slice()
    other[at] = (other[at] as number) ^ 0x80
    t.throws(() => opener.open(other), { code: 'BAD_PEER' }, `byte ${at}`)
  }
  t.equal(toHex(opener.open(body).body), toHex(Buffer.from('hello')), 'what was refused does not count')
  t.throws(() => client().opener.open(body), { code: 'BAD_PEER', message: /does not open/ }, 'not by who has sealed it')
})
