import { type Test, test } from 'tap'
import type { Message } from '../../../lib/message.js'
import { type Happened, plainSocket } from './ends.js'
import { Feed } from './packets.js'
import { openConsumer, openProducer, readAll, STREAM, sendTo, turns } from './scene.js'

const feed = new Feed()

async function openEar(t: Test, options: Readonly<Record<string, unknown>> = {}) {
  const opened = await openConsumer(t, 'udp://127.0.0.1:0', { body: 'raw', ...options })
  return { ...opened, ...readAll(opened.consumer) }
}

const texts = ({ all }: Happened<Message>) => all.map((message) => message.text())
const streams = ({ all }: Happened<string>) => all.filter((line) => line.startsWith('stream'))

test('tells several senders on one address apart', async (t) => {
  const { url, taken, told, consumer } = await openEar(t)
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  const other = new Feed('OTHER')
  await sendTo(a, url, feed.numbers(1, 2))
  await sendTo(b, url, other.numbers(501, 502))
  await sendTo(a, url, feed.numbers(3, 3))
  await sendTo(b, url, other.numbers(503, 503))
  await taken.reach(6)
  t.same(texts(taken), ['1', '2', '501', '502', '3', '503'])
  t.same(streams(told), [`stream ${STREAM} run 0 from 1`, 'stream OTHER run 0 from 501'])
  t.match(consumer.stats().streams, [
    { stream: STREAM, live: true, received: 3, lost: 0 },
    { stream: 'OTHER', live: true, first: 501, received: 3, lost: 0 },
  ])
  t.match(consumer.links, [{ remote: `${url} from 127.0.0.1:${a.address().port}` }, {}])
})

test('takes senders of one session for lines of it', async (t) => {
  const { url, taken, consumer } = await openEar(t)
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.numbers(1, 3))
  await sendTo(b, url, feed.numbers(1, 5))
  await taken.reach(5)
  t.same(texts(taken), ['1', '2', '3', '4', '5'])
  t.match(consumer.stats().links, [
    { received: 3, line: { missed: 0, duplicates: 0, wins: 3 } },
    { received: 5, line: { missed: 0, duplicates: 0, wins: 2 } },
  ])
  t.match(consumer.stats().streams, [{ received: 5, duplicates: 3 }])
})

test('keeps the first copy and tells of it when lines say different things under one number', async (t) => {
  const { url, taken, faults, consumer } = await openEar(t)
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.numbers(1, 1))
  await sendTo(b, url, feed.numbers(1, 1))
  await sendTo(a, url, feed.data(2, 'two', 'three', 'four'))
  // Packed otherwise, which is no difference.
  await sendTo(b, url, feed.data(2, 'two'), feed.data(3, 'thrEe', 'four', 'five'))
  await sendTo(a, url, feed.data(5, 'fivE'), feed.data(6, ''))
  await sendTo(b, url, feed.data(6, 'x'))
  await taken.reach(6)
  t.same(texts(taken), ['1', 'two', 'three', 'four', 'five', ''])
  await turns()
  const [first, second] = consumer.links
  t.match(faults.all, [
    { code: 'DIVERGENCE', stream: STREAM, remote: second?.remote, message: /brings the number 3 with other bytes/ },
    { code: 'DIVERGENCE', stream: STREAM, remote: first?.remote, message: /brings the number 5 with other bytes/ },
  ])
  t.match(consumer.stats().links, [{ line: { wins: 5, divergent: 1 } }, { line: { wins: 1, divergent: 2 } }])
  t.match(consumer.stats().streams, [{ received: 6, duplicates: 6, lost: 0 }])
})

test('keeps senders of one session apart where lines are separate', async (t) => {
  const { url, taken, consumer } = await openEar(t, { lines: 'separate' })
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.numbers(1, 2))
  await sendTo(b, url, feed.numbers(1, 2))
  await taken.reach(4)
  t.same(texts(taken), ['1', '2', '1', '2'])
  t.match(consumer.stats().streams, [{ received: 2 }, { received: 2 }])
})

test('begins anew with a sender that is restarted under another name', async (t) => {
  const { url, taken, told, consumer, clock } = await openEar(t)
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.numbers(7, 9))
  await sendTo(b, url, new Feed('NEW').numbers(1, 3))
  await taken.reach(6)
  t.same(streams(told), [`stream ${STREAM} run 0 from 7`, 'stream NEW run 0 from 1'])
  // The old one has gone without a word.
  for (let i = 0; i < 10; i++) {
    await sendTo(b, url, new Feed('NEW').heartbeat(4))
    await turns()
    clock.advance(1_000)
  }
  await told.reach(3)
  t.equal(told.all[2], 'unlink SILENT')
  t.match(consumer.stats().streams, [
    { stream: STREAM, live: false, tail: 'unknown', received: 3, lost: 0 },
    { stream: 'NEW', live: true },
  ])
})

test('ends a session when its own sender begins another, after a while for what is missing', async (t) => {
  const { url, taken, told, consumer, clock, counts } = await openEar(t)
  const socket = await plainSocket(t)
  const next = new Feed('NEXT')
  await sendTo(socket, url, feed.numbers(1, 2), feed.numbers(4, 4), next.numbers(1, 2), feed.numbers(3, 3))
  await taken.reach(4)
  await sendTo(socket, url, next.numbers(3, 3))
  await taken.reach(5)
  t.same(texts(taken), ['1', '2', '1', '2', '3'])
  t.same(counts()[0]?.rejected, { stale: 1 }, 'what straggles in of the old one is no change back')
  clock.advance(5)
  await taken.reach(6)
  t.equal(texts(taken)[5], '4')
  clock.advance(1_000)
  t.ok(told.all.includes('unlink undefined'))
  t.match(consumer.stats().streams, [
    { stream: STREAM, live: false, received: 3, lost: 1 },
    { stream: 'NEXT', live: true, received: 3, lost: 0 },
  ])
})

test('takes whoever sends another session for the successor where sessions are one', async (t) => {
  const { url, taken, consumer, clock, counts } = await openEar(t, { sessions: 'one' })
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  const tomorrow = new Feed('TOMORROW')
  // The same session from two addresses is one sender: its line has a spare.
  await sendTo(a, url, feed.numbers(1, 2))
  await sendTo(b, url, feed.numbers(3, 4))
  t.same((await taken.reach(4)).length, 4)
  t.equal(consumer.links.length, 1)
  await sendTo(b, url, tomorrow.numbers(1, 1))
  await sendTo(a, url, feed.numbers(5, 6), tomorrow.numbers(2, 2))
  await taken.reach(6)
  t.same(texts(taken), ['1', '2', '3', '4', '1', '2'])
  t.same(counts()[0]?.rejected, { stale: 1 })
  clock.advance(1_000)
  t.match(consumer.stats().streams, [
    { stream: STREAM, live: false },
    { stream: 'TOMORROW', live: true, received: 2 },
  ])
  t.equal(consumer.links.length, 1)
})

test('takes a sender that goes far back under its old name for one that was restarted', async (t) => {
  const { url, taken, told, faults, clock, consumer } = await openEar(t)
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.numbers(1, 500))
  await taken.reach(500)
  for (let first = 1; first <= 51; first += 10) {
    await sendTo(b, url, feed.numbers(first, first + 9))
    await turns()
    clock.advance(1_000)
  }
  t.match(await faults.reach(1), [{ code: 'SEQUENCE_RESET', stream: STREAM }])
  await sendTo(b, url, feed.numbers(61, 70))
  await turns()
  const numbersOfNew = taken.all.slice(500).map(({ sequence }) => sequence)
  t.equal(numbersOfNew.at(-1), 70)
  t.match(consumer.stats().streams, [
    { stream: STREAM, run: 0, live: true, received: 500, lost: 0 },
    { stream: STREAM, run: 1, live: true, lost: 0 },
  ])
  t.equal(consumer.stats().streams[0]?.duplicates, 70 - numbersOfNew.length)
  t.match(streams(told), [/run 0 from 1$/, /run 1 from \d+$/])
})

test('begins a new run at once with a sender that comes after the end of its session, whatever the old one repeats', async (t) => {
  const { url, taken, told, faults, clock, consumer } = await openEar(t)
  const [a, b, c] = [await plainSocket(t), await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.numbers(1, 100), feed.end(101))
  await told.reach(2)
  clock.advance(200)
  await sendTo(a, url, feed.numbers(99, 100), feed.end(101))
  await sendTo(b, url, feed.data(1, 'new 1', 'new 2'))
  await sendTo(a, url, feed.numbers(99, 100), feed.end(101))
  await sendTo(b, url, feed.data(3, 'new 3'), feed.end(4))
  await told.reach(4)
  t.same(texts(taken).slice(100), ['new 1', 'new 2', 'new 3'])
  t.match(faults.all, [{ code: 'SEQUENCE_RESET', stream: STREAM, remote: `${url} from 127.0.0.1:${b.address().port}` }])
  t.same(told.all, [
    `stream ${STREAM} run 0 from 1`,
    `end ${STREAM} before 101`,
    `stream ${STREAM} run 1 from 1`,
    `end ${STREAM} before 4`,
  ])
  // And once more, when nobody who ended it is there any longer.
  clock.advance(10_000)
  await sendTo(c, url, feed.heartbeat(1), feed.data(1, 'newer'))
  await taken.reach(104)
  t.match(consumer.stats().streams, [
    { run: 0, received: 100, duplicates: 4, lost: 0 },
    { run: 1, received: 3, duplicates: 0, lost: 0 },
    { run: 2, received: 1, duplicates: 0, lost: 0 },
  ])
  t.notOk('tail' in (consumer.stats().streams[0] ?? {}))
})

test('begins a new run with the sender that has ended its session a second ago, and no sooner', async (t) => {
  for (const sessions of ['many', 'one'] as const) {
    const { url, taken, told, faults, clock, consumer } = await openEar(t, { sessions })
    const socket = await plainSocket(t)
    await sendTo(socket, url, feed.numbers(1, 5), feed.end(6))
    await told.reach(2)
    clock.advance(999)
    await sendTo(socket, url, feed.numbers(4, 5), feed.heartbeat(6))
    await turns()
    clock.advance(1)
    await sendTo(socket, url, feed.heartbeat(6), feed.numbers(1, 2), feed.numbers(3, 9))
    await taken.reach(14)
    t.same(texts(taken).slice(5), ['1', '2', '3', '4', '5', '6', '7', '8', '9'])
    t.match(faults.all, [{ code: 'SEQUENCE_RESET' }])
    t.match(consumer.stats().streams, [
      { run: 0, live: false, received: 5, duplicates: 2 },
      { run: 1, live: true, received: 9, duplicates: 0 },
    ])
    t.equal(consumer.links.length, 1)
  }
})

test('takes no line that comes after the end of another for a new run', async (t) => {
  const { url, taken, told, faults, clock, consumer } = await openConsumer(
    t,
    ['udp://127.0.0.1:0', 'udp://127.0.0.2:0'],
    { body: 'raw' },
  ).then((opened) => ({ ...opened, ...readAll(opened.consumer) }))
  const [, second] = consumer.urls as readonly [string, string]
  const [a, b, c] = [await plainSocket(t), await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.numbers(1, 5), feed.end(6))
  await told.reach(2)
  // A twin of the sender, whose packets the network has let overtake.
  await sendTo(b, url, feed.numbers(1, 5), feed.end(6))
  await turns()
  clock.advance(500)
  // The other line, which is far longer.
  await sendTo(c, second, feed.numbers(1, 5), feed.end(6))
  await turns()
  t.equal(taken.all.length, 5)
  // Both lines begin anew: whichever is heard first begins the new run, and the other goes along.
  clock.advance(500)
  const [d, e] = [await plainSocket(t), await plainSocket(t)] as const
  await sendTo(d, second, feed.numbers(1, 3), feed.end(4))
  await told.reach(4)
  await sendTo(e, url, feed.numbers(1, 3), feed.end(4))
  await turns()
  t.same(texts(taken), ['1', '2', '3', '4', '5', '1', '2', '3'])
  t.match(faults.all, [{ code: 'SEQUENCE_RESET' }])
  t.match(consumer.stats().streams, [
    { run: 0, received: 5, duplicates: 10 },
    { run: 1, received: 3, duplicates: 3 },
  ])
})

test('begins a new run although something before the end of the old one is still missing', async (t) => {
  const silent = await plainSocket(t)
  const requests = `127.0.0.1:${silent.address().port}`
  for (const from of ['same', 'other'] as const) {
    const { url, taken, told, clock, consumer } = await openEar(t, { requests, tries: 100, retryMaxMs: 50 })
    const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
    await sendTo(a, url, feed.numbers(1, 2), feed.numbers(4, 5), feed.end(7))
    await told.reach(3)
    for (let i = 0; i < 100; i++) clock.advance(10)
    t.match(consumer.stats().streams, [{ missing: 2, lost: 0 }])
    await sendTo(from === 'same' ? a : b, url, feed.data(1, 'new 1', 'new 2', 'new 3'))
    await told.reach(4)
    for (let i = 0; i < 10; i++) clock.advance(10)
    await taken.reach(7)
    t.same(texts(taken).sort(), ['1', '2', '4', '5', 'new 1', 'new 2', 'new 3'])
    t.match(consumer.stats().streams, [
      { run: 0, received: 4, lost: 2, missing: 0, duplicates: 0 },
      { run: 1, received: 3, lost: 0 },
    ])
  }
})

test('begins a new run with what lies beyond the end of the old one', async (t) => {
  for (const first of [6, 7, 100]) {
    for (const from of ['same', 'other'] as const) {
      const { url, taken, told, clock, consumer, faults } = await openEar(t)
      const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
      await sendTo(a, url, feed.numbers(1, 5), feed.end(6))
      await told.reach(2)
      clock.advance(1_000)
      await sendTo(from === 'same' ? a : b, url, feed.numbers(first, first + 2))
      await taken.reach(8)
      t.match(consumer.stats().streams, [
        { run: 0, next: 6, received: 5, lost: 0, duplicates: 0 },
        { run: 1, first, next: first + 3, received: 3, lost: 0 },
      ])
      t.match(faults.all, [{ code: 'SEQUENCE_RESET' }])
      t.equal(
        consumer.stats().links.reduce((sum, { line }) => sum + (line?.missed ?? 0), 0),
        0,
      )
    }
  }
})

test('a line that hears of a new run late goes along, wherever it is by then', async (t) => {
  for (const first of [2, 6, 9]) {
    const opened = await openConsumer(t, ['udp://127.0.0.1:0', 'udp://127.0.0.2:0'], { body: 'raw' })
    const { url, consumer, told, clock, faults } = { ...opened, ...readAll(opened.consumer) }
    const [, second] = consumer.urls as readonly [string, string]
    const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
    for (const [socket, to] of [
      [a, url],
      [b, second],
    ] as const) {
      await sendTo(socket, to, feed.numbers(1, 5), feed.end(6))
      await told.reach(2)
      await turns()
    }
    clock.advance(1_000)
    await sendTo(a, url, feed.numbers(1, 8))
    await told.reach(4)
    await sendTo(b, second, feed.numbers(first, first))
    while (consumer.links.length < 2 || consumer.stats().links.some(({ received }) => received > 5 && received < 8))
      await turns(1)
    await turns()
    t.match(consumer.stats().streams, [
      { run: 0, next: 6, received: 5, duplicates: 5 },
      { run: 1, next: Math.max(9, first + 1), received: first === 9 ? 9 : 8, duplicates: first === 9 ? 0 : 1 },
    ])
    t.match(faults.all, [{ code: 'SEQUENCE_RESET' }])
  }
})

test('an end that is not where the end was is of another life, or of none', async (t) => {
  const { url, taken, told, clock, consumer, counts } = await openEar(t)
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.numbers(1, 5), feed.end(6), feed.end(4), feed.end(9))
  while (counts()[0]?.rejected.afterEnd !== 2) await turns(1)
  // Somebody who never spoke of the end says that there was another.
  await sendTo(b, url, feed.heartbeat(6), feed.end(4))
  await turns()
  t.same(told.all, [`stream ${STREAM} run 0 from 1`, `end ${STREAM} before 6`])
  t.match(consumer.stats().streams, [{ run: 0, next: 6, received: 5, lost: 0 }])
  t.notOk('tail' in (consumer.stats().streams[0] ?? {}))
  clock.advance(1_000)
  await sendTo(a, url, feed.end(4))
  await told.reach(5)
  t.same(told.all.slice(2), ['unlink undefined', `stream ${STREAM} run 1 from 4`, `end ${STREAM} before 4`])
  t.equal(taken.all.length, 5)
})

test('hears a heartbeat or a goodbye first, and begins there', async (t) => {
  const { url, taken, told, consumer } = await openEar(t)
  const socket = await plainSocket(t)
  await sendTo(socket, url, feed.heartbeat(1), feed.numbers(1, 2))
  await sendTo(await plainSocket(t), url, new Feed('LATER').end(77))
  await taken.reach(2)
  await told.reach(3)
  t.same(told.all, [`stream ${STREAM} run 0 from 1`, 'stream LATER run 0 from 77', 'end LATER before 77'])
  t.match(consumer.stats().streams, [
    { first: 1, next: 3, received: 2 },
    { first: 77, next: 77, received: 0, lost: 0 },
  ])
})

test('tells of the end once all before it is settled, and once', async (t) => {
  const { url, taken, told, clock, consumer } = await openEar(t)
  const socket = await plainSocket(t)
  await sendTo(socket, url, feed.numbers(1, 1), feed.numbers(3, 3), feed.end(5), feed.end(5))
  await told.reach(3)
  t.same(told.all.slice(1), ['gap open 2-2', 'gap open 4-4'])
  clock.advance(5)
  await taken.reach(2)
  t.same(told.all.slice(3), ['gap lost 2-2', 'gap lost 4-4', `end ${STREAM} before 5`])
  clock.advance(10_000)
  t.same(told.all.slice(6), ['unlink undefined'], 'who has said goodbye may be silent')
  t.match(consumer.stats().streams, [{ received: 2, lost: 2, next: 5, live: false }])
  t.notOk('tail' in (consumer.stats().streams[0] ?? {}))
})

test('sees the loss of the last messages by the heartbeat, and again by none', async (t) => {
  const { url, taken, told, clock } = await openEar(t)
  const socket = await plainSocket(t)
  await sendTo(socket, url, feed.numbers(1, 2), feed.heartbeat(3), feed.heartbeat(6), feed.heartbeat(6))
  await told.reach(2)
  clock.advance(5)
  t.same(told.all.slice(1), ['gap open 3-5', 'gap lost 3-5'])
  await sendTo(socket, url, feed.heartbeat(6), feed.heartbeat(4), feed.numbers(6, 6))
  await taken.reach(3)
  t.equal(told.all.length, 3)
  t.equal(taken.all[2]?.missed, 3, 'the loss is told in the loop, too')
})

test('a line that falls silent is stale and joined anew, and its senders are given up in the end', async (t) => {
  const opened = await openConsumer(t, 'multicast://239.192.31.1:0', { body: 'raw', interface: '127.0.0.1' })
  const { clock, counts, told, url, consumer } = opened
  const { taken } = readAll(consumer)
  const { producer } = await openProducer(t, url, { body: 'raw', interface: '127.0.0.1' })
  await producer.send('', 'a')
  await taken.reach(1)
  t.match(counts(), [{ stale: false }])
  clock.advance(2_000)
  t.match(counts(), [{ stale: false }])
  clock.advance(1_000)
  t.match(counts(), [{ stale: true }])
  t.match(consumer.stats().streams, [{ live: true, lost: 0 }], 'silence is no loss')
  await producer.send('', 'b')
  await taken.reach(2)
  t.match(counts(), [{ stale: false }], 'the group is heard as before')
  clock.advance(10_000)
  t.equal(told.all.at(-1), 'unlink SILENT')
  t.match(consumer.stats().streams, [{ live: false, lost: 0, tail: 'unknown' }])
  await producer.send('', 'c')
  await taken.reach(3)
  t.match(consumer.stats().streams, [{ live: true, received: 3, lost: 0 }], 'it goes on where it was')
})

test('one of several senders that falls silent does not make the line stale', async (t) => {
  const { url, clock, counts, told } = await openEar(t)
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.heartbeat(1))
  for (let i = 0; i < 10; i++) {
    await sendTo(b, url, new Feed('OTHER').heartbeat(1))
    await turns()
    clock.advance(1_000)
    t.match(counts(), [{ stale: false }])
  }
  t.ok(told.all.includes('unlink SILENT'))
})

test('senders of raw datagrams are told apart by their address alone', async (t) => {
  const { consumer, url, told, clock } = await openConsumer(t, 'raw+udp://127.0.0.1:0', { body: 'raw' })
  const { taken } = readAll(consumer)
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  const to = url.replace('raw+', '')
  await sendTo(a, to, Buffer.from('one'))
  await sendTo(b, to, Buffer.from('two'), Buffer.alloc(0))
  await taken.reach(3)
  t.same(texts(taken), ['one', 'two', ''])
  t.same(
    taken.all.map(({ sequence }) => sequence),
    [undefined, undefined, undefined],
  )
  t.match(consumer.stats().unsequenced, [
    { remote: `${url} from 127.0.0.1:${a.address().port}`, received: 1 },
    { remote: `${url} from 127.0.0.1:${b.address().port}`, received: 2 },
  ])
  t.same(consumer.stats().streams, [], 'nobody says that nothing was lost')
  clock.advance(10_000)
  t.same(told.all, ['unlink SILENT', 'unlink SILENT'])
  t.match(consumer.stats().unsequenced, [{ remote: '', received: 3 }])
})

test('a sender that begins session after session is retired once for each', async (t) => {
  const { url, consumer, clock, told } = await openEar(t)
  const a = await plainSocket(t)
  await sendTo(a, url, new Feed('SESSION000').heartbeat(1))
  await told.reach(1)
  const before = clock.timers
  for (let i = 1; i <= 30; i++) {
    await sendTo(a, url, new Feed(`SESSION${String(i).padStart(3, '0')}`).heartbeat(1))
    await told.reach(1 + i)
  }
  t.equal(clock.timers - before, 30)
  clock.advance(1_000)
  t.equal(consumer.links.length, 1)
})

test('a sender that begins another session needs no room for one more', async (t) => {
  for (const sessions of ['many', 'one'] as const) {
    const { url, taken, consumer, clock, counts } = await openEar(t, { sessions, maxLinks: 1 })
    const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
    await sendTo(a, url, feed.numbers(1, 2))
    await taken.reach(2)
    await sendTo(sessions === 'one' ? b : a, url, new Feed('NEXT').numbers(1, 2))
    await taken.reach(4)
    t.same(
      consumer.links.map(({ stream }) => stream),
      [STREAM, 'NEXT'],
    )
    // One more, and the first has no second left.
    await sendTo(sessions === 'one' ? b : a, url, new Feed('LAST').numbers(1, 2))
    await taken.reach(6)
    t.same(
      consumer.links.map(({ stream }) => stream),
      ['NEXT', 'LAST'],
    )
    clock.advance(1_000)
    t.same(
      consumer.links.map(({ stream }) => stream),
      ['LAST'],
    )
    t.same(counts()[0]?.rejected, {})
    if (sessions === 'one') continue
    await sendTo(b, url, new Feed('OTHER').numbers(1, 2))
    while (counts()[0]?.rejected.tooMany !== 1) await turns(1)
  }
})

test('leaves no timer of a session that is over when it is closed', async (t) => {
  const { url, told, consumer, clock } = await openEar(t)
  const a = await plainSocket(t)
  await sendTo(a, url, feed.heartbeat(1), new Feed('NEXT').heartbeat(1))
  await told.reach(2)
  await consumer.close()
  t.equal(clock.timers, 0)
})

test('a session whose successor was never there, or has gone, is heard again', async (t) => {
  const { url, taken, told, consumer, clock, counts } = await openEar(t, { sessions: 'one' })
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.numbers(1, 2))
  await taken.reach(2)
  // Anybody can send this, twice.
  await sendTo(b, url, new Feed('FORGED0001').heartbeat(1), new Feed('FORGED0002').heartbeat(1))
  await told.reach(3)
  for (let i = 0; i < 10; i++) {
    clock.advance(999)
    await sendTo(a, url, feed.heartbeat(3))
    while (counts()[0]?.rejected.stale !== i + 1) await turns(1)
  }
  clock.advance(10)
  await sendTo(a, url, feed.numbers(3, 4))
  await taken.reach(4)
  t.match(consumer.stats().streams, [
    { stream: 'FORGED0001' },
    { stream: 'FORGED0002' },
    { stream: STREAM, run: 0, live: true, received: 4, lost: 0 },
  ])
})

test('knows who has ended a session last, whoever has gone last', async (t) => {
  const { url, told, clock, consumer } = await openEar(t)
  const [a, b, c] = [await plainSocket(t), await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.numbers(1, 2), feed.end(3))
  await told.reach(2)
  clock.advance(100)
  await sendTo(b, url, feed.numbers(1, 1), feed.end(2))
  await told.reach(4)
  // The first goes on repeating itself for longer than the second.
  clock.advance(4_900)
  await sendTo(a, url, feed.end(3))
  await turns()
  clock.advance(6_000)
  t.equal(consumer.links.length, 1)
  clock.advance(6_000)
  t.equal(consumer.links.length, 0)
  await sendTo(c, url, feed.numbers(1, 1))
  await told.reach(7)
  t.same(
    streams(told),
    [0, 1, 2].map((run) => `stream ${STREAM} run ${run} from 1`),
  )
})

test('gaps of one line are remembered up to a number, and counted all', async (t) => {
  const { url, taken, consumer } = await openEar(t)
  const a = await plainSocket(t)
  for (let i = 0; i < 1_200; i++) {
    await sendTo(a, url, feed.numbers(1 + 2 * i, 1 + 2 * i))
    if (i % 50 === 49) await turns(2)
  }
  const missed = () => consumer.stats().links[0]?.line?.missed
  while (missed() !== 1_199) await turns(1)
  // The first gap is forgotten, so that its number comes too late for the line; the last is not.
  await sendTo(a, url, feed.numbers(2, 2), feed.numbers(2_398, 2_398))
  while (consumer.stats().links[0]?.received !== 1_202) await turns(1)
  t.equal(missed(), 1_198)
  t.ok(taken.all.length <= 1_202)
})

test('compares what lines say where topics are named here, and messages share memory', async (t) => {
  const { url, taken, consumer } = await openEar(t, { topicOf: () => 't' })
  const [a, b] = [await plainSocket(t), await plainSocket(t)] as const
  await sendTo(a, url, feed.heartbeat(1))
  await sendTo(b, url, feed.heartbeat(1))
  for (const [number, first, second] of [
    [1, 'one', 'one'],
    [2, 'two', 'twO'],
  ] as const) {
    await sendTo(a, url, feed.data(number, first))
    await taken.reach(number)
    await sendTo(b, url, feed.data(number, second))
    while (consumer.stats().links[1]?.received !== number) await turns(1)
  }
  t.match(consumer.stats().links, [{ line: { divergent: 0 } }, { line: { divergent: 1 } }])
})
