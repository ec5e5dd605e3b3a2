import type { Socket } from 'node:dgram'
import type { Test } from 'tap'
import { parseAddress } from '../../../lib/address.js'
import { Consumer, type ConsumerEvents } from '../../../lib/consumer.js'
import { type ConsumerOptions, checkConsumerOptions } from '../../../lib/consumer-options.js'
import { PacketReader } from '../../../lib/framing/moldudp64/packet.js'
import { sessionName } from '../../../lib/framing/moldudp64/session.js'
import type { Message } from '../../../lib/message.js'
import { Producer } from '../../../lib/producer.js'
import { checkProducerOptions, type ProducerOptions } from '../../../lib/producer-options.js'
import { Retention } from '../../../lib/retention.js'
import type { Transport } from '../../../lib/transport.js'
import type { LineCounts } from '../../../transports/datagram/incoming-line.js'
import { numbered, raw } from '../../../transports/datagram/index.js'
import type { RequestCounts } from '../../../transports/datagram/request-server.js'
import type { SenderCounts } from '../../../transports/datagram/socket.js'
import type { FakePlatform } from '../../lib/support/fake-platform.js'
import { Happened, plainSocket, stoppedClock } from './ends.js'

/** The name of the stream that producers have here. */
export const STREAM = 'FANWIRE001'

/** What the end of a producer tells in its `stats()`. */
export interface ProducerCounts {
  readonly lines: readonly ({ readonly url: string } & SenderCounts)[]
  readonly requests?: RequestCounts
}

type Own = Readonly<Record<string, unknown>>
type Surroundings = ReturnType<typeof stoppedClock>

/** A producer with real sockets, of which time alone is not real. */
export async function openProducer(
  t: Test,
  url: string | readonly string[],
  options: ProducerOptions & Own = {},
  surroundings: Surroundings = stoppedClock(),
) {
  const { clock, faults, context } = surroundings
  const addresses = [url].flat().map(parseAddress)
  const transport = transportOf(addresses[0]?.scheme)
  const [checked] = checkProducerOptions({ stream: STREAM, ...options }, addresses, [transport])
  if (checked === undefined) throw new Error('there are no options')
  const producer = new Producer<string | Uint8Array>(context.platform, {
    ...checked,
    stream: checked.stream ?? STREAM,
    policy: checked.overflow,
    overflow: checked.overflowOf,
    memoryBytes: checked.memory.bytes,
    retention: new Retention(checked.retain),
  })
  producer.on('fault', (fault) => faults.push(fault))
  const end = await transport.produce(addresses, {
    platform: context.platform,
    role: options.role ?? 'dial',
    pattern: 'publish',
    options: checked.own,
    maxMessageBytes: checked.maxMessageBytes,
    signal: undefined,
    fault: (fault) => producer.fault(fault),
    stream: producer.stream,
    log: (framing) => producer.log(framing),
    changed: () => undefined,
  })
  producer.attach(end, transport.traits)
  const close = (drainMs = 0) => passing(clock, producer.close({ drainMs }))
  t.teardown(() => close())
  return { ...surroundings, producer, close, counts: () => producer.stats().ends[0] as ProducerCounts }
}

/** A consumer with real sockets, of which time alone is not real. */
export async function openConsumer(
  t: Test,
  url: string | readonly string[],
  options: ConsumerOptions & Own = {},
  surroundings: Surroundings = stoppedClock(),
) {
  const { clock, faults, context } = surroundings
  const addresses = [url].flat().map(parseAddress)
  const transport = transportOf(addresses[0]?.scheme)
  const [checked] = checkConsumerOptions(options, addresses, [transport])
  if (checked === undefined) throw new Error('there are no options')
  const consumer = new Consumer<Uint8Array>(context.platform, { ...checked, id: 'CONSUMER01' })
  const told = new Happened<string>()
  tellAll(consumer, told)
  consumer.on('fault', (fault) => faults.push(fault))
  for (const address of addresses) {
    const end = await transport.consume(address, {
      platform: context.platform,
      role: options.role ?? 'listen',
      pattern: 'publish',
      options: checked.own,
      maxMessageBytes: checked.maxMessageBytes,
      signal: undefined,
      fault: (fault) => consumer.fault(fault),
      id: 'CONSUMER01',
      from: checked.from,
      want: undefined,
      open: (remote, origin) => consumer.open(remote, origin),
    })
    consumer.attach(end)
  }
  t.teardown(() => passing(clock, consumer.close()))
  const counts = () => consumer.stats().ends as readonly LineCounts[]
  return { ...surroundings, consumer, told, counts, url: consumer.urls[0] as string }
}

/** Reads a consumer for as long as it is open. */
export function readAll(consumer: Consumer): { taken: Happened<Message>; failed: Promise<unknown> } {
  const taken = new Happened<Message>()
  const read = async () => {
    for await (const message of consumer) taken.push(message)
  }
  return { taken, failed: read().catch((error: unknown) => error) }
}

/** What is read of a datagram that a producer has sent. */
export interface Packet {
  readonly session: string
  readonly kind: 'data' | 'heartbeat' | 'endOfSession'
  readonly sequence: number
  readonly messages: readonly string[]
  readonly bytes: Uint8Array
  readonly from: { readonly address: string; readonly port: number }
}

/** A plain socket to which a producer sends, and what has come to it. */
export async function openTap(t: Test): Promise<{ url: string; socket: Socket; packets: Happened<Packet> }> {
  const socket = await plainSocket(t)
  const packets = new Happened<Packet>()
  socket.on('message', (bytes, from) => packets.push(readPacket(bytes, from)))
  return { url: `udp://127.0.0.1:${socket.address().port}`, socket, packets }
}

export function readPacket(bytes: Uint8Array, from: Packet['from']): Packet {
  const reader = new PacketReader()
  if (!reader.read(bytes) || reader.flaw !== undefined) throw new Error(`a packet is flawed: ${reader.flaw}`)
  const { kind, sequence } = reader
  const messages: string[] = []
  while (reader.advance()) messages.push(Buffer.from(bytes.subarray(reader.start, reader.end)).toString('latin1'))
  return { session: sessionName(bytes), kind, sequence, messages, bytes, from }
}

/** Sends to the port of a URL, in order. */
export function sendTo(socket: Socket, url: string, ...datagrams: readonly Uint8Array[]): Promise<void> {
  const { host, port } = parseAddress(url)
  const sent = datagrams.map(
    (bytes) =>
      new Promise<void>((resolve, reject) =>
        socket.send(bytes, port as number, host as string, (error) => (error ? reject(error) : resolve())),
      ),
  )
  return Promise.all(sent).then(() => undefined)
}

/** Lets what has been sent arrive, as far as one can tell without waiting for time: a sure sign is always a datagram. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((next) => setImmediate(next))
}

/** Moves the clock until something is settled. */
export async function passing<T>(clock: FakePlatform, promise: Promise<T>, stepMs = 10): Promise<T> {
  let settled = false
  const end = () => {
    settled = true
  }
  promise.then(end, end)
  for (let i = 0; i < 10_000 && !settled; i++) {
    await turns(1)
    if (!settled) clock.advance(stepMs)
  }
  return promise
}

function transportOf(scheme: string | undefined): Transport {
  const found = [numbered, raw].find(({ schemes }) => schemes.includes(scheme ?? ''))
  if (found === undefined) throw new Error(`no transport of datagrams has ${scheme}`)
  return found
}

/** What a consumer tells, in words. */
function tellAll(consumer: Consumer, told: Happened<string>): void {
  const tell = <Name extends keyof ConsumerEvents>(name: Name, words: (...event: ConsumerEvents[Name]) => string) =>
    consumer.on(name, (...event) => told.push(`${name} ${words(...event)}`))
  tell('stream', ({ stream, run, first }) => `${stream} run ${run} from ${first}`)
  tell('gap', ({ from, to, state }) => `${state} ${from}-${to - 1}`)
  tell('end', ({ stream, next }) => `${stream} before ${next}`)
  tell('unlink', (_, reason) => (reason as { code?: string } | undefined)?.code ?? `${reason}`)
}
