import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Address, parseAddress } from '../../../lib/address.js'
import { FanwireError } from '../../../lib/errors.js'
import { writeGreeting } from '../../../lib/framing/zmtp/greeting.js'
import { nodePlatform } from '../../../lib/node/platform.js'
import { checkOptions, type OptionTable } from '../../../lib/options.js'
import type { Platform } from '../../../lib/platform.js'
import type {
  Carrier,
  ConsumerCarrier,
  ConsumerContext,
  ConsumerPort,
  Fault,
  LogEnd,
  Pattern,
  Peer,
  ProducerContext,
  ProducerPort,
  SourcePeer,
  StartFrom,
  StreamStart,
  Transport,
} from '../../../lib/transport.js'
import { lines, sp, zmtp } from '../../../transports/stream/index.js'
import { FakePlatform } from '../../lib/support/fake-platform.js'
import { ownHost } from '../../support/host.js'

/** What happened, in order, and a way to wait for what has not happened yet. */
export class Events<E> {
  readonly all: E[] = []
  #waiting: { readonly wanted: (event: E) => boolean; readonly found: (event: E) => void }[] = []

  push(event: E): void {
    this.all.push(event)
    const woken = this.#waiting.filter(({ wanted }) => wanted(event))
    this.#waiting = this.#waiting.filter((one) => !woken.includes(one))
    for (const { found } of woken) found(event)
  }

  /** The first event that `wanted` accepts, from `from` on. */
  until(wanted: (event: E) => boolean, from = 0): Promise<E> {
    const event = this.all.slice(from).find(wanted)
    return event !== undefined ? Promise.resolve(event) : new Promise((found) => this.#waiting.push({ wanted, found }))
  }
}

export type LinkEvent =
  | { readonly type: 'connected'; readonly peer: Peer | SourcePeer }
  | { readonly type: 'subscribe' | 'unsubscribe'; readonly prefix: string }
  | { readonly type: 'start'; readonly from: StartFrom }
  | { readonly type: 'started'; readonly start: StreamStart }
  | { readonly type: 'message'; readonly topic: string; readonly data: string; readonly frames?: readonly string[] }
  | { readonly type: 'given'; readonly first: number; readonly redelivered: boolean }
  | { readonly type: 'skipped'; readonly count: number; readonly reason: string }
  | { readonly type: 'checkpoint' | 'finished' | 'numbered'; readonly next: number }
  | { readonly type: 'acknowledged'; readonly messages: number }
  | { readonly type: 'taken' | 'progressed' | 'unnumbered' }
  | { readonly type: 'disconnected' | 'end'; readonly reason: Error | undefined }

const START: StreamStart = { stream: '0123456789', run: 7, next: 100, oldest: 90, allowance: 4096 }

/** The core's end of a link: notes what the transport says, and answers what the test has set. */
export abstract class LinkDouble {
  readonly events = new Events<LinkEvent>()
  ended = false

  constructor(
    readonly remote: string,
    readonly origin: 'accepted' | 'dialled',
  ) {}

  disconnected(reason: Error | undefined): void {
    this.events.push({ type: 'disconnected', reason })
  }

  end(reason: Error | undefined): void {
    if (this.ended) return
    this.ended = true
    this.events.push({ type: 'end', reason })
  }

  until<T extends LinkEvent['type']>(type: T, from = 0): Promise<Extract<LinkEvent, { type: T }>> {
    return this.events.until((event) => event.type === type, from) as Promise<Extract<LinkEvent, { type: T }>>
  }

  of<T extends LinkEvent['type']>(type: T): Extract<LinkEvent, { type: T }>[] {
    return this.events.all.filter((event) => event.type === type) as Extract<LinkEvent, { type: T }>[]
  }
}

export class ProducerLinkDouble extends LinkDouble implements ProducerPort {
  carrier: Carrier | undefined
  midMessage = false
  next: number | undefined = 100

  connected(carrier: Carrier, peer: Peer): void {
    this.carrier = carrier
    this.events.push({ type: 'connected', peer })
  }

  subscribe(prefix: Uint8Array): void {
    this.events.push({ type: 'subscribe', prefix: text(prefix) })
  }

  unsubscribe(prefix: Uint8Array): void {
    this.events.push({ type: 'unsubscribe', prefix: text(prefix) })
  }

  start(from: StartFrom): StreamStart {
    this.events.push({ type: 'start', from })
    return START
  }

  taken(): void {
    this.events.push({ type: 'taken' })
  }

  progressed(): void {
    this.events.push({ type: 'progressed' })
  }

  acknowledged(messages: number): void {
    if (messages > 1_000_000) throw new FanwireError('BAD_PEER', 'more than was sent')
    this.events.push({ type: 'acknowledged', messages })
  }

  checkpoint(): number | undefined {
    return this.next
  }
}

export class ConsumerLinkDouble extends LinkDouble implements ConsumerPort {
  carrier: ConsumerCarrier | undefined
  prefixes = ['a', '']
  from: StartFrom = 'now'
  /** Messages so far. */
  count = 0
  /** Messages that it takes before it says no. */
  room = Number.POSITIVE_INFINITY

  connected(carrier: ConsumerCarrier, peer: SourcePeer): { prefixes: readonly Uint8Array[]; from: StartFrom } {
    this.carrier = carrier
    this.events.push({ type: 'connected', peer })
    return { prefixes: this.prefixes.map((prefix) => Buffer.from(prefix)), from: this.from }
  }

  started(start: StreamStart): void {
    this.events.push({ type: 'started', start })
  }

  message(
    chunk: Uint8Array,
    topicStart: number,
    topicEnd: number,
    dataStart: number,
    dataEnd: number,
    frames?: readonly Uint8Array[],
  ): boolean {
    this.room--
    this.count++
    this.events.push({
      type: 'message',
      topic: text(chunk.subarray(topicStart, topicEnd)),
      data: text(chunk.subarray(dataStart, dataEnd)),
      ...(frames && { frames: frames.map(text) }),
    })
    return this.room > 0
  }

  given(first: number, redelivered: boolean): void {
    this.events.push({ type: 'given', first, redelivered })
  }

  skipped(count: number, reason: string): void {
    this.events.push({ type: 'skipped', count, reason })
  }

  checkpoint(next: number): void {
    if (next === 666) throw new FanwireError('BAD_PEER', 'the numbers differ')
    this.events.push({ type: 'checkpoint', next })
  }

  unnumbered(): void {
    this.events.push({ type: 'unnumbered' })
  }

  numbered(next: number): void {
    this.events.push({ type: 'numbered', next })
  }

  answered(from: number): void {
    throw new Error(`number ${from} was not asked for`)
  }

  finished(next: number): void {
    this.events.push({ type: 'finished', next })
  }
}

export interface EndDouble<L extends LinkDouble> {
  readonly urls: readonly string[]
  readonly links: Events<L>
  readonly faults: Events<Fault>
  /** Time stands still until the test moves it. */
  readonly clock: FakePlatform
  close(): Promise<void>
}

export interface Setup {
  readonly role?: 'listen' | 'dial'
  readonly pattern?: Pattern
  readonly options?: Readonly<Record<string, unknown>>
  readonly maxMessageBytes?: number
  readonly signal?: AbortSignal
  /** What to do to a link before anything happens to it. */
  readonly prepare?: (link: LinkDouble) => void
  readonly want?: string
}

export async function produce(
  urls: string | readonly string[],
  setup: Setup = {},
): Promise<EndDouble<ProducerLinkDouble>> {
  const addresses = [urls].flat().map(parseAddress)
  const transport = transportOf(addresses[0])
  const { context, links, faults, clock } = surroundings<ProducerLinkDouble>(setup, {
    ...transport.options,
    ...transport.producerOptions,
  })
  const producer: ProducerContext = {
    ...context,
    stream: 'STREAM0001',
    log: () => ({
      open: (remote, origin) => opened(new ProducerLinkDouble(remote, origin), links, setup),
      stream: 'STREAM0001',
      run: 7,
      next: 1,
      oldest: 1,
      read: () => undefined,
      retain: () => undefined,
    }),
    changed: () => undefined,
  }
  const end = (await transport.produce(addresses, producer)) as LogEnd
  const close = async () => {
    for (const link of links.all) {
      link.ended = true
      link.carrier?.close()
    }
    await end.close()
  }
  return { urls: end.urls, links, faults, clock, close }
}

export async function consume(url: string, setup: Setup = {}): Promise<EndDouble<ConsumerLinkDouble>> {
  const address = parseAddress(url)
  const transport = transportOf(address)
  const { context, links, faults, clock } = surroundings<ConsumerLinkDouble>(setup, {
    ...transport.options,
    ...transport.consumerOptions,
  })
  const consumer: ConsumerContext = {
    ...context,
    id: 'CONSUMER01',
    from: 'now' as const,
    want: setup.want,
    open: (remote, origin) => opened(new ConsumerLinkDouble(remote, origin), links, setup),
  }
  const end = await transport.consume(address, consumer)
  return { urls: end.urls, links, faults, clock, close: () => end.close() }
}

function transportOf(address: Address | undefined): Transport {
  if (address?.scheme.startsWith('lines+')) return lines
  return address?.scheme.startsWith('sp+') ? sp : zmtp
}

function opened<L extends LinkDouble>(link: L, links: Events<L>, setup: Setup): L {
  setup.prepare?.(link)
  links.push(link)
  return link
}

function surroundings<L>(setup: Setup, table: OptionTable) {
  const clock = new FakePlatform()
  const links = new Events<L>()
  const faults = new Events<Fault>()
  const platform: Platform = {
    ...nodePlatform,
    now: () => clock.now(),
    timer: (delayMs, callback) => clock.timer(delayMs, callback),
    diagnose: (name, message) => clock.diagnose(name, message),
  }
  const context = {
    platform,
    role: setup.role ?? 'listen',
    pattern: setup.pattern ?? 'publish',
    options: checkOptions(table, setup.options, undefined, 'a test'),
    maxMessageBytes: setup.maxMessageBytes ?? 1 << 20,
    signal: setup.signal,
    fault: (fault: Fault) => faults.push(fault),
  } as const
  return { context, links, faults, clock }
}

/** A peer made of bytes alone. */
export class RawPeer {
  readonly ended: Promise<void>
  #bytes = Buffer.alloc(0)
  #wake: (() => void) | undefined
  #closed = false

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#wake?.()
    })
    socket.on('error', () => {})
    this.ended = new Promise((resolve) => {
      socket.on('close', () => {
        this.#closed = true
        this.#wake?.()
        resolve()
      })
    })
  }

  static async dial(url: string): Promise<RawPeer> {
    const { host, port, path } = parseAddress(url)
    const socket = path === undefined ? connect({ host: host as string, port: port as number }) : connect({ path })
    socket.setNoDelay()
    const peer = new RawPeer(socket)
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return peer
  }

  write(...parts: readonly (string | Uint8Array)[]): void {
    for (const part of parts) this.socket.write(typeof part === 'string' ? hex(part) : part)
  }

  /** The next `size` bytes in hex; fails when the connection ends before. */
  async read(size: number): Promise<string> {
    while (this.#bytes.length < size) {
      if (this.#closed) throw new Error(`connection ended after ${this.#bytes.toString('hex')}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const bytes = this.#bytes.subarray(0, size)
    this.#bytes = this.#bytes.subarray(size)
    return bytes.toString('hex')
  }

  /** What has arrived and was not read. */
  get unread(): string {
    return this.#bytes.toString('hex')
  }

  /** Reads the greeting, and the READY of a fanwire end. */
  async handshake(minor = 1, ready = READY_SUB): Promise<void> {
    this.write(writeGreeting('NULL', false, minor))
    await this.read(64)
    this.write(ready)
    await this.frame()
  }

  /** The next short frame, in hex. */
  async frame(): Promise<string> {
    const header = await this.read(2)
    return header + (await this.read(Number.parseInt(header.slice(2), 16)))
  }
}

/** A listener that hands out raw peers. */
export class RawListener {
  readonly peers = new Events<RawPeer>()

  private constructor(
    readonly server: Server,
    readonly url: string,
  ) {
    server.on('connection', (socket) => this.peers.push(new RawPeer(socket)))
  }

  static async open(port = 0): Promise<RawListener> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(port, ownHost, resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return new RawListener(server, `tcp://${ownHost}:${address.port}`)
  }

  async peer(number = 0): Promise<RawPeer> {
    if (this.peers.all.length <= number) await this.peers.until(() => this.peers.all.length > number, number)
    return this.peers.all[number] as RawPeer
  }

  async close(): Promise<void> {
    for (const { socket } of this.peers.all) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

/** As libzmq 4.3.5 sends them. */
export const READY_SUB = '0419055245414459 0b536f636b65742d54797065 00000003 535542'
export const READY_PUB = '0419055245414459 0b536f636b65742d54797065 00000003 505542'

/** A READY of `type`, with the property of fanwire peers. */
export function fanwireReady(type: 'PUB' | 'SUB', value = '01 00 00'): string {
  const property = `09 582d46616e77697265 ${length(hex(value).length, 4)} ${value}`
  const size = hex(property).length + 25
  return `04 ${length(size, 1)} ${(type === 'PUB' ? READY_PUB : READY_SUB).slice(4)} ${property}`
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s+/g, ''), 'hex')
}

function length(size: number, bytes: number): string {
  return size.toString(16).padStart(2 * bytes, '0')
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/** Where the file of a UNIX socket may lie: the folders of tests have names that are too long for it. */
export function folderFor(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'fanwire-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}
