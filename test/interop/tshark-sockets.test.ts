import { createSocket, type Socket } from 'node:dgram'
import { type Test, test } from 'tap'
import { createConsumer, createProducer } from '../../lib/index.js'
import { type Dissected, dissect, tsharkMissing } from './tshark.js'

const skip = tsharkMissing()
const stream = 'FANWIRE001'

/** A socket that keeps every datagram that comes to it, as a capture does. */
class Capture {
  readonly datagrams: Uint8Array[] = []
  #wanted: { readonly holds: (datagrams: readonly Uint8Array[]) => boolean; readonly reached: () => void } | undefined

  private constructor(readonly socket: Socket) {
    socket.on('message', (bytes) => {
      this.datagrams.push(bytes)
      if (this.#wanted?.holds(this.datagrams)) this.#wanted.reached()
    })
  }

  static async open(t: Test, group?: string): Promise<Capture> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    await new Promise<void>((bound) => socket.bind(0, group ?? '127.0.0.1', bound))
    if (group !== undefined) socket.addMembership(group, '127.0.0.1')
    socket.setRecvBufferSize(4 * 1024 * 1024)
    t.teardown(() => new Promise<void>((closed) => socket.close(() => closed())))
    return new Capture(socket)
  }

  get port(): number {
    return this.socket.address().port
  }

  /** Settles once what has come is enough. */
  async until(holds: (datagrams: readonly Uint8Array[]) => boolean): Promise<void> {
    if (holds(this.datagrams)) return
    await new Promise<void>((reached) => {
      this.#wanted = { holds, reached }
    })
  }
}

const isGoodbye = (datagram: Uint8Array | undefined) => datagram?.[18] === 0xff && datagram[19] === 0xff
const hex = (text: string | Uint8Array) => Buffer.from(text).toString('hex')

/** Every message in its order, by the number that tshark counts for it. */
function messagesOf(seen: readonly Dissected[]): string[] {
  const messages: string[] = []
  for (const { numbers, messages: found } of seen) {
    for (const [i, number] of numbers.entries()) messages[Number(number) - 1] = found[i] as string
  }
  return messages
}

for (const body of ['raw', 'topic'] as const) {
  test(`tshark decodes all that a producer sends to a group with body ${body}, byte for byte`, { skip }, async (t) => {
    const capture = await Capture.open(t, '239.192.35.1')
    const url = `multicast://239.192.35.1:${capture.port}`
    const options = { stream, body, interface: '127.0.0.1', heartbeatMs: 20 }
    const producer = await createProducer(url, options)
    await capture.until((datagrams) => datagrams.length > 0)
    const sizes = [0, 1, 2, 36, 100, 255, 256, 1_000, 1_400]
    const expected: string[] = []
    for (let i = 0; i < 2_000; i++) {
      const data = Buffer.alloc(sizes[i % sizes.length] as number, i)
      expected.push(body === 'raw' ? hex(data) : hex(`trades.${i % 7}\0`) + hex(data))
      await producer.send(`trades.${i % 7}`, data)
      // Now and then some leave together, and some alone.
      if (i % 13 === 0) await producer.flush()
      if (i % 50 === 0) await new Promise((next) => setImmediate(next))
    }
    await producer.close()
    await capture.until((datagrams) => isGoodbye(datagrams.at(-1)))
    const seen = dissect(capture.datagrams)
    t.same(
      seen.flatMap(({ complaints }) => complaints),
      [],
      `${seen.length} packets, none of them malformed`,
    )
    t.ok(seen.every(({ session }) => session === stream))
    t.ok(capture.datagrams.every(({ length }) => length <= 1_472))
    t.same(messagesOf(seen), expected)
    t.match(seen[0], { sequence: '1', count: '0' }, 'a heartbeat comes first')
    t.match(seen.at(-1), { sequence: '2001', count: '65535' })
    t.ok(seen.length < 2_000, 'some were packed together')
  })
}

test('tshark decodes the requests of a consumer, and the answers to it', { skip }, async (t) => {
  // Stands between the two and captures both ways.
  const server = await Capture.open(t)
  const answers = await Capture.open(t)
  const consumer = await createConsumer(
    `udp://127.0.0.1:0?body=raw&requests=127.0.0.1:${server.port}&impair=lossEvery%3D2`,
  )
  const [url] = consumer.urls as [string]
  const options = { stream, body: 'raw', requests: '127.0.0.1:0', heartbeatMs: 20 }
  const producer = await createProducer(url, options)
  const [{ requests }] = producer.stats().ends as [{ requests: { url: string } }]
  const port = Number(requests.url.split(':')[2])
  let asker = 0
  server.socket.on('message', (request, { port: from }) => {
    asker = from
    answers.socket.send(request, port, '127.0.0.1')
  })
  answers.socket.on('message', (answer) => server.socket.send(answer, asker, '127.0.0.1'))
  const got: string[] = []
  const reading = (async () => {
    for await (const message of consumer) {
      got.push(message.text())
      if (message.text() === '100') break
    }
  })()
  for (let i = 1; i <= 100; i++) {
    await producer.send('', `${i}`)
    await producer.flush()
  }
  await reading
  const asked = dissect(server.datagrams)
  const answered = dissect(answers.datagrams)
  t.ok(asked.length > 0 && answered.length > 0)
  t.same(
    [...asked, ...answered].flatMap(({ complaints }) => complaints),
    [],
  )
  for (const { session, sequence, count, numbers } of asked) {
    t.equal(session, stream)
    t.ok(Number(sequence) >= 1 && Number(count) >= 1 && numbers.length === 0)
  }
  for (const { numbers, messages } of answered) t.same(messages, numbers.map(hex), 'each message is its number')
  t.equal(got.at(-1), '100')
  const [{ lost, received } = { lost: -1, received: 0 }] = consumer.stats().streams
  t.equal(lost, 0)
  t.equal(received, got.length)
  await Promise.all([producer.close(), consumer.close()])
})

test('a raw producer sends its messages and nothing else', { skip }, async (t) => {
  const capture = await Capture.open(t)
  const producer = await createProducer(`raw+udp://127.0.0.1:${capture.port}?body=raw`)
  const sent = ['one', '', '<34>Oct 11 22:14:15 host su: failed'].map((text) => Buffer.from(text))
  for (const data of sent) await producer.send('', data)
  await producer.close()
  await capture.until((datagrams) => datagrams.length === 3)
  t.same(capture.datagrams.map(hex), sent.map(hex))
})
