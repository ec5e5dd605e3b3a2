import { test } from 'tap'
import { bytes, hasIpv6, NOTHING, openReceiver, openSender, plainSocket } from './ends.js'

test('gives out datagrams in order, with bytes of their own and the address they came from', async (t) => {
  const { receiver, arrived, port } = await openReceiver(t, 'udp://127.0.0.1:0')
  t.equal(receiver.url, `udp://127.0.0.1:${port}`)
  t.equal(receiver.joined, true)
  const { sender } = await openSender(t, receiver.url)
  for (const text of ['one', '', 'three']) t.equal(sender.send(bytes('>'), bytes(text)), 'taken')
  const [one, two, three] = await arrived.reach(3)
  t.same([one?.text, two?.text, three?.text], ['>one', '>', '>three'])
  t.match(one?.remote, { address: '127.0.0.1' })
  t.equal(`127.0.0.1:${one?.remote.port}`, sender.local)
  t.not(one?.bytes.buffer, three?.bytes.buffer)
  t.match(receiver.counts, { received: 3, receivedBytes: 11, foreign: 0, discarded: 0, impairment: undefined })
})

test('takes a multicast group on loopback', async (t) => {
  const { receiver, arrived, port, faults } = await openReceiver(t, 'multicast://239.192.7.1:0', { interface: 'lo' })
  t.equal(receiver.joined, true)
  const { sender } = await openSender(t, `multicast://239.192.7.1:${port}`, { interface: '127.0.0.1' })
  sender.send(NOTHING, bytes('hello'))
  const [first] = await arrived.reach(1)
  t.match(first, { text: 'hello', remote: { address: '127.0.0.1' } })
  t.same(faults.all, [])
})

test('hears nothing of another group on the same port', async (t) => {
  const one = await openReceiver(t, 'multicast://239.192.7.1:0', { interface: '127.0.0.1' })
  const two = await openReceiver(t, `multicast://239.192.7.2:${one.port}`, { interface: '127.0.0.1' })
  const first = await openSender(t, `multicast://239.192.7.1:${one.port}`, { interface: '127.0.0.1' })
  const second = await openSender(t, `multicast://239.192.7.2:${one.port}`, { interface: '127.0.0.1' })
  for (let i = 0; i < 50; i++) {
    first.sender.send(NOTHING, bytes(`first ${i}`))
    second.sender.send(NOTHING, bytes(`second ${i}`))
  }
  const atOne = await one.arrived.reach(50)
  const atTwo = await two.arrived.reach(50)
  t.same([...new Set(atOne.map(({ text }) => text.split(' ')[0]))], ['first'])
  t.same([...new Set(atTwo.map(({ text }) => text.split(' ')[0]))], ['second'])
  t.equal(one.receiver.counts.received, 50)
})

test('goes by IPv6 as well', { skip: !hasIpv6 && 'no IPv6 here' }, async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://[::1]:0')
  const { sender } = await openSender(t, receiver.url)
  sender.send(NOTHING, bytes('six'))
  const [first] = await arrived.reach(1)
  t.match(first, { text: 'six', remote: { address: '::1' } })
})

test('answers from its own port', async (t) => {
  const { receiver, arrived } = await openReceiver(t, 'udp://*:0')
  const { sender, answers } = await openSender(t, `udp://127.0.0.1:${receiver.port}`)
  sender.send(NOTHING, bytes('question'))
  const [question] = await arrived.reach(1)
  t.match(question?.remote, { address: '127.0.0.1' })
  t.equal(receiver.reply(question?.remote ?? { address: '', port: 0 }, bytes('an'), bytes('swer')), 'taken')
  const [answer] = await answers.reach(1)
  t.match(answer, { text: 'answer', remote: { port: receiver.port } })
  t.match(receiver.replies, { sent: 1, sentBytes: 6, failed: 0 })
})

test('says which port is taken', async (t) => {
  const taken = await plainSocket(t)
  const { port } = taken.address()
  await t.rejects(openReceiver(t, `udp://127.0.0.1:${port}`), {
    code: 'ADDRESS_IN_USE',
    message: `[ADDRESS_IN_USE] udp://127.0.0.1:${port} is in use by somebody else; choose another port`,
  })
})
