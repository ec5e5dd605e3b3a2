import type { Address } from './address.js'
import type { Codec } from './codec.js'
import { checkEndOptions, endOptions, tenCharacters } from './end-options.js'
import {
  badOption,
  duration,
  group,
  integer,
  isObject,
  type OptionRule,
  type OptionsOf,
  oneOf,
  refuse,
} from './options.js'
import {
  type BufferOverflow,
  checkOverflow,
  type DropOverflow,
  formatOverflow,
  type Limit,
  type OverflowChoice,
  type OverflowText,
  type Policy,
} from './overflow.js'
import { checkSharing } from './share-options.js'
import { checkTopic, MAX_TOPIC_BYTES } from './topic.js'
import type { Pattern, Resume, StartFrom, Transport } from './transport.js'

/** The subscriptions that a producer takes from one link. */
export const MOST_TOPICS = 10_000

/** What every consumer takes. Whatever text can say may stand in the URL as well: `tcp://127.0.0.1:5555?from=oldest`. */
export interface ConsumerOptions<T = Uint8Array> {
  /**
   * Prefixes of the topics to receive, as text or bytes, at most 10,000 of at most 1,024 bytes. `['']` is everything,
   * `[]` nothing until `subscribe()`; `'trades.A'` also matches `trades.AAPL`. In a URL: one. @default ['']
   */
  readonly topics?: readonly (string | Uint8Array)[] | undefined
  /** What happens when the application is slower than what arrives. @default 'backpressure' */
  readonly overflow?: ConsumerOverflow | undefined
  /** Where to begin: at a producer's present or its past, or where an earlier consumer stopped. @default 'now' */
  readonly from?: StartFrom | undefined
  /** The overflow policy that producers are asked to use for this consumer; they may decide otherwise. @default none */
  readonly want?: OverflowChoice | undefined
  /**
   * What a producer is told to be safe: what the inbox has `'taken'`, or what the application has acknowledged with
   * `message.ack()`.
   * @default 'taken'
   */
  readonly acknowledge?: 'taken' | 'manual' | undefined
  /** After a loss: go on, having counted and announced it, or end the loop with `LOST`. @default 'skip' */
  readonly onLoss?: 'skip' | 'fail' | undefined
  /** Links that carry the same stream give each message once, or each for itself. @default 'arbitrate' */
  readonly lines?: 'arbitrate' | 'separate' | undefined
  /** Milliseconds to wait for a number that another line may still bring, 0 to 600_000. @default 3_000 */
  readonly holdMs?: number | undefined
  /** The largest message to accept, in bytes of topic and data, 1 to 2_147_483_648. @default 16_777_216 */
  readonly maxMessageBytes?: number | undefined
  /** By which producers know this consumer again, 10 characters of `0-9A-Z`. @default random */
  readonly id?: string | undefined
  /**
   * `'share'` is for producers with the same pattern, and for PUSH sockets: each message goes to one of the consumers that
   * are there. This one takes what it is given, whatever its topic, from now on. A producer that is told what was taken
   * gives others what this consumer leaves; `acknowledge` says whether that is what the application took from the loop, or
   * what it has acknowledged. @default 'publish'
   */
  readonly pattern?: Pattern | undefined
  /** Who waits and who calls. @default each transport's page says it */
  readonly role?: 'listen' | 'dial' | undefined
  /** How data becomes values. @default bytes as they are */
  readonly codec?: Codec<T> | undefined
  /** Gives up the opening. Once the consumer is open it means nothing. */
  readonly signal?: AbortSignal | undefined
  /** Transports beside those that come with fanwire; where both know a scheme, these are used. */
  readonly transport?: Transport | readonly Transport[] | undefined
}

/** A consumer's answers to overflow. Its backpressure ends when the application reads on, so it has no deadline. */
export type ConsumerOverflow =
  | OverflowText
  | DropOverflow
  | (BufferOverflow & { readonly then?: 'disconnect' | 'drop' | undefined })
  | { readonly policy: 'backpressure'; readonly limit?: Limit | undefined }

/** The rules of every consumer. A transport that lists one of these names replaces its rule. */
export const consumerOptions = {
  ...endOptions,
  topics: topicsRule(),
  overflow: consumerOverflowRule('backpressure'),
  from: fromRule(),
  want: wantRule(),
  acknowledge: oneOf(['taken', 'manual'], 'taken'),
  onLoss: oneOf(['skip', 'fail'], 'skip'),
  lines: oneOf(['arbitrate', 'separate'], 'arbitrate'),
  holdMs: duration(0, 600_000, 3_000),
  id: tenCharacters(),
}

/** Complete options of a consumer over one transport. */
export interface CheckedConsumerOptions extends OptionsOf<typeof consumerOptions> {
  /** Those of the transport's own table. */
  readonly own: Readonly<Record<string, unknown>>
}

/**
 * Checks the options of a consumer, those in its addresses' queries among them.
 *
 * @returns the complete options for every transport, in their order
 * @throws {FanwireError} `BAD_OPTION`, or `BAD_TOPIC` for one of `topics`
 */
export function checkConsumerOptions(
  given: object | undefined,
  addresses: readonly Address[],
  transports: readonly Transport[],
): CheckedConsumerOptions[] {
  return checkEndOptions('consumer', consumerOptions, given, addresses, transports).map(({ common, own }) => {
    if (common.pattern === 'share') checkTaker(common, transports)
    return Object.freeze({ ...common, own })
  })
}

/** What a consumer passed over or dropped of a shared stream would be lost to all others. */
function checkTaker(
  { topics, from, overflow, want }: OptionsOf<typeof consumerOptions>,
  transports: readonly Transport[],
): void {
  checkSharing(transports)
  if (topics.length !== 1 || topics[0]?.length !== 0)
    throw badOption("topics cannot be chosen with pattern 'share': a consumer takes whatever it is given")
  if (from !== 'now') throw badOption("from must be 'now' with pattern 'share': what waits goes to whoever is there")
  if (overflow.policy !== 'backpressure')
    throw badOption("overflow must be 'backpressure' with pattern 'share': what this consumer leaves, others take")
  if (want !== undefined) throw badOption("want cannot be used with pattern 'share', whose links have one backlog")
}

/** The rule of `overflow`, with the default of a transport. */
export function consumerOverflowRule(fallback: OverflowText): OptionRule<Policy> {
  const check = (value: unknown, name: string) => checkOverflow(value, 'consumer', Number.POSITIVE_INFINITY, name)
  return { fallback: check(fallback, 'overflow'), check, read: (given) => given }
}

function topicsRule(): OptionRule<readonly (string | Uint8Array)[]> {
  return {
    fallback: Object.freeze(['']),
    check(value, name) {
      if (!Array.isArray(value)) return refuse(name, "an array of strings and Uint8Arrays, [''] for everything", value)
      if (value.length > MOST_TOPICS) throw badOption(`${name} must be at most ${MOST_TOPICS}, got ${value.length}`)
      return Object.freeze(value.map((topic: unknown, at) => checkPrefix(topic, `${name}[${at}]`)))
    },
    read: (given) => [given],
  }
}

/** @throws {FanwireError} `BAD_TOPIC`, or `BAD_OPTION` for what is no topic at all */
export function checkPrefix(topic: unknown, name: string): string | Uint8Array {
  if (typeof topic === 'string') {
    checkTopic(topic)
    return topic
  }
  if (!(topic instanceof Uint8Array)) return refuse(name, 'a string or a Uint8Array', topic)
  if (topic.length > MAX_TOPIC_BYTES)
    throw badOption(`${name} must be at most ${MAX_TOPIC_BYTES} bytes, got ${topic.length}`)
  // The caller may use its bytes again.
  return new Uint8Array(topic)
}

function fromRule(): OptionRule<StartFrom> {
  const past = oneOf(['now', 'oldest', 'latest-per-topic'], 'now')
  const resume = group({
    stream: tenCharacters(),
    run: integer(0, 2 ** 48 - 1),
    next: integer(0, Number.MAX_SAFE_INTEGER),
  })
  return {
    fallback: 'now',
    check(value, name) {
      if (!isObject(value)) return past.check(value, name)
      const { stream, run, next } = resume.check(value, name)
      if (stream === undefined || run === undefined || next === undefined) {
        throw badOption(`${name} must have stream, run and next to resume a stream`)
      }
      return Object.freeze<Resume>({ stream, run, next })
    },
    read: (given) => given,
  }
}

/** Checked as what it is for the other side, a producer's policy, and kept in the form in which it travels. */
function wantRule(): OptionRule<string | undefined> {
  return {
    fallback: undefined,
    check: (value, name) => formatOverflow(checkOverflow(value, 'producer', Number.POSITIVE_INFINITY, name)),
    read: (given) => given,
  }
}
