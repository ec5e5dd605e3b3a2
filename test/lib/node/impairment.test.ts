import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { impair, impairSocket, LOST, UNHARMED } from 'fanwire/impairment'
import { type Test, test } from 'tap'

async function openSocket(t: Test): Promise<{ socket: Socket; port: number; arrived: string[] }> {
  const socket = createSocket('udp4')
  const arrived: string[] = []
  socket.on('message', (bytes) => arrived.push(bytes.toString()))
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound))
  t.teardown(() => {
    socket.close()
  })
  return { socket, port: socket.address().port, arrived }
}

/** Every second is lost, every third comes twice. */
const fate = (index: number) => (index % 2 === 1 ? LOST : index % 3 === 0 ? [...UNHARMED, ...UNHARMED] : UNHARMED)

test('lets datagrams pass as fate has it, the same in every run', async (t) => {
  const runs = [1, 2].map(() => {
    const passed: number[] = []
    const way = impair<number>('loss=20%,duplicate=10%,reorder=10%,reorderMs=60s,seed=7', (datagram) =>
      passed.push(datagram),
    )
    for (let i = 0; i < 200; i++) way.push(i)
    t.match(way.counts, { offered: 200 })
    way.close()
    return passed
  })
  t.same(runs[0], runs[1])
  t.ok((runs[0]?.length ?? 0) > 100 && (runs[0]?.length ?? 0) < 200)
  t.throws(() => impair('loss=much', () => undefined), { code: 'BAD_OPTION' })
})

test('impairs what a socket sends, however it is called, and lets its caller know nothing of it', async (t) => {
  const receiver = await openSocket(t)
  const sender = await openSocket(t)
  const impaired = impairSocket(sender.socket, { send: fate })
  const { port } = receiver
  const told: unknown[] = []
  const tell = (error: Error | null, bytes: number) => told.push([error, bytes])
  const memory = Buffer.from('0 zero')
  sender.socket.send(memory, port, '127.0.0.1', tell)
  memory.fill(0)
  sender.socket.send('1 lost', port, '127.0.0.1', tell)
  sender.socket.send(['2 ', Buffer.from('two')], port, '127.0.0.1')
  sender.socket.send('3 lost', port, '127.0.0.1')
  sender.socket.send(Buffer.from('xx4 four!'), 2, 6, port, '127.0.0.1', tell)
  sender.socket.connect(port, '127.0.0.1')
  await once(sender.socket, 'connect')
  sender.socket.send('5 lost')
  sender.socket.send('6 six')
  while (receiver.arrived.length < 6) await once(receiver.socket, 'message')
  t.same(receiver.arrived, ['0 zero', '0 zero', '2 two', '4 four', '6 six', '6 six'])
  t.same(told, [
    [null, 6],
    [null, 6],
    [null, 6],
  ])
  t.match(impaired.sent, { offered: 7, lost: 3, duplicated: 2, passed: 6, waiting: 0 })
  t.equal(impaired.received, undefined)
})

test('impairs what a socket receives', async (t) => {
  const receiver = await openSocket(t)
  const sender = await openSocket(t)
  const impaired = impairSocket(receiver.socket, { receive: fate })
  for (let i = 0; i < 7; i++) sender.socket.send(`${i}`, receiver.port, '127.0.0.1')
  while ((impaired.received?.offered ?? 0) < 7) await new Promise((next) => setImmediate(next))
  t.same(receiver.arrived, ['0', '0', '2', '4', '6', '6'])
  t.match(impaired.received, { offered: 7, lost: 3, passed: 6 })
})

test('loses what waits when the socket is closed', async (t) => {
  const receiver = createSocket('udp4')
  const impaired = impairSocket(receiver, { receive: 'delay=60s' })
  await new Promise<void>((bound) => receiver.bind(0, '127.0.0.1', bound))
  const sender = await openSocket(t)
  sender.socket.send('late', receiver.address().port, '127.0.0.1')
  while (impaired.received?.offered !== 1) await new Promise((next) => setImmediate(next))
  await new Promise<void>((closed) => receiver.close(closed))
  t.match(impaired.received, { offered: 1, lost: 1, waiting: 0 })
})
