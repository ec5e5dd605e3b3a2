import { test } from 'tap'
import { balanceLink } from '../../../lib/ledger.js'
import { stoppedClock } from './ends.js'
import { openConsumer, openProducer, openTap, type Packet, passing, STREAM, turns } from './scene.js'

const of = (size: number, fill = 'x') => fill.repeat(size)

test('packs messages into as few datagrams as the size of one allows', async (t) => {
  const tap = await openTap(t)
  const { producer, counts } = await openProducer(t, tap.url, { body: 'raw' })
  // As ITCH has it: 38 add orders of 36 bytes fill 1,464 of 1,472 bytes.
  for (let i = 0; i < 80; i++) await producer.send('', of(36, String(i % 10)))
  await producer.flush()
  const packets = await tap.packets.reach(3)
  t.same(
    packets.map(({ session, sequence, messages, bytes }) => [session, sequence, messages.length, bytes.length]),
    [
      [STREAM, 1, 38, 1_464],
      [STREAM, 39, 38, 1_464],
      [STREAM, 77, 4, 172],
    ],
  )
  t.same(
    packets.flatMap(({ messages }) => messages),
    Array.from({ length: 80 }, (_, i) => of(36, String(i % 10))),
  )
  t.match(counts().lines, [{ url: tap.url, sent: 3, sentBytes: 3_100, failed: 0, waiting: 0 }])
})

test('fills a datagram to its last byte, and refuses the message that is one byte too long', async (t) => {
  for (const maxDatagramBytes of [64, 1_000, 1_472, 65_507]) {
    const tap = await openTap(t)
    const { producer } = await openProducer(t, tap.url, { maxDatagramBytes })
    // Less the header, the length of the message, and topic and terminator.
    const most = maxDatagramBytes - 20 - 2 - 2
    await t.rejects(producer.send('t', of(most + 1)), {
      code: 'TOO_LONG',
      message: new RegExp(`what one datagram has room for, ${most + 1}$`),
    })
    await producer.send('t', of(most))
    await producer.send('t', '')
    const [full, rest] = await tap.packets.reach(2)
    t.equal(full?.bytes.length, maxDatagramBytes)
    t.same(full?.messages, [`t\0${of(most)}`])
    t.match(rest, { sequence: 2, messages: ['t\0'] })
  }
})

test('sends messages of no bytes, each with its number', async (t) => {
  const tap = await openTap(t)
  const options = { body: 'raw', maxDatagramBytes: 65_507, overflow: 'drop:newest:50000' } as const
  const { producer } = await openProducer(t, tap.url, options)
  for (let i = 0; i < 40_000; i++) await producer.send('', '')
  await producer.flush()
  // 32,743 lengths of 2 bytes are all that a datagram has room for.
  let total = 0
  for (let count = 1; total < 40_000; count++) {
    const packet = (await tap.packets.reach(count))[count - 1] as Packet
    t.equal(packet.sequence, total + 1)
    t.ok(packet.messages.length <= 32_743)
    total += packet.messages.length
  }
  t.equal(total, 40_000)
})

test('says which number comes next while there is nothing to send', async (t) => {
  const tap = await openTap(t)
  const { producer, clock } = await openProducer(t, tap.url, { body: 'raw', heartbeatMs: 1_000 })
  clock.advance(1_000)
  t.match(await tap.packets.reach(1), [{ kind: 'heartbeat', sequence: 1, messages: [] }])
  await producer.send('', 'a')
  await tap.packets.reach(2)
  clock.advance(1_000)
  await turns()
  t.equal(tap.packets.all.length, 2, 'whoever has just sent need not say so')
  clock.advance(1_000)
  clock.advance(1_000)
  t.match(await tap.packets.reach(4), [{}, { kind: 'data' }, { kind: 'heartbeat', sequence: 2 }, { sequence: 2 }])
})

test('says goodbye when it is closed, and what would have come next', async (t) => {
  const tap = await openTap(t)
  const { producer, close } = await openProducer(t, tap.url, { body: 'raw' })
  await producer.send('', 'a')
  await close(5_000)
  const goodbye = { session: STREAM, kind: 'endOfSession', sequence: 2, messages: [] }
  t.match(await tap.packets.reach(4), [{ kind: 'data', sequence: 1 }, goodbye, goodbye, goodbye])
})

test('repeats its goodbye for as long as it is told, as often as a heartbeat', async (t) => {
  const tap = await openTap(t)
  const { close, clock } = await openProducer(t, tap.url, { goodbyeMs: 5_000 })
  const begun = clock.now()
  await close()
  t.equal(clock.now() - begun, 5_000)
  t.equal((await tap.packets.reach(6)).filter(({ kind }) => kind === 'endOfSession').length, 6)
  const brief = await openProducer(t, tap.url, { goodbyeMs: 0 })
  const closedAt = brief.clock.now()
  await brief.close()
  t.equal(brief.clock.now(), closedAt)
  t.equal((await tap.packets.reach(7)).length, 7, 'once at least')
})

test('says goodbye behind what the pace or fate still holds', async (t) => {
  for (const options of [{ rateLimit: 10_000 }, { impair: 'delay=900ms' }, { impair: 'delay=150ms,reorder=50%' }]) {
    const tap = await openTap(t)
    const { producer, close } = await openProducer(t, tap.url, { body: 'raw', goodbyeMs: 0, ...options })
    await producer.send('', of(1_000))
    await close(5_000)
    t.match(await tap.packets.reach(2), [{ kind: 'data' }, { kind: 'endOfSession' }], JSON.stringify(options))
    t.match(producer.stats().ends, [{ lines: [{ sent: 2, failed: 0, waiting: 0 }] }])
  }
})

test('does not wait for ever to be rid of its goodbye', async (t) => {
  const tap = await openTap(t)
  const { close, clock, counts } = await openProducer(t, tap.url, { goodbyeMs: 0, impair: 'delay=60s' })
  const begun = clock.now()
  await close()
  t.ok(clock.now() - begun <= 2_000, `${clock.now() - begun} ms`)
  t.match(counts().lines, [{ sent: 0, impairment: { offered: 1, lost: 1, waiting: 0 } }])
})

test('sends over several lines from one log, each message under the same number', async (t) => {
  const taps = [await openTap(t), await openTap(t)] as const
  const { producer } = await openProducer(
    t,
    taps.map(({ url }) => url),
    { body: 'raw' },
  )
  t.same(
    producer.urls,
    taps.map(({ url }) => url),
  )
  for (let i = 0; i < 100; i++) await producer.send('', `${i}`)
  await producer.flush()
  const [one, two] = await Promise.all(taps.map(({ packets }) => packets.reach(1)))
  t.equal(one?.[0]?.messages.length, 100)
  t.same(one?.[0]?.bytes, two?.[0]?.bytes)
  t.notSame(one?.[0]?.from, two?.[0]?.from, 'each from a socket of its own')
  t.match(producer.stats().links, [{ considered: 100, handed: 100 }, { handed: 100 }])
})

test('keeps to its rate, and drops beyond its limit rather than waiting', async (t) => {
  const tap = await openTap(t)
  const { producer, clock, counts } = await openProducer(t, tap.url, {
    body: 'raw',
    rateLimit: '1MB/s',
    overflow: 'drop:newest:50',
    heartbeatMs: 3_600_000,
  })
  for (let i = 0; i < 500; i++) {
    await producer.send('', Buffer.alloc(978, i))
    if (i % 10 === 0) await turns(1)
  }
  const [link] = producer.stats().links
  t.equal(link === undefined ? 'no link' : balanceLink(link), undefined)
  t.match(producer.stats(), { accepted: 500, links: [{ considered: 500, waiting: 50, handed: 5, inFlight: 1 }] })
  t.equal(link?.dropped.newest, 500 - 50 - 6)
  t.match(counts().lines, [{ sent: 5, waiting: 1, waitingBytes: 1_000 }])
  const begun = clock.now()
  await passing(clock, producer.flush(), 1)
  t.ok(Math.abs(clock.now() - begun - 51) <= 2, `${clock.now() - begun} ms for 51 datagrams of 1,000 bytes at 1 MB/s`)
  t.match(await tap.packets.reach(56), { length: 56 })
  t.equal(tap.packets.all.at(-1)?.sequence, 500)
})

test('makes up for a loop that was busy, so that its rate is kept', async (t) => {
  const tap = await openTap(t)
  const surroundings = stoppedClock()
  const { clock, context } = surroundings
  // Time in which no timer fires, though it is due.
  let busyMs = 0
  const now = () => clock.now() + busyMs
  const options = { body: 'raw', rateLimit: '1MB/s', overflow: 'backpressure', heartbeatMs: 3_600_000 } as const
  const platform = { ...context.platform, now }
  const { producer } = await openProducer(t, tap.url, options, { ...surroundings, context: { ...context, platform } })
  for (let i = 0; i < 300; i++) await producer.send('', Buffer.alloc(978))
  const flushing = producer.flush()
  for (let i = 0; i < 40 && producer.stats().links[0]?.handed !== 300; i++) {
    busyMs += 19
    clock.advance(1)
    await turns(3)
  }
  await flushing
  t.ok(now() >= 290 && now() <= 340, `${now()} ms for 300 datagrams of 1,000 bytes at 1 MB/s`)
})

test('waits for its own socket alone under backpressure', async (t) => {
  const tap = await openTap(t)
  const { producer, clock } = await openProducer(t, tap.url, {
    body: 'raw',
    rateLimit: '1MB/s',
    overflow: 'backpressure:5s:disconnect:20',
    heartbeatMs: 3_600_000,
  })
  let sent = 0
  const sending = (async () => {
    for (let i = 0; i < 100; i++) {
      await producer.send('', Buffer.alloc(978))
      sent++
    }
  })()
  await turns(20)
  t.ok(sent < 30, `${sent} sent while nothing leaves`)
  await passing(clock, sending, 1)
  await passing(clock, producer.flush(), 1)
  t.match(producer.stats(), { accepted: 100, refused: 0, links: [{ handed: 100, dropped: { newest: 0, expired: 0 } }] })
  t.equal((await tap.packets.reach(100)).length, 100)
})

test('goes on while nobody listens, and is not stopped by it', async (t) => {
  const gone = await openConsumer(t, 'udp://127.0.0.1:0')
  await gone.consumer.close()
  const { producer, faults } = await openProducer(t, gone.url)
  for (let i = 0; i < 10; i++) {
    await producer.send('a', `${i}`)
    await turns(1)
  }
  t.ok(faults.all.every(({ code }) => code === 'SEND_FAILED'))
  t.match(producer.stats(), { accepted: 10, links: [{ handed: 10 }] })
})

test('sends every message in a datagram of its own where the wire is raw', async (t) => {
  const tap = await openTap(t)
  const datagrams: string[] = []
  tap.socket.removeAllListeners('message')
  const all = new Promise<void>((reached) => {
    tap.socket.on('message', (bytes) => {
      if (datagrams.push(bytes.toString('latin1')) === 5) reached()
    })
  })
  const url = tap.url.replace('udp:', 'raw+udp:')
  const { producer, close } = await openProducer(t, url, { body: 'raw', heartbeatMs: 1_000 })
  for (const data of ['one', '', 'three']) await producer.send('ignored', data)
  const other = await openProducer(t, url)
  await other.producer.send('topic', 'data')
  other.clock.advance(10_000)
  await other.close(5_000)
  await close(5_000)
  const last = await openProducer(t, url, { body: 'raw' })
  await last.producer.send('', 'last')
  await all
  t.same(datagrams, ['one', '', 'three', 'topic\0data', 'last'], 'neither heartbeats nor goodbyes')
})

test('insists on numbers only where the wire has some, and does without only where it has none', async (t) => {
  const tap = await openTap(t)
  await openProducer(t, tap.url, { sequence: true })
  await t.rejects(openProducer(t, tap.url.replace('udp:', 'raw+udp:'), { sequence: true }), {
    code: 'BAD_OPTION',
    message: '[BAD_OPTION] sequence cannot be true for raw+udp, whose messages have no numbers',
  })
  await openProducer(t, tap.url.replace('udp:', 'raw+udp:'), { sequence: false })
  await t.rejects(openProducer(t, tap.url, { sequence: false }), {
    code: 'BAD_OPTION',
    message: '[BAD_OPTION] sequence cannot be false for udp, whose messages always have numbers',
  })
})

test('leaves nothing open, and says nothing, when one of its lines cannot be opened', async (t) => {
  const tap = await openTap(t)
  await t.rejects(openProducer(t, [tap.url, 'udp://no.such.host.invalid:9']), { code: 'OPEN_FAILED' })
  const { producer } = await openProducer(t, tap.url, { body: 'raw', stream: 'ANOTHER001' })
  await producer.send('', 'a')
  t.match(await tap.packets.reach(1), [{ session: 'ANOTHER001', kind: 'data' }])
})
