import { type Test, test } from 'tap'
import { Happened, plainSocket } from './ends.js'
import { Feed } from './packets.js'
import { openProducer, openTap, type Packet, readPacket, STREAM, sendTo, turns } from './scene.js'

const feed = new Feed()

/** A producer with a request server, and somebody who asks it. */
async function openServer(t: Test, options: Readonly<Record<string, unknown>> = {}) {
  const tap = await openTap(t)
  const opened = await openProducer(t, tap.url, { body: 'raw', requests: '127.0.0.1:0', ...options })
  const asker = await openAsker(t)
  const requests = () => opened.counts().requests as NonNullable<ReturnType<typeof opened.counts>['requests']>
  const ask = (...datagrams: readonly Uint8Array[]) => sendTo(asker.socket, requests().url, ...datagrams)
  const publish = async (count: number) => {
    for (let i = 0; i < count; i++) await opened.producer.send('', `${opened.producer.stats().next}`)
    await opened.producer.flush()
  }
  return { ...opened, tap, requests, ask, publish, answers: asker.answers }
}

async function openAsker(t: Test) {
  const socket = await plainSocket(t)
  const answers = new Happened<Packet>()
  socket.on('message', (bytes, from) => answers.push(readPacket(bytes, from)))
  return { socket, answers }
}

const numbers = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => `${first + i}`)

test('answers a request with what was asked for, to whoever asked', async (t) => {
  const { publish, ask, answers, requests, tap } = await openServer(t)
  await publish(10)
  const stranger = await openAsker(t)
  await ask(feed.request(3, 4))
  t.match(await answers.reach(1), [{ session: STREAM, kind: 'data', sequence: 3, messages: numbers(3, 6) }])
  t.equal(answers.all[0]?.from.port, Number(requests().url.split(':')[2]), 'from the address that was asked')
  t.same(stranger.answers.all, [])
  await sendTo(stranger.socket, requests().url, feed.request(1, 1))
  t.match(await stranger.answers.reach(1), [{ sequence: 1, messages: ['1'] }])
  t.equal(answers.all.length, 1)
  t.match(requests(), { answered: 2, refused: {} })
  t.ok(tap.packets.all.every(({ kind }) => kind === 'data'))
})

test('answers a request with one datagram, however much was asked for', async (t) => {
  const { publish, ask, answers, requests } = await openServer(t, { maxDatagramBytes: 100 })
  await publish(99)
  await ask(feed.request(1, 65_534), feed.request(10, 1))
  const [first, second] = await answers.reach(2)
  // 80 bytes have room for 9 blocks of 3 bytes and 13 of 4.
  t.match(first, { sequence: 1, messages: numbers(1, 22) })
  t.equal(first?.bytes.length, 99)
  t.match(second, { sequence: 10, messages: ['10'] })
  t.match(requests(), { answered: 2 })
})

test('answers up to the last message that was sent, and no further', async (t) => {
  const { producer, publish, ask, answers, requests } = await openServer(t, { rateLimit: 1_000 })
  await publish(2)
  // The pace holds back what comes now: it is in the log, and nobody has seen it.
  for (let i = 0; i < 30; i++) {
    producer.trySend('', 'x'.repeat(1_000))
    await turns(1)
  }
  await ask(feed.request(2, 100))
  const [answer] = await answers.reach(1)
  t.equal(answer?.sequence, 2)
  const sent = (answer?.sequence ?? 0) + (answer?.messages.length ?? 0)
  await ask(feed.request(sent + 1, 1), feed.request(31, 1), feed.request(1_000_000, 1), feed.request(1, 1))
  t.match((await answers.reach(2))[1], { sequence: 1, messages: ['1'] })
  t.match(requests(), { answered: 2, refused: { unknown: 3 } })
})

test('is silent to what is no request of its session, and counts it', async (t) => {
  const { publish, ask, answers, requests } = await openServer(t)
  await publish(3)
  const good = feed.request(1, 1)
  const zero = Uint8Array.from(good).fill(0, 10, 18)
  const huge = Uint8Array.from(good).fill(0xff, 10, 18)
  const none = Uint8Array.from(good).fill(0, 18)
  const all = Uint8Array.from(good).fill(0xff, 18)
  for (let size = 0; size < 20; size++) await ask(good.subarray(0, size))
  await ask(Buffer.concat([good, Buffer.from([0])]), zero, huge, none, all, new Feed('ANOTHER001').request(1, 1))
  await ask(new Feed('FANWIRE').request(1, 1), good)
  t.match(await answers.reach(1), [{ sequence: 1, messages: ['1'] }])
  t.equal(answers.all.length, 1)
  t.same(requests().refused, { size: 21, zeroSequence: 1, tooLarge: 1, count: 2, session: 2 })
  t.equal(requests().answered, 1)
})

test('cannot be made to send more than its rate, whoever seems to ask', async (t) => {
  const { publish, ask, answers, requests, clock } = await openServer(t, { answerRate: 1_000_000 })
  await publish(1_000)
  const forged = Array.from({ length: 500 }, (_, i) => feed.request(1 + i, 65_534))
  for (let i = 0; i < 500; i += 50) {
    await ask(...forged.slice(i, i + 50))
    await turns(2)
  }
  // 5 ms at 1 MB/s, and one datagram into debt.
  await answers.reach(4)
  const { answered, refused } = requests()
  t.equal(answered, 4)
  t.equal(answered + (refused.tooFast ?? 0), 500)
  t.ok(answers.all.reduce((sum, { bytes }) => sum + bytes.length, 0) <= 5_000 + 1_472)
  clock.advance(1_000)
  await ask(feed.request(1, 1))
  t.match((await answers.reach(5))[4], { sequence: 1, messages: ['1'] })
})

test('limits each address by itself, and all of them together', async (t) => {
  const { publish, requests } = await openServer(t, { answerRate: 100_000 })
  await publish(1_000)
  // 500 bytes are saved up for one address and 2,000 for all: the first answer to an address is always within its own.
  const askers = await Promise.all([2, 3, 4, 5].map((host) => plainSocket(t, `127.0.0.${host}`)))
  let got = 0
  const heard = new Happened<number>()
  for (const socket of askers) socket.on('message', () => heard.push(++got))
  for (const socket of askers) {
    await sendTo(socket, requests().url, feed.request(1, 500), feed.request(1, 500))
    await turns(2)
  }
  await heard.reach(2)
  const { answered, refused } = requests()
  t.equal(answered, 2, 'two whole datagrams are all that is there for everybody')
  t.equal(refused.tooFast, 6)
})

test('goes on answering while it says goodbye, which is the last chance', async (t) => {
  const { publish, ask, answers, close } = await openServer(t, { goodbyeMs: 1_000 })
  await publish(3)
  const [request] = [feed.request(2, 2)]
  let asked = false
  const closing = close(5_000)
  while (answers.all.length === 0) {
    await turns(1)
    if (!asked) await ask(request)
    asked = true
  }
  t.match(answers.all, [{ sequence: 2, messages: ['2', '3'] }])
  await closing
})

test('retains 16 MiB for those who ask, unless told otherwise, and says what is the oldest', async (t) => {
  const { producer, ask, answers } = await openServer(t, { retain: { messages: 100 }, answerRate: 1e9 })
  for (let i = 0; i < 5_000; i++) {
    await producer.send('', `${i + 1}`.padStart(1_000, '0'))
    if (i % 50 === 0) await turns(1)
  }
  await producer.flush()
  await ask(feed.request(1, 1))
  const [oldest] = await answers.reach(1)
  t.ok(oldest !== undefined && oldest.sequence > 1 && oldest.sequence <= 4_901, `${oldest?.sequence}`)
  t.equal(Number(oldest?.messages[0]), oldest?.sequence)
  const second = await openServer(t)
  for (let i = 0; i < 5_000; i++) {
    await second.producer.send('', `${i + 1}`.padStart(1_000, '0'))
    if (i % 50 === 0) await turns(1)
  }
  await second.producer.flush()
  await second.ask(feed.request(1, 1))
  t.match(await second.answers.reach(1), [{ sequence: 1, messages: ['1'.padStart(1_000, '0')] }])
})

test('says which of the addresses is in use', async (t) => {
  const { requests } = await openServer(t)
  const tap = await openTap(t)
  const taken = requests().url.replace('udp://', '')
  await t.rejects(openProducer(t, tap.url, { requests: taken }), {
    code: 'ADDRESS_IN_USE',
    message: new RegExp(taken),
  })
})
