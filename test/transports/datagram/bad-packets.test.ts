import type { Socket } from 'node:dgram'
import { type Test, test } from 'tap'
import { bytesOf, examples, seenOf } from '../../lib/framing/moldudp64/packets.js'
import { plainSocket } from './ends.js'
import { Feed } from './packets.js'
import { openConsumer, readAll, sendTo } from './scene.js'

const feed = new Feed()

/** What a consumer counts and tells when a datagram of a stranger is as it is. */
async function reject(t: Test, datagrams: readonly Uint8Array[]) {
  const opened = await openConsumer(t, 'udp://127.0.0.1:0', { body: 'raw' })
  const { taken } = readAll(opened.consumer)
  const socket = await plainSocket(t)
  await sendTo(socket, opened.url, feed.heartbeat(1), ...datagrams)
  const other = await plainSocket(t)
  await sendTo(other, opened.url, new Feed('SENTINEL01').data(1, 'sentinel'))
  await taken.reach(1)
  for (let at = 0; taken.all.at(-1)?.text() !== 'sentinel'; at++) await taken.reach(at)
  const data = taken.all.slice(0, -1).map((message) => message.text())
  return { ...opened, data, rejected: opened.counts()[0]?.rejected }
}

const cases: readonly (readonly [
  name: string,
  datagram: Uint8Array,
  rejected: Record<string, number>,
  data: string[],
])[] = [
  ['an empty datagram', Buffer.alloc(0), { runt: 1 }, []],
  ['a datagram of 19 bytes', feed.heartbeat(1).subarray(0, 19), { runt: 1 }, []],
  ['number 0', numbered(0n, 1), { zeroSequence: 1 }, []],
  ['number 0 in a heartbeat', numbered(0n, 0), { zeroSequence: 1 }, []],
  ['number 2^53', numbered(2n ** 53n, 1), { tooLarge: 1 }, []],
  ['number 2^64 - 1', numbered(2n ** 64n - 1n, 0), { tooLarge: 1 }, []],
  ['a message that would have number 2^53', numbered(2n ** 53n - 1n, 1), { tooLarge: 1 }, []],
  ['two messages counted and one there', counting(feed.data(1, 'a'), 2), { countMismatch: 1 }, []],
  ['65,534 messages counted and one there', counting(feed.data(1, 'a'), 0xfffe), { countMismatch: 1 }, []],
  ['one message counted and two there', counting(feed.data(1, 'a', 'b'), 1), { trailing: 1 }, ['a']],
  ['a message that ends behind the datagram', feed.data(1, 'abc').subarray(0, -1), { truncated: 1 }, []],
  ['the length of a message cut in two', feed.data(1, '').subarray(0, -1), { truncated: 1 }, []],
  ['one byte behind the last message', Buffer.concat([feed.data(1, 'a'), Buffer.alloc(1)]), { trailing: 1 }, ['a']],
  ['a heartbeat with a message', Buffer.concat([feed.heartbeat(1), Buffer.from([0, 1, 0x61])]), { extra: 1 }, []],
  ['an end of session with a message', Buffer.concat([feed.end(1), Buffer.from([0, 1, 0x61])]), { extra: 1 }, []],
]
for (const [name, datagram, expected, delivered] of cases) {
  test(`${name} is counted and told, and harms nothing`, async (t) => {
    const { rejected, data, faults, consumer } = await reject(t, [datagram])
    t.same(rejected, expected)
    t.same(data, delivered)
    t.match(faults.all, [{ code: 'BAD_PEER', message: / from 127\.0\.0\.1:\d+ on udp:\/\/127\.0\.0\.1:\d+$/ }])
    t.equal(faults.all.length, 1)
    t.match(consumer.stats().streams, [{ lost: 0, missing: 0, received: delivered.length }, { received: 1 }])
  })
}

test('every example of the specification, cut at every length, is judged as the framing judges it', async (t) => {
  for (const [name, hex] of Object.entries(examples)) {
    const whole = bytesOf(hex)
    const cuts = Array.from({ length: whole.length + 1 }, (_, size) => whole.subarray(0, size))
    const { counts, consumer, faults } = await reject(t, cuts)
    const total = Object.values(counts()[0]?.rejected ?? {}).reduce((sum, count) => sum + count, 0)
    const good = cuts.length - total
    const flawed = seenOf[name as keyof typeof examples].flaw !== undefined
    t.ok(total >= 20, `${name}: ${total} of ${cuts.length} cuts are rejected`)
    t.ok(good <= 2 + whole.length - 20, `${name}: ${good} are not`)
    if (!flawed) t.ok(good >= 1, `${name} is good when it is whole`)
    t.ok(faults.all.length <= 7, 'each kind is told once')
    t.equal(consumer.stats().unsequenced.length, 0)
  }
})

test('a flood of flawed datagrams is counted in full and told once for every kind', async (t) => {
  const flood = Array.from({ length: 200 }, (_, i) => feed.data(1, 'abc').subarray(0, 15 + (i % 10)))
  const { rejected, faults, data } = await reject(t, flood)
  t.same(rejected, { runt: 100, truncated: 80, countMismatch: 20 })
  t.equal(faults.all.length, 3)
  t.same(data, [])
})

test('a damaged packet costs nobody but its own messages', async (t) => {
  const { data, rejected, consumer, clock, told } = await reject(t, [
    feed.numbers(1, 3),
    feed.numbers(4, 6).subarray(0, -1),
    feed.numbers(7, 9),
  ])
  t.same(rejected, { truncated: 1 })
  t.same(data, ['1', '2', '3'])
  clock.advance(5)
  await told.reach(4)
  t.match(consumer.stats().streams, [{ received: 6, lost: 3, missing: 0 }, {}])
})

test('senders beyond maxLinks are counted and not heard', async (t) => {
  const { consumer, url, counts, faults } = await openConsumer(t, 'udp://127.0.0.1:0', { body: 'raw', maxLinks: 2 })
  const { taken } = readAll(consumer)
  const sockets = await Promise.all(['ONE', 'TWO', 'THREE', 'FOUR'].map(() => plainSocket(t)))
  for (const [i, socket] of sockets.entries()) await sendTo(socket, url, new Feed(`NUMBER${i}`).data(1, `${i}`))
  await sendTo(sockets[0] as Socket, url, new Feed('NUMBER0').data(2, 'again'))
  await taken.reach(3)
  t.match(faults.all, [{ code: 'BAD_PEER', message: /^there are 2 senders \(maxLinks\) already/ }])
  t.equal(faults.all.length, 1)
  t.same(
    taken.all.map((message) => message.text()),
    ['0', '1', 'again'],
  )
  t.same(counts()[0]?.rejected, { tooMany: 2 })
  t.equal(consumer.links.length, 2)
})

test('messages above maxMessageBytes are refused, numbered or not', async (t) => {
  const numbered = await openConsumer(t, 'udp://127.0.0.1:0', { maxMessageBytes: 4 })
  const reading = readAll(numbered.consumer)
  const socket = await plainSocket(t)
  await sendTo(socket, numbered.url, feed.data(1, 't\0abc'), feed.data(2, 't\0abcd'), feed.data(3, 't\0d'))
  await numbered.told.reach(2)
  numbered.clock.advance(5)
  await reading.taken.reach(2)
  t.same(
    reading.taken.all.map((message) => message.text()),
    ['abc', 'd'],
  )
  t.same(numbered.counts()[0]?.rejected, { tooLong: 1 })
  t.match(numbered.faults.all, [{ code: 'BAD_PEER', message: /^a message above maxMessageBytes, 4, from/ }])

  const raw = await openConsumer(t, 'raw+udp://127.0.0.1:0', { body: 'raw', maxMessageBytes: 4 })
  const { taken } = readAll(raw.consumer)
  await sendTo(socket, raw.url.replace('raw+', ''), Buffer.from('five5'), Buffer.from('four'))
  await taken.reach(1)
  t.equal(taken.all[0]?.text(), 'four')
  t.same(raw.counts()[0]?.rejected, { tooLong: 1 })
})

test('what comes beyond the end of its session is refused, and its repetition is not', async (t) => {
  const { data, rejected, told, consumer } = await reject(t, [
    feed.numbers(1, 2),
    feed.end(3),
    feed.end(3),
    feed.numbers(3, 4),
    feed.numbers(2, 2),
    feed.end(3),
  ])
  t.same(rejected, { afterEnd: 1 })
  t.same(data, ['1', '2'])
  t.equal(told.all.filter((line) => line.startsWith('end')).length, 1)
  t.match(consumer.stats().streams, [{ received: 2, duplicates: 1, lost: 0, next: 3 }, {}])
})

test('bodies without a topic are taken whole, counted, and told of once', async (t) => {
  const { consumer, url, counts, faults } = await openConsumer(t, 'udp://127.0.0.1:0')
  const { taken } = readAll(consumer)
  await sendTo(await plainSocket(t), url, feed.data(1, 'no topic', 't\0data', 'none'))
  await taken.reach(3)
  t.same(
    taken.all.map((message) => [message.topic, message.text()]),
    [
      ['', 'no topic'],
      ['t', 'data'],
      ['', 'none'],
    ],
  )
  t.match(counts(), [{ bare: 2, rejected: {} }])
  t.match(faults.all, [{ code: 'BAD_PEER', message: /give body: 'raw'/, remote: url }])
  t.equal(faults.all.length, 1)
})

test('topicOf names topics, and its failure costs only the name', async (t) => {
  const topicOf = (data: Uint8Array) => {
    if (data.length === 0) throw new Error('nothing to go by')
    return `first.${String.fromCharCode(data[0] as number)}`
  }
  for (const scheme of ['udp', 'raw+udp']) {
    const options = { body: 'raw', topicOf } as const
    const { consumer, url, counts, faults } = await openConsumer(t, `${scheme}://127.0.0.1:0`, options)
    const { taken } = readAll(consumer)
    const socket = await plainSocket(t)
    const to = url.replace('raw+', '')
    if (scheme === 'udp') await sendTo(socket, to, feed.data(1, 'ab', '', '', 'c'))
    else await sendTo(socket, to, ...['ab', '', '', 'c'].map((text) => Buffer.from(text)))
    await taken.reach(4)
    t.same(
      taken.all.map((message) => [message.topic, message.text()]),
      [
        ['first.a', 'ab'],
        ['', ''],
        ['', ''],
        ['first.c', 'c'],
      ],
    )
    t.match(counts(), [{ unnamed: 2, bare: 0 }])
    t.match(faults.all, [{ code: 'UNDECODABLE', message: /topicOf failed: nothing to go by/ }])
    t.equal(faults.all.length, 1)
  }
})

function numbered(sequence: bigint, count: number): Uint8Array {
  const packet = Buffer.from(count === 0 ? feed.heartbeat(1) : feed.data(1, 'a'))
  packet.writeBigUInt64BE(sequence, 10)
  return packet
}

function counting(packet: Uint8Array, count: number): Uint8Array {
  const changed = Buffer.from(packet)
  changed.writeUInt16BE(count, 18)
  return changed
}
