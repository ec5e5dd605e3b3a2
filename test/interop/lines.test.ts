import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createConsumer, createProducer, type Message } from 'fanwire'
import t, { type Test } from 'tap'

/** OpenBSD's netcat, whose options differ from those of others of that name. */
const skip = /OpenBSD/.test(String(spawnSync('nc', ['-h']).stderr))
  ? false
  : 'nc is not installed; on Debian: apt-get install netcat-openbsd'

const roles = ['listen', 'dial'] as const

/** An address that nobody uses: nc does not tell which port the system has chosen. */
async function freshPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A netcat, where fanwire does `role`. It ends with the test. */
class Netcat {
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>
  #output = Buffer.alloc(0)
  #wake: (() => void) | undefined

  constructor(t: Test, role: (typeof roles)[number], port: number, ...options: readonly string[]) {
    const args = [...options, ...(role === 'dial' ? ['-l'] : []), '127.0.0.1', `${port}`]
    this.#process = spawn('nc', args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#ended = once(this.#process, 'exit')
    this.#process.stdout?.on('data', (chunk) => {
      this.#output = Buffer.concat([this.#output, chunk])
      this.#wake?.()
    })
    t.teardown(() => this.kill())
  }

  /** All that it has received, once that is `size` bytes. */
  async received(size: number): Promise<Buffer> {
    const patience = AbortSignal.timeout(20_000)
    await new Promise<void>((resolve, reject) => {
      this.#wake = () => {
        if (this.#output.length >= size) resolve()
      }
      patience.addEventListener('abort', () => reject(new Error(`${this.#output.length} of ${size} bytes have come`)))
      this.#wake()
    })
    return this.#output
  }

  write(text: string | Uint8Array): void {
    this.#process.stdin?.write(text)
  }

  end(): void {
    this.#process.stdin?.end()
  }

  /** Its exit code. */
  async exit(): Promise<number | null> {
    await this.#ended
    return this.#process.exitCode
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await this.#ended
  }
}

async function take(consumer: AsyncIterable<Message>, count: number): Promise<string[]> {
  const taken: string[] = []
  for await (const message of consumer) {
    taken.push(Buffer.from(message.data).toString('latin1'))
    if (taken.length === count) break
  }
  return taken
}

for (const role of roles) {
  const how = `where fanwire ${role}s`
  /** Whoever listens goes first; a fanwire that dials calls until somebody answers. */
  const early = role === 'dial'

  t.test(`nc gets every message as a line, ${how}`, { skip }, async (t) => {
    const port = await freshPort()
    const first = early ? new Netcat(t, role, port) : undefined
    const producer = await createProducer(`lines+tcp://127.0.0.1:${port}`, { role, reconnectMinMs: 20 })
    t.teardown(() => producer.close({ drainMs: 0 }))
    const reader = first ?? new Netcat(t, role, port)
    await producer.linked()
    const lines = ['ABC', '', '{"price":1}', 'é\0\xff', 'x'.repeat(1 << 20), ...Array(10_000).fill('many')]
    for (const line of lines) await producer.send('unseen', line)
    const expected = Buffer.from(`${lines.join('\n')}\n`)
    t.ok((await reader.received(expected.length)).equals(expected))
    await t.rejects(producer.send('', 'two\nlines'), { code: 'BAD_VALUE' })
    const { links } = await producer.close()
    t.match(links, [{ kind: 'foreign', handed: lines.length, filtered: 0, acknowledged: undefined }])
    reader.end()
    t.equal(await reader.exit(), 0, 'it has left of its own accord')
    t.equal((await reader.received(0)).length, expected.length)
  })

  t.test(`every line comes from nc, with any end or none, ${how}`, { skip }, async (t) => {
    const port = await freshPort()
    // It says that it has no more when its input ends.
    const first = early ? new Netcat(t, role, port, '-N') : undefined
    const consumer = await createConsumer(`lines+tcp://127.0.0.1:${port}`, {
      role,
      reconnectMinMs: 20,
      reconnectMaxMs: 20,
    })
    t.teardown(() => consumer.close())
    const writer = first ?? new Netcat(t, role, port, '-N')
    const gone = once(consumer, 'unlink')
    const lines = Array.from({ length: 10_000 }, (_, i) => `line ${i}${i % 2 === 0 ? '\r' : ''}\n`)
    writer.write(`ABC\n\n${'x'.repeat(1 << 20)}\n${lines.join('')}without its end`)
    writer.end()
    const expected = ['ABC', '', 'x'.repeat(1 << 20), ...lines.map((line) => line.trim()), 'without its end']
    t.strictSame(await take(consumer, expected.length), expected)
    await gone
    t.match(consumer.stats(), { streams: [], ends: [{ unfinished: 0 }] })
    t.equal(await writer.exit(), 0)
  })

  t.test(`records with their size in front come from nc and go to it, ${how}`, { skip }, async (t) => {
    const port = await freshPort()
    const bytes = Buffer.from('\0\0\0\x03a\nb\0\0\0\0\0\0\0\x02\r\n', 'latin1')
    const data = ['a\nb', '', '\r\n']
    const writer = early ? new Netcat(t, role, port) : undefined
    const url = `lines+tcp://127.0.0.1:${port}?frame=u32`
    const consumer = await createConsumer(url, { role, reconnectMinMs: 20 })
    ;(writer ?? new Netcat(t, role, port)).write(bytes)
    t.strictSame(await take(consumer, 3), data)
    await consumer.close()
    await writer?.kill()

    const first = early ? new Netcat(t, role, port) : undefined
    const producer = await createProducer(url, { role, reconnectMinMs: 20 })
    t.teardown(() => producer.close({ drainMs: 0 }))
    const reader = first ?? new Netcat(t, role, port)
    await producer.linked()
    for (const each of data) await producer.send('unseen', each)
    t.ok((await reader.received(bytes.length)).equals(bytes))
  })

  t.test(`what nc says to a producer is ignored, and it goes on reading, ${how}`, { skip }, async (t) => {
    const port = await freshPort()
    const first = early ? new Netcat(t, role, port) : undefined
    const producer = await createProducer(`lines+tcp://127.0.0.1:${port}`, { role, reconnectMinMs: 20 })
    t.teardown(() => producer.close({ drainMs: 0 }))
    const reader = first ?? new Netcat(t, role, port)
    await producer.linked()
    // Calls before nc listened are faults, too.
    const told = new Promise<void>((resolve) => producer.on('fault', ({ code }) => code === 'BAD_PEER' && resolve()))
    reader.write('hello?\n')
    await told
    t.strictSame(producer.stats().ends, [{ ignored: 7 }])
    await producer.send('', 'go on')
    t.equal((await reader.received(6)).toString(), 'go on\n')
  })
}
