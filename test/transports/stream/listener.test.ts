import { fork } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { ownHost } from '../../support/host.js'
import { consume, hex, produce, RawPeer, READY_PUB } from './doubles.js'

function socketPath(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'fanwire-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return join(directory, 'test.sock')
}

test('tells the port that the system has chosen, of each address', async (t) => {
  const producer = await produce(['tcp://127.0.0.1:0', 'tcp://[::1]:0', 'tcp://*:0'])
  t.match(producer.urls, [/^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/, /^tcp:\/\/\[::1\]:[1-9]\d*$/, /^tcp:\/\/\*:[1-9]\d*$/])
  for (const [i, url] of producer.urls.entries()) {
    const peer = await RawPeer.dial(url.replace('*', '127.0.0.1'))
    await peer.handshake()
    const link = await producer.links.until(() => producer.links.all.length > i, i)
    t.match(link.remote, i === 1 ? /^tcp:\/\/\[::1\]:\d+$/ : /^tcp:\/\/127\.0\.0\.1:\d+$/)
    peer.socket.destroy()
    await link.until('disconnected')
  }
  await producer.close()
})

test('rejects when the address is taken, and leaves nothing open', async (t) => {
  const taken = await consume('tcp://127.0.0.1:0')
  t.teardown(() => taken.close())
  const path = socketPath(t)
  const both = [`ipc://${path}`, taken.urls[0] as string]
  await t.rejects(produce(both), { code: 'ADDRESS_IN_USE', message: /tcp:.* is in use/ })
  t.notOk(existsSync(path))
  const again = await produce(`ipc://${path}`)
  await again.close()
})

test('rejects when the system refuses for another reason', async (t) => {
  await t.rejects(produce('tcp://192.0.2.1:5555'), { code: 'OPEN_FAILED', message: /EADDRNOTAVAIL/ })
  await t.rejects(produce('ipc:///no/such/directory/test.sock'), {
    code: 'OPEN_FAILED',
    message: /cannot listen on ipc:.*: there is no directory \/no\/such\/directory$/,
  })
  const directory = socketPath(t)
  mkdirSync(directory)
  await t.rejects(produce(`ipc://${directory}`), { code: 'OPEN_FAILED', message: /: a directory is there$/ })
})

test('rejects with the reason of its signal', async (t) => {
  const signal = AbortSignal.abort(new Error('changed my mind'))
  await t.rejects(produce('tcp://127.0.0.1:0', { signal }), /changed my mind/)
  const later = new AbortController()
  const opening = consume('tcp://127.0.0.1:0', { signal: later.signal })
  later.abort(new Error('too late'))
  await t.rejects(opening, /too late/)
})

test('refuses a longest wait below the shortest', async (t) => {
  const options = { reconnectMinMs: 500, reconnectMaxMs: 100 }
  await t.rejects(produce('tcp://127.0.0.1:0', { options }), {
    code: 'BAD_OPTION',
    message: /reconnectMaxMs must be at least reconnectMinMs \(500\), got 100/,
  })
})

test('links over a UNIX socket, whose file goes when the end closes', async (t) => {
  const path = socketPath(t)
  const producer = await produce(`ipc://${path}`)
  t.strictSame(producer.urls, [`ipc://${path}`])
  const consumer = await consume(`ipc://${path}`, { role: 'dial' })
  const link = await producer.links.until(() => true)
  await link.until('start')
  t.equal(link.remote, `ipc://${path}#1`)
  link.carrier?.write(hex('01 01 41 00 01 42'), 100, 1)
  t.match(await consumer.links.all[0]?.until('message'), { topic: 'A', data: 'B' })
  await producer.close()
  t.notOk(existsSync(path))
  await consumer.close()
})

test('two fanwire ends agree on the session, whoever dials', async (t) => {
  for (const role of ['listen', 'dial'] as const) {
    const other = role === 'dial' ? 'listen' : 'dial'
    const listener = role === 'listen' ? await produce('tcp://127.0.0.1:0') : await consume('tcp://127.0.0.1:0')
    const url = listener.urls[0] as string
    const dialler = role === 'listen' ? await consume(url, { role: other }) : await produce(url, { role: 'dial' })
    const links = [await listener.links.until(() => true), await dialler.links.until(() => true)]
    const events = await Promise.all(links.map((link) => link.until('connected')))
    t.match(
      events.map(({ peer }) => peer.kind),
      ['fanwire', 'fanwire'],
    )
    const [producing] = links.filter((link) => 'midMessage' in link)
    t.match(await producing?.until('start'), { from: 'now' })
    const [consuming] = links.filter((link) => link !== producing)
    t.match(await consuming?.until('started'), { start: { stream: '0123456789', next: 100 } })
    await dialler.close()
    await links[0]?.until('disconnected')
    await listener.close()
  }
})

test('takes over a socket file that nobody listens on', async (t) => {
  const path = socketPath(t)
  // A process that is killed leaves its file behind.
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.send('bound'))`
  const file = `${path}.cjs`
  writeFileSync(file, script)
  const child = fork(file)
  await new Promise((resolve) => child.once('message', resolve))
  await t.rejects(produce(`ipc://${path}`), { code: 'ADDRESS_IN_USE' })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exited
  t.ok(existsSync(path))
  const producer = await produce(`ipc://${path}`)
  await producer.close()
})

test('never removes a file that is no socket', async (t) => {
  const path = socketPath(t)
  writeFileSync(path, 'precious')
  await t.rejects(produce(`ipc://${path}`), { code: 'OPEN_FAILED', message: /: a file that is no socket is there$/ })
  t.equal(readFileSync(path, 'latin1'), 'precious')
})

test('leaves a socket alone that somebody listens on', async (t) => {
  const path = socketPath(t)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  await t.rejects(consume(`ipc://${path}`), { code: 'ADDRESS_IN_USE' })
  t.ok(existsSync(path))
  await new Promise((resolve) => server.close(resolve))
})

test('closes while peers are half-way through their handshake', async (t) => {
  const consumer = await consume(`tcp://${ownHost}:0`)
  const url = consumer.urls[0] as string
  const half = await RawPeer.dial(url)
  await half.read(64)
  const whole = await RawPeer.dial(url)
  await whole.handshake(1, READY_PUB)
  const link = await consumer.links.until(() => true)
  await consumer.close()
  await Promise.all([half.ended, whole.ended])
  t.equal(link.of('disconnected').length, 0)
  t.strictSame(consumer.faults.all, [])
  const again = await consume(url)
  await again.close()
})
