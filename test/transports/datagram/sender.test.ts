import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { bytes, Happened, NOTHING, openReceiver, openSender, plainSocket } from './ends.js'

const lo = { interface: '127.0.0.1' }
const onLinux = { skip: process.platform !== 'linux' && 'as Linux has it' }

test('sends header and run as one datagram, and counts it', async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://127.0.0.1:0')
  const { sender, drained } = await openSender(t, receiver.url)
  t.equal(sender.remote, receiver.url)
  t.match(sender.local, /^127\.0\.0\.1:[1-9]\d*$/)
  const header = bytes('head')
  const run = bytes('run')
  t.equal(sender.send(header, run), 'taken')
  header.fill(0)
  run.fill(0)
  t.match(await arrived.reach(1), [{ text: 'headrun' }])
  t.same(sender.counts, {
    sent: 1,
    sentBytes: 7,
    failed: 0,
    waiting: 0,
    waitingBytes: 0,
    impairment: undefined,
    answersImpairment: undefined,
  })
  t.equal(sender.busy, false)
  t.same(drained.all, [], 'nobody was told to wait')
})

test('leaves by the interface that it is told', async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'multicast://239.192.8.1:0', lo)
  for (const options of [{}, { loopback: true }, { ttl: 0 }, { ttl: 3 }]) {
    const { sender } = await openSender(t, receiver.url, { ...lo, ...options })
    t.match(sender.local, /^127\.0\.0\.1:/)
    t.equal(sender.send(NOTHING, bytes(JSON.stringify(options))), 'taken')
  }
  t.match(await arrived.reach(4), [{ text: '{}' }, { text: '{"loopback":true}' }, { text: '{"ttl":0}' }, {}])
})

test('goes on when nobody has the port open, and tells it once', onLinux, async (t) => {
  const closing = await openReceiver(t, 'udp://127.0.0.1:0')
  await closing.receiver.close()
  const { url } = closing.receiver
  const { sender, faults, clock } = await openSender(t, url)
  sender.send(NOTHING, bytes('1'))
  const [fault] = await faults.reach(1)
  t.match(fault, { code: 'SEND_FAILED', message: /nobody has that port open/, remote: url })
  for (let i = 2; i <= 20; i++) {
    sender.send(NOTHING, bytes(`${i}`))
    await new Promise((next) => setImmediate(next))
  }
  t.equal(faults.all.length, 1)
  const { sent, failed } = sender.counts
  t.equal(sent + failed, 20)
  const { arrived } = await openReceiver(t, url)
  sender.send(NOTHING, bytes('perhaps lost to the error of the one before it'))
  sender.send(NOTHING, bytes('there'))
  await settled()
  t.ok(sender.counts.sent > sent)
  t.equal((await arrived.reach(sender.counts.sent - sent)).at(-1)?.text, 'there')
  clock.advance(10_000)
  t.equal(faults.all.length, 1)
})

test('refuses a datagram that no network takes', async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://127.0.0.1:0')
  const { sender, faults } = await openSender(t, receiver.url)
  t.equal(sender.send(Buffer.alloc(20), Buffer.alloc(65_488)), 'taken', 'nothing waits')
  t.match(faults.all, [
    { code: 'TOO_LONG', message: /^a datagram of 65508 bytes to udp:.* exceeds the 65507 that one can have$/ },
  ])
  t.match(sender.counts, { sent: 0, failed: 1 })
  sender.send(NOTHING, bytes('short'))
  t.match(await arrived.reach(1), [{ text: 'short' }])
})

test('paces what it sends', async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://127.0.0.1:0')
  const { sender, drained, clock } = await openSender(t, receiver.url, { rateLimit: '1MB/s' })
  const run = Buffer.alloc(980)
  const send = () => sender.send(Buffer.alloc(20), run)
  const answers = Array.from({ length: 6 }, send)
  t.same(answers, ['taken', 'taken', 'taken', 'taken', 'taken', 'busy'], '5 ms worth at once')
  t.equal(sender.busy, true)
  t.match(sender.counts, { waiting: 1, waitingBytes: 1_000 })
  await arrived.reach(5)
  t.equal(sender.counts.sent, 5)
  clock.advance(0.5)
  await settled()
  t.match(sender.counts, { sent: 6, waiting: 0 }, 'into debt as soon as there is anything')
  t.equal(drained.all.length, 1)
  t.equal(sender.busy, false)
  t.equal(send(), 'busy')
  t.equal(send(), 'busy', 'whoever sends on makes the queue longer')
  clock.advance(1)
  await settled()
  t.equal(drained.all.length, 1, 'one of two has left')
  clock.advance(1)
  await settled()
  t.match(sender.counts, { sent: 8, sentBytes: 8_000, waiting: 0 })
  t.equal(drained.all.length, 2)
  await arrived.reach(8)
})

test('counts what waited as failed when it is closed', async (t) => {
  const { receiver } = await openReceiver(t, 'udp://127.0.0.1:0')
  const { sender, drained, clock } = await openSender(t, receiver.url, { rateLimit: 1_000 })
  t.equal(sender.send(NOTHING, Buffer.alloc(1_000)), 'taken')
  t.equal(sender.send(NOTHING, Buffer.alloc(10)), 'busy')
  await settled()
  await sender.close()
  await sender.close()
  clock.advance(10_000)
  t.match(sender.counts, { sent: 1, failed: 1, waiting: 0, waitingBytes: 0 })
  t.equal(sender.send(NOTHING, bytes('no more')), 'busy')
  t.equal(sender.busy, false)
  t.equal(sender.local, '')
  t.same(drained.all, [])
  t.equal(clock.timers, 0)
})

test('keeps account of what the system has not taken yet', async (t) => {
  // Loopback is never busy, so Node is told not to send at once; it has that switch for its own tests.
  const path = fileURLToPath(new URL('busy-process.js', import.meta.url))
  const child = fork(path, { execArgv: ['--test-udp-no-try-send'], stdio: 'inherit' })
  const [report] = await once<BusyReport>(child)
  t.same(report, {
    answers: ['busy', 'busy', 'busy'],
    waiting: [
      [1, 5],
      [2, 10],
      [3, 15],
    ],
    drained: 1,
    counts: { sent: 3, sentBytes: 15, failed: 0, waiting: 0, waitingBytes: 0 },
    received: ['>one.', '>two.', '>six.'],
    replies: ['sent', 'full', 'full'],
    answered: ['1'],
  })
})

test('impairs what it sends, from memory of its own', async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://127.0.0.1:0')
  const late = [{ delayMs: 0, overtakenBy: 1 }]
  const plain = { delayMs: 0, overtakenBy: 0 }
  const fates = [late, [plain], [], [plain, plain]]
  const { sender, drained } = await openSender(t, receiver.url, { impair: (index: number) => fates[index] })
  const header = Buffer.alloc(1)
  const run = Buffer.alloc(1)
  for (const letter of 'abcd') {
    header.write('>')
    run.write(letter)
    t.equal(sender.send(header, run), 'taken')
  }
  t.same(
    (await arrived.reach(4)).map(({ text }) => text),
    ['>b', '>a', '>d', '>d'],
  )
  t.match(sender.counts, {
    sent: 4,
    failed: 0,
    impairment: { offered: 4, lost: 1, duplicated: 1, reordered: 1, passed: 4, waiting: 0 },
  })
  t.same(drained.all, [])
})

test('impairs what comes back', async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://127.0.0.1:0')
  const { sender, answers } = await openSender(t, receiver.url, { impairAnswers: 'lossEvery=2' })
  sender.send(NOTHING, bytes('ask'))
  const [question] = await arrived.reach(1)
  for (const answer of ['1', '2', '3']) {
    receiver.reply(question?.remote ?? { address: '', port: 0 }, NOTHING, bytes(answer))
  }
  t.same(
    (await answers.reach(2)).map(({ text }) => text),
    ['1', '3'],
  )
  t.match(sender.counts.answersImpairment, { offered: 3, lost: 1, passed: 2 })
})

test('hears its peer alone', onLinux, async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://127.0.0.1:0')
  const { sender, answers } = await openSender(t, receiver.url)
  const stranger = await plainSocket(t)
  const port = Number(sender.local.split(':')[1])
  await new Promise<void>((sent) => stranger.send('forged', port, '127.0.0.1', () => sent()))
  sender.send(NOTHING, bytes('ask'))
  const [question] = await arrived.reach(1)
  receiver.reply(question?.remote ?? { address: '', port: 0 }, NOTHING, bytes('answer'))
  t.match(await answers.reach(1), [{ text: 'answer' }])
})

test('reports a send buffer that is smaller than asked for', async (t) => {
  const { faults } = await openSender(t, 'udp://127.0.0.1:9', { sendBufferBytes: 1024 ** 3 })
  t.match(faults.all, [
    { code: 'CLAMPED', message: /got a send buffer of \d+ bytes, not the 1073741824 of sendBuffer/ },
  ])
  const modest = await openSender(t, 'udp://127.0.0.1:9', { sendBufferBytes: 65_536 })
  t.same(modest.faults.all, [])
})

test('says what is wrong with an address', async (t) => {
  const refusals: readonly (readonly [url: string, setup: object, code: string, message: RegExp])[] = [
    ['udp://no.such.host.invalid:9', {}, 'OPEN_FAILED', /cannot resolve the host of udp:/],
    ['udp://127.0.0.1:0', {}, 'BAD_ADDRESS', /has port 0, which only a listener can use/],
    ['udp://*:9', {}, 'BAD_ADDRESS', /stands for all interfaces of this machine/],
    ['udp://239.1.2.3:9', {}, 'BAD_ADDRESS', /has a multicast group where a host belongs/],
    ['udp://255.255.255.255:9', {}, 'OPEN_FAILED', /cannot send to udp:\/\/255\.255\.255\.255:9: connect EACCES/],
    ['multicast://239.1.2.3:9', {}, 'BAD_OPTION', /interface must be given for multicast:/],
    ['multicast://239.1.2.3:9', { interface: 'eth77' }, 'BAD_OPTION', /interface must be a name or address of this/],
    ['udp://127.0.0.1:9', { interface: 'eth77' }, 'BAD_OPTION', /interface must be a name or address of this/],
    ['udp://127.0.0.1:9', { loopback: true }, 'BAD_OPTION', /loopback belongs to a multicast group/],
    ['udp://127.0.0.1:9', { ttl: 0 }, 'BAD_OPTION', /ttl must be at least 1 for udp:/],
    ['udp://127.0.0.1:9', { ttl: 256 }, 'BAD_OPTION', /ttl must be an integer from 0 to 255, got 256/],
    ['udp://127.0.0.1:9', { rateLimit: 'fast' }, 'BAD_OPTION', /rateLimit must be .* such as '50MB\/s', got 'fast'/],
  ]
  for (const [url, setup, code, message] of refusals) {
    await t.rejects(openSender(t, url, setup), { code, message }, `${url} ${JSON.stringify(setup)}`)
  }
})

/** What {@link file://./busy-process.ts} tells. */
export interface BusyReport {
  readonly answers: readonly string[]
  readonly waiting: readonly (readonly [datagrams: number, bytes: number])[]
  readonly drained: number
  readonly counts: object
  readonly received: readonly string[]
  readonly replies: readonly string[]
  readonly answered: readonly string[]
}

async function once<T>(child: ReturnType<typeof fork>): Promise<readonly T[]> {
  const messages = new Happened<T>()
  child.on('message', (message) => messages.push(message as T))
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`the process ended with ${code} before it told anything`)))
  })
  return Promise.race([messages.reach(1), ended])
}

/** Lets the callbacks of sends run, which Node calls in the next tick. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
