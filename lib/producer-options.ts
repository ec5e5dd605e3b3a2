import type { Address } from './address.js'
import type { Codec } from './codec.js'
import { checkEndOptions, endOptions, tenCharacters } from './end-options.js'
import { FanwireError, wordsOf } from './errors.js'
import { Memory } from './memory.js'
import {
  badOption,
  boolean,
  bytes,
  duration,
  group,
  integer,
  isObject,
  type OptionRule,
  type OptionsOf,
  refuse,
} from './options.js'
import { checkOverflow, type Limit, type Overflow, type OverflowChoice, type Policy } from './overflow.js'
import type { Link } from './producer-face.js'
import type { RetainedPast } from './retention.js'
import { checkShare, checkSharing, type PrefetchText, prefetchRule, type ShareChoice } from './share-options.js'
import type { Pattern, Transport } from './transport.js'
import { readDuration, readNumber, readSize } from './units.js'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
const DAY_MS = 86_400_000

/** What every producer takes. Whatever text can say may stand in the URL as well: `tcp://127.0.0.1:5555?stallMs=5s`. */
export interface ProducerOptions<T = string | Uint8Array> {
  /**
   * What happens when a link is slower than this producer: a name, a compact text such as `'drop:newest:500'`, a long
   * form, or a function that chooses for each link when it opens. Where nothing is given, a consumer that asks to be
   * dropped from is heard; all others get the default.
   * @default `backpressure` where links are ordered and reliable, else `drop`; each transport's page says it
   */
  readonly overflow?: Overflow<Link> | undefined
  /**
   * How much of the past stays for those who come later: bounds, of which the tightest holds, or the newest message of
   * every topic. In short `'10000'` messages, `'16MiB'`, `'1h'`, or several with commas between; `'0'` is nothing.
   * @default nothing
   */
  readonly retain?: RetainedPast | 'latest-per-topic' | RetainText | undefined
  /**
   * `bytes` bounds all that the producer keeps, 1 MiB to 1 TiB. Two messages of the largest size must fit into it, beside a
   * quarter of it, 4 MiB at most, that is for other things.
   * @default { bytes: 67_108_864 }, or four times `maxMessageBytes` where that is more
   */
  readonly memory?: { readonly bytes?: number | undefined } | undefined
  /**
   * The largest message, in bytes of topic and data, 1 to 2_147_483_648.
   * @default 16_777_216, or what fits into `memory` twice where that is less
   */
  readonly maxMessageBytes?: number | undefined
  /**
   * Milliseconds for which a link may make no progress although more is to leave for it, 1 to 86_400_000; then it is cut.
   * Progress is a byte that the system takes, or, once `unacknowledgedBytes` are open, a message that the peer
   * acknowledges. A consumer that acknowledges by hand, or stops reading, for longer than this needs more.
   * @default 30_000
   */
  readonly stallMs?: number | undefined
  /**
   * Bytes that may be on their way to a link that acknowledges, 1 KiB to 1 GiB: the system would swallow megabytes that
   * no policy can reach.
   * @default 4_194_304, or 262_144 for a link whose policy is to keep `latest-per-topic`
   */
  readonly unacknowledgedBytes?: number | undefined
  /** The stream's name, 10 characters of `0-9A-Z`. Give it so that consumers know the producer after a restart. @default random */
  readonly stream?: string | undefined
  /**
   * `true` insists on numbers between fanwire peers, `false` does without. What the transport cannot do is `BAD_OPTION`:
   * numbers where it has none, or none where they are part of it, as over `tcp`, `ipc`, `inproc`, `udp` and `multicast`.
   * Over `sp+tcp` and `sp+ipc` `true` stamps every message with its number, which foreign peers get as a part of the data;
   * over `lines+tcp` it does with `frame: 'u32'` and `body: 'topic'`.
   * Elsewhere they see numbers only where their protocol has some. @default numbers wherever they cost nothing
   */
  readonly sequence?: boolean | undefined
  /** Who waits and who calls. @default each transport's page says it */
  readonly role?: 'listen' | 'dial' | undefined
  /**
   * `'publish'`: everyone who wants a message gets it. `'share'`: each message goes to one link, as `prefetch` has it, whatever
   * its topic; with no link it waits. Then `overflow` says what happens when too much waits for a link: `'backpressure'`,
   * which has no deadline, `'backpressure:5s:reject'` or `'buffer:10000:refuse'`. Over `inproc`, `tcp`, `ipc`, `tls` and `sp`.
   * @default 'publish'
   */
  readonly pattern?: Pattern | undefined
  /**
   * What a link may have unacknowledged with pattern `'share'`, whichever is reached first: 1 to 1_000_000 messages, 1 KiB
   * to 1 GiB. A larger message goes alone. In short `'64'`, `'64KiB'` or `'64,64KiB'`.
   * @default { messages: 64, bytes: 65_536 }
   */
  readonly prefetch?: Limit | PrefetchText | undefined
  /** How values become data. @default strings and bytes as they are */
  readonly codec?: Codec<T> | undefined
  /** Gives up the opening. Once the producer is open it means nothing. */
  readonly signal?: AbortSignal | undefined
  /** Transports beside those that come with fanwire; where both know a scheme, these are used. */
  readonly transport?: Transport | readonly Transport[] | undefined
}

/** `'10000'`, `'16MiB'`, `'1h'`, or several of them: `'10000,16MiB'`. */
export type RetainText = `${number}${string}`

/**
 * The rules of every producer. A transport that lists one of these names replaces its rule, with another default or a
 * narrower range: a datagram's `maxMessageBytes`, a WebSocket's `overflow`.
 */
export const producerOptions = {
  ...endOptions,
  overflow: overflowRule('backpressure'),
  retain: retainRule(),
  memory: group({ bytes: bytes(MIB, 1024 * GIB) }, (given) => ({ bytes: readSize(given) ?? given })),
  stallMs: duration(1, DAY_MS, 30_000),
  unacknowledgedBytes: bytes(KIB, GIB),
  stream: tenCharacters(),
  sequence: boolean(),
  prefetch: prefetchRule(),
}

/**
 * Checks the options of a producer, those in its addresses' queries among them.
 *
 * @returns the complete options for every transport, in their order
 * @throws {FanwireError} `BAD_OPTION`
 */
export function checkProducerOptions(
  given: object | undefined,
  addresses: readonly Address[],
  transports: readonly Transport[],
): CheckedProducerOptions[] {
  const complete = checkEndOptions('producer', producerOptions, given, addresses, transports)
  const memory = memoryFor(complete.map(({ common }) => common))
  const saysMost =
    (given as ProducerOptions | undefined)?.maxMessageBytes !== undefined ||
    addresses.some(({ query }) => query.has('maxMessageBytes'))
  return complete.map(({ common, own }, at) => {
    const { retain, sequence, maxMessageBytes } = common
    if (saysMost) checkRoom(maxMessageBytes, memory.bytes)
    if (sequence !== undefined) checkNumbers(sequence, transports[at], addresses)
    if (typeof retain === 'object' && retain.bytes !== undefined && retain.bytes > memory.bytes) {
      refuse('retain.bytes', `at most memory.bytes, which is ${memory.bytes}`, retain.bytes)
    }
    const share = shareOf(common, memory.bytes, transports)
    const answers = share === undefined ? settle(common.overflow, memory.bytes) : answer(share.policy)
    return Object.freeze({ ...common, ...answers, share, memory, own })
  })
}

/** Complete options of a producer over one transport. */
export interface CheckedProducerOptions
  extends Omit<OptionsOf<typeof producerOptions>, 'overflow' | 'memory'>,
    OverflowAnswers {
  readonly memory: { readonly bytes: number }
  /** With pattern `'share'`. */
  readonly share: ShareChoice | undefined
  /** Those of the transport's own table. */
  readonly own: Readonly<Record<string, unknown>>
}

/** The bound that the user gave, or one that holds a few of the largest messages, which go to all ends or to none. */
function memoryFor(ends: readonly Pick<OptionsOf<typeof producerOptions>, 'memory' | 'maxMessageBytes'>[]) {
  const most = Math.min(...ends.map(({ maxMessageBytes }) => maxMessageBytes))
  return Object.freeze({ bytes: ends[0]?.memory.bytes ?? Math.max(64 * MIB, 4 * most) })
}

function checkRoom(maxMessageBytes: number, memoryBytes: number): void {
  const { largestMessage } = new Memory(memoryBytes)
  if (maxMessageBytes <= largestMessage) return
  throw badOption(
    `maxMessageBytes must be at most ${largestMessage}, which is what memory.bytes, ${memoryBytes}, has room for, ` +
      `got ${maxMessageBytes}; raise memory.bytes to ${Math.max(64 * MIB, 4 * maxMessageBytes)}, or leave it out`,
  )
}

/** Numbers that are counted, or that the wire has a field for, are no choice; only a stamp can be left out. */
function checkNumbers(sequence: boolean, transport: Transport | undefined, addresses: readonly Address[]): void {
  if (transport === undefined || transport.traits.numbers === 'stamp') return
  const hasNumbers = transport.traits.numbers !== 'none'
  if (sequence === hasNumbers) return
  const scheme = addresses.find((address) => transport.schemes.includes(address.scheme))?.scheme
  throw badOption(
    `sequence cannot be ${sequence} for ${scheme}, whose messages ${hasNumbers ? 'always have numbers' : 'have no numbers'}`,
  )
}

interface OverflowAnswers {
  /** What a link has until its peer is known. */
  readonly overflow: Policy
  /** What it has from then on. A function of the user's may throw, or return what is `BAD_OPTION`. */
  readonly overflowOf: (link: Link) => Policy
}

interface OverflowSetting {
  readonly choice: Overflow<Link> | undefined
  readonly fallback: OverflowChoice
}

/** The rule of `overflow`, with the default of a transport. */
export function overflowRule(fallback: OverflowChoice): OptionRule<OverflowSetting> {
  return {
    fallback: { choice: undefined, fallback },
    check: (choice, name) => {
      // The bound is not known here, only that there is one; what is wrong in any case is told under the option's name.
      if (typeof choice !== 'function') checkOverflow(choice, 'producer', Number.POSITIVE_INFINITY, name)
      return { choice: choice as Overflow<Link>, fallback }
    },
    read: (given) => given,
  }
}

/** The same for all links. */
function answer(overflow: Policy): OverflowAnswers {
  return { overflow, overflowOf: () => overflow }
}

function shareOf(
  common: OptionsOf<typeof producerOptions>,
  memoryBytes: number,
  transports: readonly Transport[],
): ShareChoice | undefined {
  const { pattern, prefetch, retain, unacknowledgedBytes } = common
  if (pattern === 'share') {
    checkSharing(transports)
    return checkShare({ overflow: common.overflow.choice, prefetch, retain, unacknowledgedBytes }, memoryBytes)
  }
  if (prefetch === undefined) return undefined
  throw badOption("prefetch needs pattern: 'share'")
}

function settle({ choice, fallback }: OverflowSetting, memoryBytes: number): OverflowAnswers {
  const check = (answer: unknown, name?: string) => checkOverflow(answer, 'producer', memoryBytes, name)
  if (typeof choice === 'function') {
    return { overflow: check(fallback), overflowOf: (link) => check(answerOf(choice, link), 'what overflow() returns') }
  }
  const overflow = check(choice ?? fallback)
  if (choice !== undefined) return answer(overflow)
  return { overflow, overflowOf: (link) => readModestWish(link.want, check) ?? overflow }
}

function answerOf(choice: (link: Link) => OverflowChoice, link: Link): OverflowChoice {
  try {
    return choice(link)
  } catch (cause) {
    throw new FanwireError('BAD_OPTION', `overflow() failed for ${link.remote}: ${wordsOf(cause)}`, { cause })
  }
}

/** Who asks to be dropped from costs nobody else anything. Other wishes, and what is no wish at all, are passed over. */
function readModestWish(want: string | undefined, check: (answer: unknown) => Policy): Policy | undefined {
  try {
    const policy = want === undefined ? undefined : check(want)
    return policy?.policy === 'drop' ? policy : undefined
  } catch {
    return undefined
  }
}

function retainRule(): OptionRule<RetainedPast | 'latest-per-topic' | undefined> {
  const most = Number.MAX_SAFE_INTEGER
  const bounds = group({ messages: integer(0, most), bytes: bytes(0, most), ageMs: duration(0, 366 * DAY_MS) })
  return {
    fallback: undefined,
    check(value, name) {
      if (value === 'latest-per-topic') return value
      const past = typeof value === 'string' ? readPast(value) : value
      const isEmpty = isObject(past) && Object.values(past).every((bound) => bound === undefined)
      if (past === undefined || isEmpty) {
        refuse(
          name,
          "'latest-per-topic', text such as '5' (messages), '16MiB' or '10000,16MiB,1h', or an object with messages, bytes or ageMs",
          value,
        )
      }
      return bounds.check(past, name)
    },
    read: (given) => given,
  }
}

function readPast(given: string): Record<string, number> | undefined {
  const past: Record<string, number> = {}
  for (const part of given.split(',')) {
    const [name, bound] =
      [
        ['messages', readNumber(part)] as const,
        ['bytes', readSize(part)] as const,
        ['ageMs', readDuration(part)] as const,
      ].find(([, read]) => read !== undefined) ?? []
    if (name === undefined || bound === undefined || past[name] !== undefined) return undefined
    past[name] = bound
  }
  return past
}
