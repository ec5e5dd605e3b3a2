import { parseAddress } from '../lib/address.js'
import {
  type Consumer,
  type ConsumerOptions,
  createConsumer,
  createProducer,
  type Producer,
  type ProducerOptions,
  type ProducerStats,
} from '../lib/index.js'
import { type OptionRule, oneOf, text } from '../lib/options.js'
import { loadTransport } from '../transports/index.js'
import { type Flag, type Flags, toggle, UsageError } from './command.js'
import { note, tellLeft, watchConsumer, watchProducer } from './notes.js'

/** Whoever sits at a terminal should not wait ten seconds for the other end, which was started just now. */
const PATIENCE_MS = 1_000

const texts: OptionRule<readonly string[] | undefined> = {
  fallback: undefined,
  check: (value) => value as readonly string[],
}

/** The flags of everything that can be watched. */
export const watchFlags = {
  verbose: toggle('tell on stderr about links, gaps, drops and waits as they happen'),
  stats: toggle('print the ledger at the end, as a line of JSON on stderr'),
} satisfies Flags

/** The flags of whatever receives. */
export const sourceFlags = {
  topic: {
    value: 'PREFIX',
    help: 'only topics that begin with it; may be given several times',
    many: true,
    rule: texts,
  },
  from: {
    value: 'WHERE',
    help: 'now (as without it), oldest or latest-per-topic: what the producer retains comes first',
    rule: oneOf(['now', 'oldest', 'latest-per-topic']),
  },
} satisfies Record<string, Flag>

/** The flags of whatever is one end only. */
export const endFlags = {
  overflow: {
    value: 'POLICY',
    help: 'when the reader is slow: backpressure, buffer:64MiB, drop:newest:10000, drop:latest-per-topic …',
    rule: text(/^/, 'text'),
  },
  pattern: {
    value: 'PATTERN',
    help: 'publish (as without it), or share: each message goes to one of those who take part',
    rule: oneOf(['publish', 'share']),
  },
  body: { value: 'FORM', help: 'topic or raw, where the wire has no place for topics', rule: oneOf(['topic', 'raw']) },
  listen: toggle('wait to be called'),
  dial: toggle('call the other end, again and again until it is there'),
  ...watchFlags,
} satisfies Flags

interface EndValues {
  readonly overflow: string | undefined
  readonly pattern: string | undefined
  readonly body: string | undefined
  readonly listen: boolean
  readonly dial: boolean
}

/** What the flags say in the words of the API; what is not given is not there. */
export function endOptions({ overflow, pattern, body, listen, dial }: EndValues): Record<string, unknown> {
  if (listen && dial) throw new UsageError('--listen and --dial exclude each other')
  return { overflow, pattern, body, role: listen ? 'listen' : dial ? 'dial' : undefined }
}

/** Opens a producer, which tells on stderr what goes wrong, and with `verbose` what happens. */
export async function openProducer(
  urls: readonly string[],
  options: Readonly<Record<string, unknown>>,
  verbose: boolean,
  signal: AbortSignal,
): Promise<Producer> {
  const all: ProducerOptions = { ...(await dialOptions(urls)), ...options, signal }
  const producer = await createProducer(urls, all)
  watchProducer(producer, verbose)
  tellChosenPorts(urls, producer.urls)
  return producer
}

/** Hands out what waits, unless there is nobody to hand it to, and tells what is left. */
export async function closeProducer(producer: Producer): Promise<ProducerStats> {
  const { links } = producer
  const isAlone = links.length > 0 && links.every(({ state }) => state === 'waiting')
  const stats = await producer.close(isAlone ? { drainMs: 0 } : {})
  tellLeft(stats)
  return stats
}

/** Opens a consumer, which tells on stderr what a producer would. */
export async function openConsumer(
  urls: readonly string[],
  options: Readonly<Record<string, unknown>>,
  verbose: boolean,
  signal: AbortSignal,
): Promise<Consumer> {
  const all: ConsumerOptions = { ...(await dialOptions(urls)), ...options, signal }
  const consumer = await createConsumer(urls, all)
  watchConsumer(consumer, verbose)
  tellChosenPorts(urls, consumer.urls)
  return consumer
}

/** The longest pause between two calls, for transports that dial, unless a URL speaks of it. */
async function dialOptions(urls: readonly string[]): Promise<{ readonly reconnectMaxMs?: number }> {
  for (const { scheme, query } of urls.map(parseAddress)) {
    const transport = await loadTransport(scheme)
    const dials = transport !== undefined && Object.hasOwn(transport.options, 'reconnectMaxMs')
    if (!dials || query.has('reconnectMinMs') || query.has('reconnectMaxMs')) return {}
  }
  return { reconnectMaxMs: PATIENCE_MS }
}

/** Tells an address that nobody could know: the system chose the port. */
function tellChosenPorts(given: readonly string[], urls: readonly string[]): void {
  if (given.some((url) => /:0(\/|\?|$)/.test(url))) note(`listening on ${urls.join(' ')}`)
}
