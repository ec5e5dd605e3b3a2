import { once } from 'node:events'
import { inspect } from 'node:util'
import { test } from 'tap'
import { writeGreeting } from '../../../lib/framing/zmtp/greeting.js'
import {
  type Credentials,
  createConsumer,
  createProducer,
  type Fault,
  type Link,
  type Verdict,
} from '../../../lib/index.js'
import { consume, produce, RawListener, RawPeer, READY_PUB, READY_SUB } from './doubles.js'

// Seen on the wire of libzmq 4.3.5.
const HELLO = '040d 0548454c4c4f 03626f62 027077'
const WELCOME = '0408 0757454c434f4d45'
const INITIATE = '041c 08494e495449415445 0b536f636b65742d54797065 00000003 535542'
const REFUSAL = '040a 054552524f52 03343030'.replaceAll(' ', '')

/** A peer that has greeted with the mechanism, and has the greeting of the other end. */
async function greeted(url: string, mechanism = 'PLAIN'): Promise<RawPeer> {
  const peer = await RawPeer.dial(url)
  peer.write(writeGreeting(mechanism))
  await peer.read(64)
  return peer
}

/** Answers when the test says so. */
function slow() {
  const asked: Credentials[] = []
  let wake: () => void = () => undefined
  let answer: (verdict: Verdict) => void = () => undefined
  const called = new Promise<void>((resolve) => {
    wake = resolve
  })
  const authenticate = (credentials: Credentials) => {
    asked.push(credentials)
    wake()
    return new Promise<Verdict>((resolve) => {
      answer = resolve
    })
  }
  return { authenticate, asked, called, answer: (verdict: Verdict) => answer(verdict) }
}

test('a server of PLAIN asks for a name and a password before it says anything of itself', async (t) => {
  const asked: Credentials[] = []
  const authenticate = (credentials: Credentials) => {
    asked.push(credentials)
    return { user: 'Robert' }
  }
  const end = await produce('tcp://127.0.0.1:0', { options: { plain: 'server', authenticate } })
  const peer = await greeted(end.urls[0] as string)
  t.equal(peer.unread, '')
  peer.write(HELLO)
  t.equal(await peer.frame(), WELCOME.replaceAll(' ', ''))
  t.match(asked, [{ mechanism: 'PLAIN', username: 'bob', password: 'pw', remote: /^tcp:\/\/127\.0\.0\.1:\d+$/ }])
  peer.write(INITIATE)
  t.match(await peer.frame(), /^04..055245414459/)
  const link = await end.links.until(() => true)
  t.match((await link.until('connected')).peer, { kind: 'foreign', user: 'Robert' })
  t.equal(asked.length, 1)
  await end.close()
})

test('the user is the name or the key that was proved, unless the verdict says another', async (t) => {
  const end = await produce('tcp://127.0.0.1:0', { options: { plain: 'server', authenticate: () => true } })
  const peer = await greeted(end.urls[0] as string)
  peer.write(HELLO, INITIATE)
  const link = await end.links.until(() => true)
  t.match((await link.until('connected')).peer, { user: 'bob' })
  await end.close()
})

const refusals: [what: string, authenticate: () => Verdict | Promise<Verdict>, words: RegExp][] = [
  ['false', () => false, /^\[REFUSED\] peer is not accepted \(user bob\)$/],
  ['a promise of false', async () => false, /not accepted \(user bob\)$/],
  [
    'a mistake',
    () => {
      throw new Error('no database')
    },
    /not accepted \(user bob\): no database$/,
  ],
  ['a promise of a mistake', () => Promise.reject(new Error('no database')), /: no database$/],
  ['nothing', () => undefined as unknown as boolean, /: authenticate returned undefined$/],
  ['null', () => null as unknown as boolean, /: authenticate returned null$/],
  ['a number', () => 1 as unknown as boolean, /: authenticate returned number$/],
]
for (const [what, authenticate, words] of refusals) {
  test(`${what} refuses the peer, which is told by the word that libzmq knows`, async (t) => {
    const end = await produce('tcp://127.0.0.1:0', { options: { plain: 'server', authenticate } })
    const peer = await greeted(end.urls[0] as string)
    peer.write(HELLO)
    t.equal(await peer.frame(), REFUSAL)
    await peer.ended
    t.match(await end.faults.until(() => true), { code: 'REFUSED', message: words })
    t.equal(end.links.all.length, 0, 'there was no link')
    t.notMatch(JSON.stringify(end.faults.all), 'pw')
    await end.close()
  })
}

test('while the verdict is out nothing is read, and what came meanwhile is not lost', async (t) => {
  const { authenticate, called, answer } = slow()
  const end = await produce('tcp://127.0.0.1:0', { options: { plain: 'server', authenticate } })
  const peer = await greeted(end.urls[0] as string)
  peer.write(HELLO, INITIATE)
  await called
  t.equal(peer.unread, '')
  answer(true)
  t.equal(await peer.frame(), WELCOME.replaceAll(' ', ''))
  await peer.frame()
  peer.write('040b 09 535542534352494245 41')
  const link = await end.links.until(() => true)
  t.match(await link.until('subscribe'), { prefix: 'A' })
  await end.close()
})

test('a verdict that never comes costs the peer its deadline, and one that comes later means nothing', async (t) => {
  const { authenticate, called, answer } = slow()
  const end = await produce('tcp://127.0.0.1:0', { options: { plain: 'server', authenticate, handshakeMs: 500 } })
  const peer = await greeted(end.urls[0] as string)
  peer.write(HELLO)
  await called
  end.clock.advance(500)
  t.match(await end.faults.until(() => true), { code: 'BAD_PEER', message: /did not finish its handshake in 500 ms/ })
  answer(true)
  await peer.ended
  t.equal(peer.unread, '')
  t.equal(end.links.all.length, 0)
  await end.close()
})

test('a client tells its password to nobody who wants another mechanism', async (t) => {
  const listener = await RawListener.open()
  const options = { plain: 'client', username: 'bob', password: 'pw' }
  const end = await consume(listener.url, { role: 'dial', options })
  const peer = await listener.peer()
  await peer.read(64)
  peer.write(writeGreeting('NULL'), READY_PUB)
  await peer.ended
  t.equal(peer.unread, '')
  t.match(await end.faults.until(() => true), {
    code: 'BAD_PEER',
    message: /wants the mechanism NULL, this end has PLAIN/,
  })
  await end.close()
  await listener.close()
})

test('a client that is refused says so, and does not come back at once', async (t) => {
  for (const refusal of [REFUSAL, '0409 5e52524f52 03343030', '040e 054552524f52 07 736f7272792100']) {
    const listener = await RawListener.open()
    const options = { plain: 'client', username: 'bob', password: 'pw', reconnectMinMs: 1, reconnectMaxMs: 60_000 }
    const end = await consume(listener.url, { role: 'dial', options })
    const peer = await listener.peer()
    await peer.read(64)
    peer.write(writeGreeting('PLAIN'))
    t.equal(await peer.frame(), HELLO.replaceAll(' ', ''))
    peer.write(refusal)
    await peer.ended
    const fault = await end.faults.until(() => true)
    t.match(fault, { code: 'REFUSED', message: /refused the connection: (authentication failed \(400\)|sorry)/ })
    t.notMatch(JSON.stringify(fault), 'pw')
    end.clock.advance(29_000)
    t.equal(listener.peers.all.length, 1, 'at least half of the longest pause')
    await end.close()
    await listener.close()
  }
})

test('without a mechanism, the peer is judged before it is told anything', async (t) => {
  const { authenticate, asked, called, answer } = slow()
  const end = await produce('tcp://127.0.0.1:0', { options: { authenticate } })
  const peer = await greeted(end.urls[0] as string, 'NULL')
  await called
  t.strictSame(Object.keys(asked[0] as Credentials), ['remote', 'mechanism'])
  peer.write(READY_SUB, '040b 09 535542534352494245 41')
  t.equal(peer.unread, '')
  answer({ user: 'somebody' })
  t.match(await peer.frame(), /^04..055245414459/)
  const link = await end.links.until(() => true)
  t.match(await link.until('subscribe'), { prefix: 'A' })
  t.match((await link.until('connected')).peer, { user: 'somebody' })
  await end.close()
})

test('two ends that both judge before they speak get to know each other', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0', { authenticate: async () => true })
  const consumer = await createConsumer(producer.urls, { authenticate: async () => ({ user: 'the feed' }) })
  await producer.linked()
  await producer.send('a', 'b')
  for await (const message of consumer) {
    t.equal(message.text(), 'b')
    break
  }
  await producer.close()
  await consumer.close()
})

test('the overflow function sees the user, and each user gets its own answer', async (t) => {
  const seen: (string | undefined)[] = []
  const producer = await createProducer('tcp://127.0.0.1:0', {
    plain: 'server',
    authenticate: ({ username, password }) => password === 'pw' && { user: `${username}!` },
    overflow({ peer }: Link) {
      seen.push(peer?.user)
      return peer?.user === 'ann!' ? 'buffer' : 'drop'
    },
  })
  const consumers = []
  for (const username of ['ann', 'bob']) {
    consumers.push(await createConsumer(producer.urls, { plain: 'client', username, password: 'pw' }))
    await producer.linked({ count: consumers.length })
  }
  t.strictSame(seen, ['ann!', 'bob!'])
  t.strictSame(
    producer.links.map(({ policy }) => policy.policy),
    ['buffer', 'drop'],
  )
  await producer.close()
  for (const consumer of consumers) await consumer.close()
})

test('a peer with the wrong password costs nobody else anything', async (t) => {
  const faults: Fault[] = []
  const producer = await createProducer('tcp://127.0.0.1:0', {
    plain: 'server',
    authenticate: async ({ password }) => password === 'pw',
  })
  producer.on('fault', (fault) => faults.push(fault))
  const good = await createConsumer(producer.urls, { plain: 'client', username: 'ann', password: 'pw' })
  const bad = await createConsumer(producer.urls, { plain: 'client', username: 'bob', password: 'hunter2' })
  const refused = once(bad, 'fault')
  await producer.linked()
  t.match(await refused, [{ code: 'REFUSED' }])
  await producer.send('a', 'b')
  for await (const message of good) {
    t.equal(message.text(), 'b')
    break
  }
  t.match(faults, [{ code: 'REFUSED', message: /user bob/ }])
  t.equal(producer.links.length, 1)
  t.notMatch(inspect([faults, bad, good, producer], { depth: Number.POSITIVE_INFINITY, showHidden: true }), 'hunter2')
  await producer.close()
  await good.close()
  await bad.close()
})
