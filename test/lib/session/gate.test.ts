import fc from 'fast-check'
import { test } from 'tap'
import { CurveServer } from '../../../lib/framing/zmtp/curve.js'
import { frame } from '../../../lib/framing/zmtp/frame.js'
import { writeGreeting } from '../../../lib/framing/zmtp/greeting.js'
import { writeMetadata } from '../../../lib/framing/zmtp/handshake.js'
import { PlainServer } from '../../../lib/framing/zmtp/plain.js'
import { type Admission, Gate } from '../../../lib/session/gate.js'
import { clientKeys } from '../../support/curve-keys.js'
import { filling, nacl, serverPair } from '../framing/zmtp/curve-peers.js'
import { clientSaid } from '../framing/zmtp/curve-recording.js'
import { cut, fromHex, join, toHex } from '../framing/zmtp/reader.js'
import { FakePlatform } from '../support/fake-platform.js'

const READY_SUB = '0419055245414459 0b536f636b65742d54797065 00000003 535542'
const SUBSCRIBE = '040b 0953554253435249424541'

/** A gate with nothing on either side: what it lets through, what it says, and what it makes of the peer. */
function gateOf(admission: Admission) {
  const seen = { traffic: '', said: [] as string[], user: undefined as string | undefined, failure: '', pauses: 0 }
  let closed = false
  const wire = {
    pending: 0,
    write: (bytes: Uint8Array) => {
      seen.said.push(toHex(bytes))
      return 'taken' as const
    },
    pause: () => void seen.pauses++,
    resume: () => void seen.pauses--,
    end: () => undefined,
    destroy: () => undefined,
  }
  const gate = new Gate(wire, admission, new FakePlatform(), { remote: 'tcp://127.0.0.1:1' })
  const fail = (error: unknown) => {
    closed = true
    seen.failure = `${error}`
  }
  gate.guard({
    metadata: writeMetadata('PUB'),
    maxMessageBytes: 1_000,
    get closed() {
      return closed
    },
    admitted: (_, user) => {
      seen.user = user
    },
    traffic: (chunk) => {
      seen.traffic += toHex(chunk)
    },
    fail,
    refused: fail,
  })
  const receive = (chunks: readonly Uint8Array[]) => {
    try {
      for (const chunk of chunks) if (!closed) gate.receive(chunk)
    } catch (error) {
      fail(error)
    }
  }
  return { gate, seen, receive }
}

const plain: Admission = {
  mechanism: 'PLAIN',
  asServer: true,
  handshake: (metadata) => new PlainServer(metadata, (bytes) => Buffer.from(bytes).toString()),
  authenticate: ({ password }) => password === 'pw',
}
const curve: Admission = {
  mechanism: 'CURVE',
  asServer: true,
  handshake: (metadata) => new CurveServer({ nacl, random: filling() }, serverPair, metadata),
}
const open: Admission = { mechanism: 'NULL', asServer: false, authenticate: () => true }

/** All that a client of each mechanism says, and what comes through. */
const conversations = [
  {
    admission: open,
    said: join(writeGreeting('NULL'), fromHex(READY_SUB), fromHex(SUBSCRIBE)),
    user: undefined,
    through: READY_SUB + SUBSCRIBE,
    offsets: 1,
  },
  {
    admission: plain,
    said: join(
      writeGreeting('PLAIN'),
      fromHex('040d0548454c4c4f03626f62027077'),
      fromHex('041c 08494e495449415445 0b536f636b65742d54797065 00000003 535542'),
      fromHex(SUBSCRIBE),
    ),
    user: 'bob',
    through: READY_SUB + SUBSCRIBE,
    offsets: 1,
  },
  {
    admission: curve,
    // As libzmq has said it.
    said: join(
      writeGreeting('CURVE'),
      frame(4, fromHex(clientSaid.hello)),
      frame(4, fromHex(clientSaid.initiate)),
      ...clientSaid.traffic.map((body) => frame(0, fromHex(body))),
    ),
    user: clientKeys.publicKey,
    through: `${READY_SUB}${SUBSCRIBE}0407 0450494e470000`,
    // A handshake takes some milliseconds.
    offsets: 23,
  },
]

for (const { admission, said, user, through, offsets } of conversations) {
  const expected = through.replaceAll(' ', '')

  test(`lets a client of ${admission.mechanism} through, whole and cut at every offset`, async (t) => {
    const whole = gateOf(admission)
    whole.receive([said])
    t.match(whole.seen, { traffic: expected, user, failure: '', pauses: 0 })
    for (let at = 1; at < said.length; at += offsets) {
      const { seen, receive } = gateOf(admission)
      receive(cut(said, [at]))
      t.match(seen, { traffic: expected, user, failure: '', pauses: 0, said: whole.seen.said }, `cut at ${at}`)
    }
    const { seen, receive } = gateOf(admission)
    receive(cut(said, [...said.keys()].slice(1)))
    t.match(seen, { traffic: expected, failure: '' }, 'byte by byte')
  })

  test(`lets nothing of a client of ${admission.mechanism} through that has not finished`, async (t) => {
    const end = said.length - expected.length / 2
    for (let length = 0; length < said.length; length += Math.max(offsets, 1)) {
      const { seen, receive } = gateOf(admission)
      receive([said.subarray(0, length)])
      t.equal(seen.failure, '', `${length} bytes`)
      if (admission.mechanism === 'CURVE') t.ok(expected.startsWith(seen.traffic))
      else if (length < end) t.equal(seen.traffic, '')
    }
  })
}

test('never fails by anything but BAD_PEER or REFUSED, whatever arrives', async (t) => {
  const failures = new Set<string>()
  const change = fc.tuple(fc.nat(700), fc.integer({ min: 1, max: 255 }))
  fc.assert(
    fc.property(
      fc.constantFrom(...conversations),
      fc.array(change, { maxLength: 3 }),
      fc.array(fc.nat(700), { maxLength: 4 }),
      ({ admission, said }, changes, places) => {
        const other = said.slice()
        for (const [at, by] of changes) if (at < other.length) other[at] = (other[at] as number) ^ by
        const { seen, receive } = gateOf(admission)
        receive(
          cut(
            other,
            places.filter((at) => at < other.length),
          ),
        )
        failures.add(seen.failure.split(']')[0] as string)
        return /^(|FanwireError: \[(BAD_PEER|REFUSED)\] .*)$/.test(seen.failure)
      },
    ),
    { numRuns: 150 },
  )
  t.ok(failures.size > 1, 'some were broken, and some were not')
})
