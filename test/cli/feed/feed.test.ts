import { createSocket } from 'node:dgram'
import { on, once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Book, records } from '../../../itch/index.js'
import { day } from '../../itch/samples.js'
import { ownHost } from '../../support/host.js'
import { fanwire } from '../support/fanwire.js'

t.setTimeout(120_000)

const HEADER_BYTES = 20
const END_OF_SESSION = 0xffff

t.test('any other program reads the feed: the messages of the file, byte for byte', async (t) => {
  const { socket, port } = await open(t)
  const heard = hear(socket)
  const pub = fanwire(t, [
    'feed',
    'publish',
    `udp://${ownHost}:${port}`,
    '--speed=40000/s',
    '--requests=off',
    '--linger=0',
  ])
  const messages = await heard
  t.ok(Buffer.concat(messages).equals(Buffer.concat([...records(day)])))
  t.equal(await pub.ended, 0)
  const { stream, next, file } = JSON.parse(pub.stdout)
  t.match(stream, /^[0-9A-Z]{10}$/)
  t.same([next, file.records, file.digest], [12_013, 12_012, digestOf(day)])
})

t.test("the feed of any other program is read: into books, and by 'sub --body raw'", async (t) => {
  const own = [...records(day)].slice(0, 30)
  for (const args of [
    ['feed', 'watch', '--headless', '--requests=off'],
    ['sub', '--body=raw', '--format=hex', `--count=${own.length}`],
  ]) {
    const { socket } = await open(t)
    const { port: free, socket: lent } = await open(t)
    lent.close()
    const url = `udp://${ownHost}:${free}?heartbeatMs=1s`
    const reader = fanwire(t, [...args, url, '--verbose'])
    const sending = setInterval(() => socket.send(packet(1, own), free, ownHost), 20)
    t.teardown(() => clearInterval(sending))
    await reader.printed(/sends stream FANWIRE001 from number 1\n/, 'stderr')
    clearInterval(sending)
    const ending = setInterval(() => socket.send(header(own.length + 1, END_OF_SESSION), free, ownHost), 20)
    t.teardown(() => clearInterval(ending))
    t.equal(await reader.ended, 0, args.join(' '))
    clearInterval(ending)
    if (args[0] === 'sub') {
      t.same(
        reader.lines,
        own.map((record) => Buffer.from(record).toString('hex')),
      )
    } else {
      const watched = JSON.parse(reader.stdout)
      t.match(watched, { messages: own.length, ledger: { stream: 'FANWIRE001', first: 1, lost: 0 } })
      t.equal(watched.digest, digestOfRecords(own))
    }
  }
})

t.test('raw bodies pass from pub to sub, whose messages have no topic then', async (t) => {
  const { port, socket } = await open(t)
  socket.close()
  const url = `udp://${ownHost}:${port}`
  const sub = fanwire(t, ['sub', url, '--body', 'raw', '--count', '1', '--verbose'])
  const pub = fanwire(t, ['pub', `${url}?heartbeatMs=20ms`, 'dropped', '--body=raw', '--data=hello', '--rate=50/s'])
  t.equal(await sub.ended, 0)
  t.match(sub.stdout, /^\{"topic":"","data":"hello","sequence":\d+,"stream":"[0-9A-Z]{10}"/)
  pub.end('SIGINT')
  t.equal(await pub.ended, 0)
})

t.test('an interrupt ends a feed cleanly: the watcher learns of the end, and both have told all', async (t) => {
  const { port, socket } = await open(t)
  socket.close()
  const url = `udp://${ownHost}:${port}`
  const watch = fanwire(t, ['feed', 'watch', url, '--headless', '--requests=off', '--verbose'])
  await watch.printed(/watching/, 'stderr')
  const pub = fanwire(t, ['feed', 'publish', url, '--speed=200/s', '--requests=off'])
  await watch.printed(/sends stream/, 'stderr')
  pub.end('SIGINT')
  t.same([await pub.ended, await watch.ended], [0, 0])
  const [sent, watched] = [JSON.parse(pub.stdout), JSON.parse(watch.stdout)]
  t.equal(watched.ledger.stream, sent.stream)
  t.equal(watched.ledger.next, sent.next)
  t.equal(watched.ledger.received, sent.ledger.accepted - watched.ledger.first + 1)
})

t.test('a file that ends within a record is published up to there; one that cannot be read is not', async (t) => {
  const { port } = await open(t)
  const file = join(t.testdir(), 'day.itch')
  writeFileSync(file, day.subarray(0, 60))
  const url = `udp://${ownHost}:${port}`
  const pub = fanwire(t, ['feed', 'publish', url, '--file', file, '--requests=off', '--linger=0'])
  t.equal(await pub.ended, 0)
  t.match(pub.stderr, /^fanwire: .*day\.itch ends within the record at byte 55: all before it is published\n/)
  t.match(JSON.parse(pub.stdout), { next: 3, file: { records: 2, truncatedAt: 55 } })

  const absent = fanwire(t, ['feed', 'publish', url, '--file', `${file}.absent`])
  t.equal(await absent.ended, 1)
  t.match(absent.stderr, /^fanwire: cannot read .*absent: ENOENT[^\n]*\n$/)
})

t.test('a watcher is patient with whoever it asks, unless its line says otherwise', async (t) => {
  const own = [...records(day)].slice(0, 3)
  for (const [tries, lost] of [
    ['', 0],
    ['&tries=5', 1],
  ] as const) {
    const { socket: server, port } = await open(t)
    let asked = 0
    server.on('message', (_, remote) => {
      asked++
      if (asked === 8) server.send(packet(2, own.slice(1, 2)), remote.port, remote.address)
    })
    const { port: free, socket: lent } = await open(t)
    lent.close()
    const url = `udp://${ownHost}:${free}?retryMs=1&retryMaxMs=1${tries}`
    const watch = fanwire(t, ['feed', 'watch', url, '--headless', '--from=now', `--requests=${ownHost}:${port}`])
    await watch.printed(/watching/, 'stderr')
    const { socket } = await open(t)
    for (const bytes of [packet(1, own.slice(0, 1)), packet(3, own.slice(2)), header(4, END_OF_SESSION)]) {
      socket.send(bytes, free, ownHost)
    }
    t.equal(await watch.ended, 0)
    t.match(JSON.parse(watch.stdout), { messages: 3 - lost, ledger: { received: 3 - lost, lost } })
    // The answer may cross the next request.
    if (lost === 0) t.ok(asked >= 8, `asked ${asked} times`)
    else t.equal(asked, 5)
  }
})

async function open(t: Test) {
  const socket = createSocket('udp4').bind(0, ownHost)
  await once(socket, 'listening')
  socket.setRecvBufferSize(4 * 1024 * 1024)
  const { port } = socket.address() as AddressInfo
  t.teardown(() => closed(socket))
  return { socket, port }
}

function closed(socket: ReturnType<typeof createSocket>): void {
  try {
    socket.close()
  } catch {
    // The test has closed it.
  }
}

/** Reads MoldUDP64 by hand, until the end of the session. */
async function hear(socket: ReturnType<typeof createSocket>): Promise<Buffer[]> {
  const messages: Buffer[] = []
  for await (const [bytes] of on(socket, 'message') as AsyncIterable<[Buffer]>) {
    const count = bytes.readUInt16BE(18)
    if (count === END_OF_SESSION) break
    if (Number(bytes.readBigUInt64BE(10)) !== messages.length + 1) throw new Error('the packets are out of order')
    for (let i = 0, at = HEADER_BYTES; i < count; i++) {
      const length = bytes.readUInt16BE(at)
      messages.push(bytes.subarray(at + 2, at + 2 + length))
      at += 2 + length
    }
  }
  return messages
}

function packet(first: number, messages: readonly Uint8Array[]): Buffer {
  const blocks = messages.flatMap((message) => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(message.length)
    return [length, message]
  })
  return Buffer.concat([header(first, messages.length), ...blocks])
}

function header(first: number, count: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.write('FANWIRE001')
  bytes.writeBigUInt64BE(BigInt(first), 10)
  bytes.writeUInt16BE(count, 18)
  return bytes
}

function digestOf(file: Uint8Array): string {
  return digestOfRecords([...records(file)])
}

function digestOfRecords(messages: readonly Uint8Array[]): string {
  const book = new Book()
  for (const message of messages) book.apply(message)
  return book.digest()
}
