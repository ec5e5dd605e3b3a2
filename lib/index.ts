import { loadTransport, type OwnConsumerOptions, type OwnProducerOptions, schemes } from '../transports/index.js'
import { type Address, checkDialable, parseAddress } from './address.js'
import { Consumer } from './consumer.js'
import { type ConsumerOptions, checkConsumerOptions } from './consumer-options.js'
import type { OptionsFor } from './end-options.js'
import { FanwireError, wordsOf } from './errors.js'
import type { Framing } from './framing/framing.js'
import { nodePlatform } from './node/platform.js'
import type { Policy } from './overflow.js'
import { Producer } from './producer.js'
import { checkProducerOptions, type ProducerOptions } from './producer-options.js'
import { Retention } from './retention.js'
import type { Context, Fault, Transport } from './transport.js'

export type {
  LinesConsumerOptions,
  LinesOptions,
  OwnConsumerOptions,
  OwnProducerOptions,
  Pem,
  RawConsumerOptions,
  RawProducerOptions,
  SecurityOptions,
  SpConsumerOptions,
  SpOptions,
  TcpConsumerOptions,
  TcpOptions,
  TlsOptions,
  UdpConsumerOptions,
  UdpProducerOptions,
} from '../transports/index.js'
export type { Address } from './address.js'
export type { Authenticate, Credentials, PeerCertificate, Verdict } from './authentication.js'
export {
  bytes,
  type Codec,
  json,
  type StandardIssue,
  type StandardResult,
  type StandardSchema,
  text,
} from './codec.js'
export type {
  Consumer,
  ConsumerEvents,
  ConsumerStats,
  Gap,
  InboxDrop,
  LoopOptions,
  NewStream,
  Slow,
  Source,
  SourceDescription,
  SourcesOptions,
  StreamIdentity,
} from './consumer.js'
export type { ConsumerOptions, ConsumerOverflow } from './consumer-options.js'
export type { OptionsFor } from './end-options.js'
export { type ErrorCode, FanwireError } from './errors.js'
export type { Framing, SkipFraming, SkipReason } from './framing/framing.js'
export { decodeZ85, encodeZ85 } from './framing/zmtp/z85.js'
export type { GapChange } from './gaps.js'
export type { Fate, ImpairmentOptions, Passage } from './impairment.js'
export type { InboxDropReason } from './inbox.js'
export type { LineLedger, SourceLedger } from './intake.js'
export {
  balanceLink,
  balanceProducer,
  balanceShare,
  balanceStream,
  type Dropped,
  type DropReason,
  type EndedLedger,
  type ProducerLedger,
  type ProducerLinkLedger,
  type StreamLedger,
} from './ledger.js'
export type { LinkDescription, LinkState } from './link.js'
export type { Loop } from './loop.js'
export type { Message } from './message.js'
export { type CurveKeys, createCurveKeys } from './node/curve-keys.js'
export type { OptionRule, OptionTable } from './options.js'
export type {
  BackpressureOverflow,
  BufferOverflow,
  DropOverflow,
  Limit,
  Overflow,
  OverflowChoice,
  OverflowText,
  Policy,
} from './overflow.js'
export { pipe } from './pipe.js'
export type { Platform, Timer } from './platform.js'
export type { Producer } from './producer.js'
export type {
  CloseOptions,
  Drop,
  FlushOptions,
  Link,
  LinkedOptions,
  ProducerEvents,
  ProducerStats,
  Refusal,
  SendOptions,
} from './producer-face.js'
export type { ProducerOptions, RetainText } from './producer-options.js'
export type { RecoveryTerms, RequestTerms } from './recovery.js'
export type { RetainedPast } from './retention.js'
export type { PrefetchText } from './share-options.js'
export type { TallyCounts } from './tally.js'
export type * from './transport.js'

/**
 * Opens a producer at one address, or at several that share one log and one numbering. Resolves once every address is
 * bound, or once dialling has begun.
 *
 * @throws {FanwireError} `BAD_ADDRESS`, `BAD_OPTION`, `ADDRESS_IN_USE`, `OPEN_FAILED`, or the signal's reason
 */
export async function createProducer<T = string | Uint8Array, Url extends string = string>(
  url: Url | readonly Url[],
  options: ProducerOptions<T> & OptionsFor<Url, OwnProducerOptions> = {},
): Promise<Producer<T>> {
  const { addresses, transports, roomOf } = await locate(url, transportsIn(options))
  const checked = checkProducerOptions(options, addresses, transports)
  const [common] = checked as [(typeof checked)[number]]
  await prepareDisk(common.overflow)
  const producer = new Producer<T>(nodePlatform, {
    ...common,
    // A message goes to all ends or to none.
    maxMessageBytes: Math.min(...checked.map((each) => each.maxMessageBytes)),
    stream: common.stream ?? randomName(),
    policy: common.overflow,
    overflow: common.overflowOf,
    memoryBytes: common.memory.bytes,
    retention: new Retention(common.retain),
  })
  const faults = new OpeningFaults(producer)
  try {
    for (const [i, transport] of transports.entries()) {
      const context = contextOf(checked[i] ?? common, transport, 'producer', faults)
      const places = [...addresses.keys()].filter((at) => roomOf(addresses[at] as Address) === transport)
      const own = places.map((at) => addresses[at] as Address)
      checkRole(context.role, own)
      const log = (framing: Framing) =>
        common.share === undefined ? producer.log(framing) : producer.share(framing, common.share)
      const { stream } = producer
      const end = await transport.produce(own, { ...context, stream, log, changed: () => producer.progressed() })
      producer.attach(end, transport.traits, places)
    }
  } catch (error) {
    await producer.close({ drainMs: 0 })
    throw error
  }
  faults.opened()
  return producer
}

/**
 * Opens a consumer at one address, or at several. Sources that carry the same stream are lines of it: the first copy of
 * each message wins, unless `lines` is `'separate'`. Resolves once every address is bound, or once dialling has begun,
 * which goes on until `close()`.
 *
 * @throws {FanwireError} `BAD_ADDRESS`, `BAD_OPTION`, `BAD_TOPIC`, `ADDRESS_IN_USE`, `OPEN_FAILED`, or the signal's reason
 */
export async function createConsumer<T = Uint8Array, Url extends string = string>(
  url: Url | readonly Url[],
  options: ConsumerOptions<T> & OptionsFor<Url, OwnConsumerOptions> = {},
): Promise<Consumer<T>> {
  const { addresses, transports, roomOf } = await locate(url, transportsIn(options))
  const checked = checkConsumerOptions(options, addresses, transports)
  const [common] = checked as [(typeof checked)[number]]
  const id = common.id ?? randomName()
  const consumer = new Consumer<T>(nodePlatform, { ...common, id })
  const { want, from } = common
  const faults = new OpeningFaults(consumer)
  try {
    for (const address of addresses) {
      const transport = roomOf(address)
      const context = contextOf(checked[transports.indexOf(transport)] ?? common, transport, 'consumer', faults)
      checkRole(context.role, [address])
      const open = (remote: string, origin: 'accepted' | 'dialled') => consumer.open(remote, origin)
      consumer.attach(await transport.consume(address, { ...context, id, from, want, open }))
    }
  } catch (error) {
    await consumer.close()
    throw error
  }
  faults.opened()
  return consumer
}

/** Who names a directory hears at once when it takes no files. */
async function prepareDisk(overflow: Policy): Promise<void> {
  if (overflow.policy !== 'buffer' || overflow.spill === undefined) return
  try {
    await nodePlatform.spill?.prepare(overflow.spill)
  } catch (cause) {
    const message = `overflow.spill must be a directory that takes files, got ${overflow.spill}: ${wordsOf(cause)}`
    throw new FanwireError('SPILL_FAILED', message, { cause })
  }
}

interface Located {
  readonly addresses: readonly Address[]
  /** Each once. */
  readonly transports: readonly Transport[]
  readonly roomOf: (address: Address) => Transport
}

/** Looked at before the door, which refuses what is no object. */
function transportsIn(options: { readonly transport?: unknown } | null): Transport | readonly Transport[] | undefined {
  return options?.transport as Transport | readonly Transport[] | undefined
}

/** Finds the transport of every URL; those that the caller brings along go first. */
async function locate(
  url: string | readonly string[],
  given: Transport | readonly Transport[] | undefined,
): Promise<Located> {
  const addresses = (Array.isArray(url) ? url : [url]).map(parseAddress)
  if (addresses.length === 0) throw new FanwireError('BAD_ADDRESS', 'at least one URL is needed, got none')
  const own: readonly Transport[] = [given ?? []].flat()
  const rooms = new Map<Address, Transport>()
  for (const address of addresses) rooms.set(address, await transportOf(address.scheme, own))
  const roomOf = (address: Address) => rooms.get(address) as Transport
  return { addresses, transports: [...new Set(rooms.values())], roomOf }
}

async function transportOf(scheme: string, own: readonly Transport[]): Promise<Transport> {
  const transport = own.find((each) => each.schemes?.includes(scheme)) ?? (await loadTransport(scheme))
  if (transport !== undefined) return transport
  throw new FanwireError('BAD_ADDRESS', `no transport for ${scheme}://; there are ${schemes.join(', ')}`)
}

/** Keeps what goes wrong while an end opens, until whoever opens it can listen. */
class OpeningFaults {
  readonly #end: Pick<Context, 'fault'>
  #early: Fault[] | undefined = []

  constructor(end: Pick<Context, 'fault'>) {
    this.#end = end
  }

  fault(fault: Fault): void {
    if (this.#early === undefined) this.#end.fault(fault)
    else this.#early.push(fault)
  }

  opened(): void {
    // A tick runs after all that awaits the end.
    nodePlatform.defer(() => {
      const early = this.#early ?? []
      this.#early = undefined
      for (const fault of early) this.#end.fault(fault)
    })
  }
}

interface EndOptions {
  readonly role: Context['role'] | undefined
  readonly signal: AbortSignal | undefined
  readonly maxMessageBytes: number
  readonly pattern: Context['pattern']
  readonly own: Context['options']
}

function contextOf(
  { role, signal, maxMessageBytes, pattern, own }: EndOptions,
  transport: Transport,
  kind: 'producer' | 'consumer',
  end: Pick<Context, 'fault'>,
): Context {
  return {
    platform: nodePlatform,
    pattern,
    role: role ?? (transport.listens === kind ? 'listen' : 'dial'),
    options: own,
    maxMessageBytes,
    signal,
    fault: (fault) => end.fault(fault),
  }
}

function checkRole(role: Context['role'], addresses: readonly Address[]): void {
  if (role === 'dial') for (const address of addresses) checkDialable(address)
}

/** 10 characters of `0-9A-Z`. */
function randomName(): string {
  const random = nodePlatform.random(new Uint8Array(10))
  return Array.from(random, (byte) => (byte % 36).toString(36).toUpperCase()).join('')
}
