import { networkInterfaces } from 'node:os'
import { test } from 'tap'
import { handleOf } from '../../../transports/datagram/handle.js'
import { bytes, Happened, hasIpv6, NOTHING, openReceiver, openSender, plainSocket, stoppedClock } from './ends.js'

const KIB = 1024
const lo = { interface: '127.0.0.1' }
const loopbackName = Object.entries(networkInterfaces()).find(([, all]) => all?.some((one) => one.internal))?.[0]

const onLinux = { skip: process.platform !== 'linux' && 'as Linux has it' }
const nowhere = { address: '', port: 0 }

/** An impairment that delays everything by 5 ms, and tells when a datagram comes. */
const delays = (delayed: Happened<number>) => (index: number) => {
  delayed.push(index)
  return [{ delayMs: 5, overtakenBy: 0 }]
}

test('gives out datagrams in order, with bytes of their own and the address they came from', async (t) => {
  const { receiver, arrived, port } = await openReceiver(t, 'udp://127.0.0.1:0')
  t.equal(receiver.url, `udp://127.0.0.1:${port}`)
  t.equal(receiver.joined, true)
  const { sender } = await openSender(t, receiver.url)
  for (const text of ['one', '', 'three']) t.equal(sender.send(bytes('>'), bytes(text)), 'taken')
  sender.send(NOTHING, NOTHING)
  const [one, two, three, four] = await arrived.reach(4)
  t.same([one?.text, two?.text, three?.text, four?.text], ['>one', '>', '>three', ''])
  t.match(one?.remote, { address: '127.0.0.1' })
  t.equal(`127.0.0.1:${one?.remote.port}`, sender.local)
  t.not(one?.bytes.buffer, three?.bytes.buffer)
  t.equal(three?.bytes.buffer.byteLength, 6, 'no more memory than it has bytes')
  t.match(receiver.counts, { received: 4, receivedBytes: 11, foreign: 0, discarded: 0, impairment: undefined })
})

test('takes the largest datagram there is', async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://127.0.0.1:0')
  const { sender } = await openSender(t, receiver.url)
  t.equal(sender.maxDatagramBytes, 65_507)
  sender.send(Buffer.alloc(20, 1), Buffer.alloc(65_487, 2))
  const [largest] = await arrived.reach(1)
  t.equal(largest?.bytes.length, 65_507)
  t.same(largest?.bytes.subarray(18, 22), Buffer.from([1, 1, 2, 2]))
})

test('takes a group on loopback, its interface named by address or by name', async (t) => {
  for (const named of ['127.0.0.1', loopbackName]) {
    const { receiver, arrived, port, faults } = await openReceiver(t, 'multicast://239.192.7.1:0', { interface: named })
    t.equal(receiver.url, `multicast://239.192.7.1:${port}`)
    t.equal(receiver.joined, true)
    const { sender } = await openSender(t, receiver.url, { interface: named })
    t.equal(sender.send(NOTHING, bytes('hello')), 'taken')
    const [first] = await arrived.reach(1)
    t.match(first, { text: 'hello', remote: { address: '127.0.0.1' } })
    t.same(faults.all, [])
  }
})

test('hears nothing of another group on the same port', async (t) => {
  const one = await openReceiver(t, 'multicast://239.192.7.1:0', lo)
  const two = await openReceiver(t, `multicast://239.192.7.2:${one.port}`, lo)
  const first = await openSender(t, one.receiver.url, lo)
  const second = await openSender(t, two.receiver.url, lo)
  const alone = await openSender(t, `udp://127.0.0.1:${one.port}`)
  for (let i = 0; i < 50; i++) {
    alone.sender.send(NOTHING, bytes('unicast'))
    second.sender.send(NOTHING, bytes(`second ${i}`))
    first.sender.send(NOTHING, bytes(`first ${i}`))
  }
  const expected = (word: string) => Array.from({ length: 50 }, (_, i) => `${word} ${i}`)
  const texts = (all: readonly { text: string }[]) => all.map(({ text }) => text)
  t.same(texts(await one.arrived.reach(50)), expected('first'))
  t.same(texts(await two.arrived.reach(50)), expected('second'))
})

test('shares a group and port with others, and each gets everything', async (t) => {
  const one = await openReceiver(t, 'multicast://239.192.7.3:0', lo)
  const two = await openReceiver(t, one.receiver.url, lo)
  const { sender } = await openSender(t, one.receiver.url, lo)
  sender.send(NOTHING, bytes('all'))
  t.match(await one.arrived.reach(1), [{ text: 'all' }])
  t.match(await two.arrived.reach(1), [{ text: 'all' }])
})

test('hears one source alone when it is told to', onLinux, async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'multicast://239.192.7.4:0', { ...lo, source: '127.0.0.1' })
  const other = await plainSocket(t, '127.0.0.2')
  other.setMulticastInterface('127.0.0.1')
  const send = (text: string) =>
    new Promise<void>((sent) => other.send(text, receiver.port, '239.192.7.4', () => sent()))
  const { sender } = await openSender(t, receiver.url, lo)
  for (let i = 0; i < 10; i++) {
    await send('stranger')
    sender.send(NOTHING, bytes(`${i}`))
  }
  t.same(
    (await arrived.reach(10)).map(({ text }) => text),
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  )
  t.equal(receiver.counts.foreign, 0, 'the system keeps strangers out already')
  receiver.rejoin()
  t.equal(receiver.joined, true)
  await send('stranger')
  sender.send(NOTHING, bytes('again'))
  t.equal((await arrived.reach(11))[10]?.text, 'again')
})

test('stays in its group when it joins anew', async (t) => {
  const { receiver, arrived, faults } = await openReceiver(t, 'multicast://239.192.7.5:0', lo)
  const { sender } = await openSender(t, receiver.url, lo)
  for (let i = 1; i <= 25; i++) {
    receiver.rejoin()
    sender.send(NOTHING, bytes(`${i}`))
    t.equal((await arrived.reach(i))[i - 1]?.text, `${i}`)
  }
  t.same(faults.all, [])
})

test('goes by IPv6 as well', { skip: !hasIpv6 && 'no IPv6 here' }, async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://[::1]:0')
  t.match(receiver.url, /^udp:\/\/\[::1\]:[1-9]\d*$/)
  const { sender, answers } = await openSender(t, receiver.url)
  t.equal(sender.maxDatagramBytes, 65_527)
  sender.send(NOTHING, bytes('six'))
  const [first] = await arrived.reach(1)
  t.match(first, { text: 'six', remote: { address: '::1' } })
  receiver.reply(first?.remote ?? nowhere, NOTHING, bytes('back'))
  t.match(await answers.reach(1), [{ text: 'back' }])
})

test('answers nobody who pretends to have no port', async (t) => {
  const { receiver } = await openReceiver(t, 'udp://127.0.0.1:0')
  t.equal(receiver.reply({ address: '127.0.0.1', port: 0 }, NOTHING, bytes('nobody')), 'nowhere')
  t.match(receiver.replies, { sent: 0, failed: 0, waiting: 0 })
})

test('answers from its own port', async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://127.0.0.1:0')
  const { sender, answers } = await openSender(t, receiver.url)
  sender.send(NOTHING, bytes('question'))
  const [question] = await arrived.reach(1)
  const header = bytes('an')
  t.equal(receiver.reply(question?.remote ?? nowhere, header, bytes('swer')), 'sent')
  header.fill(0)
  const [answer] = await answers.reach(1)
  t.match(answer, { text: 'answer', remote: { address: '127.0.0.1', port: receiver.port } })
  t.match(receiver.replies, { sent: 1, sentBytes: 6, failed: 0, waiting: 0, waitingBytes: 0 })
})

test('listens on all interfaces, and shows IPv4 addresses as such', async (t) => {
  const { receiver, arrived, port } = await openReceiver(t, 'udp://*:0')
  t.equal(receiver.url, `udp://*:${port}`)
  const { sender, answers } = await openSender(t, `udp://127.0.0.1:${port}`)
  sender.send(NOTHING, bytes('hello'))
  const [hello] = await arrived.reach(1)
  t.equal(hello?.remote.address, '127.0.0.1')
  receiver.reply(hello?.remote ?? nowhere, NOTHING, bytes('you'))
  t.match(await answers.reach(1), [{ text: 'you' }])
})

test('looks a host up', async (t) => {
  const { receiver, arrived, port } = await openReceiver(t, 'udp://localhost:0')
  t.equal(receiver.url, `udp://localhost:${port}`)
  const { sender } = await openSender(t, receiver.url)
  sender.send(NOTHING, bytes('home'))
  t.match(await arrived.reach(1), [{ text: 'home' }])
})

test('gives nothing out while it is paused, and loses nothing by it', async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://127.0.0.1:0')
  const { sender } = await openSender(t, receiver.url)
  const barrier = await openReceiver(t, 'udp://127.0.0.1:0')
  const pass = await openSender(t, barrier.receiver.url)
  sender.send(NOTHING, bytes('0'))
  await arrived.reach(1)
  receiver.pause()
  receiver.pause()
  for (let i = 1; i <= 100; i++) sender.send(NOTHING, bytes(`${i}`))
  // Sent later to another socket: by the time it is there, the others would be, too.
  for (let i = 1; i <= 3; i++) {
    pass.sender.send(NOTHING, bytes('pass'))
    await barrier.arrived.reach(i)
  }
  t.equal(arrived.all.length, 1)
  t.equal(receiver.counts.received, 1, 'what waits does so in the system')
  receiver.resume()
  receiver.resume()
  t.same(
    (await arrived.reach(101)).map(({ text }) => Number(text)),
    Array.from({ length: 101 }, (_, i) => i),
  )
})

test('stops at the very datagram that pauses it', async (t) => {
  const seen: string[] = []
  const { receiver, arrived } = await openReceiver(t, 'udp://127.0.0.1:0', {}, stoppedClock(), (text, receiver) => {
    seen.push(text)
    receiver.pause()
  })
  const { sender } = await openSender(t, receiver.url)
  for (let i = 1; i <= 5; i++) sender.send(NOTHING, bytes(`${i}`))
  for (let i = 1; i <= 5; i++) {
    await arrived.reach(i)
    t.equal(seen.length, i)
    receiver.resume()
  }
  t.same(seen, ['1', '2', '3', '4', '5'])
})

test('keeps what was on its way when it was paused, up to the size of its buffer', async (t) => {
  const delayed = new Happened<number>()
  const { receiver, arrived, clock } = await openReceiver(t, 'udp://127.0.0.1:0', {
    impair: delays(delayed),
    receiveBufferBytes: 4 * KIB,
  })
  const { sender } = await openSender(t, receiver.url)
  for (let i = 0; i < 6; i++) {
    sender.send(NOTHING, Buffer.alloc(KIB, 97 + i))
    await delayed.reach(i + 1)
  }
  receiver.pause()
  clock.advance(10)
  t.equal(arrived.all.length, 0)
  t.match(receiver.counts, { received: 6, discarded: 2, impairment: { passed: 6 } })
  receiver.resume()
  t.same(
    arrived.all.map(({ text }) => text[0]),
    ['a', 'b', 'c', 'd'],
  )
})

test('counts what the system throws away', {
  skip: process.platform !== 'linux' && 'shown by Linux alone',
}, async (t) => {
  const { receiver, arrived, clock } = await openReceiver(t, 'multicast://239.192.7.6:0', {
    ...lo,
    receiveBufferBytes: 16 * KIB,
  })
  // Another socket of the very same address, which drops nothing.
  const other = await openReceiver(t, receiver.url, lo)
  const { sender } = await openSender(t, receiver.url, lo)
  receiver.pause()
  for (let i = 0; i < 100; i++) sender.send(NOTHING, Buffer.alloc(KIB))
  await other.arrived.reach(100)
  await receiver.refreshDrops()
  const { kernelDrops } = receiver.counts
  t.ok(kernelDrops !== undefined && kernelDrops > 50 && kernelDrops < 100, `${kernelDrops} dropped`)
  receiver.resume()
  await arrived.reach(100 - (kernelDrops ?? 0))
  t.equal(receiver.counts.received, 100 - (kernelDrops ?? 0))
  await other.receiver.refreshDrops()
  t.equal(other.receiver.counts.kernelDrops, 0)
  receiver.pause()
  for (let i = 0; i < 100; i++) sender.send(NOTHING, Buffer.alloc(KIB))
  await other.arrived.reach(200)
  t.equal(receiver.counts.kernelDrops, kernelDrops, 'asking again waits for nothing')
  clock.advance(1_000)
  await receiver.close()
  t.equal(receiver.counts.kernelDrops, 2 * (kernelDrops ?? 0), 'the last of them are counted at the close')
})

test('reports a receive buffer that is smaller than asked for', async (t) => {
  const { faults, receiver } = await openReceiver(t, 'udp://127.0.0.1:0', { receiveBufferBytes: 1024 ** 3 })
  t.match(faults.all, [
    {
      code: 'CLAMPED',
      message: new RegExp(
        `^${receiver.url} got a receive buffer of ${receiver.receiveBufferBytes} bytes, not the 1073741824 of receiveBufferBytes`,
      ),
    },
  ])
  const modest = await openReceiver(t, 'udp://127.0.0.1:0', { receiveBufferBytes: 64 * KIB })
  t.same(modest.faults.all, [])
  t.equal(modest.receiver.receiveBufferBytes, 64 * KIB)
})

test('impairs what arrives', async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://127.0.0.1:0', { impair: 'lossEvery=3' })
  const { sender } = await openSender(t, receiver.url)
  for (let i = 1; i <= 7; i++) sender.send(NOTHING, bytes(`${i}`))
  t.same(
    (await arrived.reach(5)).map(({ text }) => text),
    ['1', '2', '4', '5', '7'],
  )
  t.match(receiver.counts, { received: 7, impairment: { offered: 7, lost: 2, passed: 5 } })
})

test('is silent once it is closed', async (t) => {
  const delayed = new Happened<number>()
  const { receiver, arrived, clock } = await openReceiver(t, 'udp://127.0.0.1:0', { impair: delays(delayed) })
  const { sender } = await openSender(t, receiver.url)
  sender.send(NOTHING, bytes('late'))
  await delayed.reach(1)
  const closing = receiver.close()
  receiver.pause()
  receiver.resume()
  receiver.rejoin()
  clock.advance(100)
  await closing
  await receiver.close()
  await receiver.refreshDrops()
  t.same(arrived.all, [])
  t.equal(clock.timers, 0)
  t.equal(receiver.port, 0)
  t.equal(receiver.reply({ address: '127.0.0.1', port: 9 }, NOTHING, bytes('no')), 'full')
  t.match(receiver.replies, { sent: 0, failed: 0, waiting: 0 })
})

test('says which port is taken', async (t) => {
  const { port } = (await plainSocket(t)).address()
  const message = (url: string) => `[ADDRESS_IN_USE] ${url} is in use by somebody else; choose another port`
  const one = `udp://127.0.0.1:${port}`
  await t.rejects(openReceiver(t, one), { code: 'ADDRESS_IN_USE', message: message(one) })
  const all = (await plainSocket(t, '0.0.0.0')).address()
  const group = `multicast://239.192.7.1:${all.port}`
  await t.rejects(openReceiver(t, group, lo), { code: 'ADDRESS_IN_USE', message: message(group) })
})

test('lets nobody else have its unicast port', async (t) => {
  const { receiver } = await openReceiver(t, 'udp://127.0.0.1:0')
  await t.rejects(openReceiver(t, receiver.url), { code: 'ADDRESS_IN_USE' })
  await receiver.close()
  const again = await openReceiver(t, receiver.url)
  t.equal(again.receiver.url, receiver.url)
})

test('says what is wrong with an address', async (t) => {
  const refusals: readonly (readonly [url: string, setup: object, code: string, message: RegExp])[] = [
    ['udp://192.0.2.77:0', {}, 'OPEN_FAILED', /192\.0\.2\.77 is no address of this machine; there are .*127\.0\.0\.1/],
    ['udp://no.such.host.invalid:0', {}, 'OPEN_FAILED', /cannot resolve the host of udp:.*: \w+; give a name/],
    ['udp://239.1.2.3:5000', {}, 'BAD_ADDRESS', /has a multicast group .*; write multicast:\/\/239\.1\.2\.3:5000$/],
    ['raw+udp://239.1.2.3:5000', {}, 'BAD_ADDRESS', /write raw\+multicast:\/\/239\.1\.2\.3:5000$/],
    ['multicast://10.0.0.1:5000', lo, 'BAD_ADDRESS', /multicast group/],
    ['multicast://239.1.2.3:0', {}, 'BAD_OPTION', /interface must be given for multicast:.*; there are .*127\.0\.0\.1/],
    [
      'multicast://239.1.2.3:0',
      { interface: 'eth77' },
      'BAD_OPTION',
      /interface must be a name or address of this machine, got 'eth77'; there are .*127\.0\.0\.1/,
    ],
    ['multicast://239.1.2.3:0', { interface: '192.0.2.77' }, 'BAD_OPTION', /got '192\.0\.2\.77'; there are/],
    ['multicast://239.1.2.3:0', { interface: '../lo' }, 'BAD_OPTION', /got '\.\.\/lo'/],
    ['multicast://239.1.2.3:0', { ...lo, source: 'fe80::1' }, 'BAD_OPTION', /source must be an IPv4 address as/],
    ['multicast://239.1.2.3:0', { ...lo, source: 'example.org' }, 'BAD_OPTION', /source must be an IP address/],
    ['udp://127.0.0.1:0', lo, 'BAD_OPTION', /interface belongs to a multicast group/],
    ['udp://127.0.0.1:0', { source: '127.0.0.1' }, 'BAD_OPTION', /source belongs to a multicast group/],
    ['udp://127.0.0.1:0', { receiveBufferBytes: 1 }, 'BAD_OPTION', /receiveBufferBytes must be an integer from 4096/],
    ['udp://127.0.0.1:0', { impair: 'loss=200%' }, 'BAD_OPTION', /impair\.loss must be a number from 0 to 1, got 2/],
  ]
  for (const [url, setup, code, message] of refusals) {
    await t.rejects(openReceiver(t, url, setup), { code, message }, `${url} ${JSON.stringify(setup)}`)
  }
})

test('gives up opening with the reason of its signal', async (t) => {
  const surroundings = (signal: AbortSignal) => {
    const clock = stoppedClock()
    return { ...clock, context: { ...clock.context, signal } }
  }
  const early = AbortSignal.abort(new Error('changed my mind'))
  await t.rejects(openReceiver(t, 'udp://127.0.0.1:0', {}, surroundings(early)), /changed my mind/)
  const controller = new AbortController()
  const free = await openReceiver(t, 'udp://127.0.0.1:0')
  await free.receiver.close()
  const opening = openReceiver(t, free.receiver.url, {}, surroundings(controller.signal))
  controller.abort(new Error('too late'))
  await t.rejects(opening, /too late/)
  await t.resolves(openReceiver(t, free.receiver.url), 'nothing was left open')
})

test('knows the handle of a socket, and does without where there is none', async (t) => {
  const socket = await plainSocket(t)
  t.match(handleOf(socket), { fd: Number })
  t.equal(handleOf({} as typeof socket), undefined)
  t.equal(handleOf({ [Symbol('state symbol')]: { handle: null } } as unknown as typeof socket), undefined)
})
