import { badOption, bytes, group, integer, type OptionRule } from './options.js'
import { type CompleteLimit, checkOverflow, type Limit, type Policy, readLimit } from './overflow.js'
import type { Transport } from './transport.js'

const KIB = 1024
const GIB = 1024 * 1024 * KIB
/** What `backpressure` has where no time is given. */
const DEFAULT_MS = 5_000

/** `'64'`, `'64KiB'`, or both: `'64,64KiB'`. */
export type PrefetchText = `${number}${string}`

const DEFAULT_PREFETCH: CompleteLimit = Object.freeze({ messages: 64, bytes: 64 * KIB })

/** What one link may have unacknowledged. */
export function prefetchRule(): OptionRule<CompleteLimit | undefined> {
  const table = group({ messages: integer(1, 1_000_000), bytes: bytes(KIB, GIB) })
  return {
    fallback: undefined,
    check(value, name) {
      const { messages = DEFAULT_PREFETCH.messages, bytes: size = DEFAULT_PREFETCH.bytes } = table.check(
        (typeof value === 'string' ? readLimit(value) : value) as Limit,
        name,
      )
      return Object.freeze({ messages, bytes: size })
    },
    read: (given) => given,
  }
}

/** What a producer was asked for that shares its messages among its links. */
export interface ShareAsked {
  readonly overflow: unknown
  readonly prefetch: CompleteLimit | undefined
  readonly retain: unknown
  readonly unacknowledgedBytes: number | undefined
}

/** Complete options of a producer that shares. */
export interface ShareChoice {
  readonly policy: Policy
  readonly prefetch: CompleteLimit
}

/** @throws {FanwireError} `BAD_OPTION` */
export function checkShare(asked: ShareAsked, memoryBytes: number): ShareChoice {
  const { overflow = 'backpressure', prefetch = DEFAULT_PREFETCH, retain, unacknowledgedBytes } = asked
  if (retain !== undefined)
    throw badOption("retain cannot be used with pattern 'share': a message is kept until one link has done with it")
  if (unacknowledgedBytes !== undefined)
    throw badOption("unacknowledgedBytes cannot be used with pattern 'share', where prefetch says it")
  return Object.freeze({ policy: checkSharePolicy(overflow, memoryBytes), prefetch })
}

/** One backlog waits for all links, so that none of them can be dropped from, or cut off for it. */
function checkSharePolicy(overflow: unknown, memoryBytes: number): Policy {
  const forms = "'backpressure', 'backpressure:5s:reject' or 'buffer:10000:refuse'"
  if (typeof overflow === 'function')
    throw badOption(`overflow cannot be a function with pattern 'share', whose links have one backlog: give ${forms}`)
  const policy = checkOverflow(overflow, 'producer', memoryBytes)
  const waits = policy.policy === 'backpressure' && policy.then === 'disconnect' && policy.timeoutMs === DEFAULT_MS
  if (waits) return policy
  if (policy.policy === 'backpressure' && policy.then === 'reject') return policy
  if (policy.policy === 'buffer' && policy.then === 'refuse' && policy.spill === undefined) return policy
  throw badOption(
    `overflow with pattern 'share' must be one of ${forms}, since nothing is dropped and no link is to blame`,
  )
}

/** @throws {FanwireError} `BAD_OPTION` for a transport that cannot share */
export function checkSharing(transports: readonly Transport[]): void {
  for (const { schemes, traits } of transports) {
    if (traits.shares) continue
    throw badOption(`pattern cannot be 'share' over ${schemes.join(' and ')}, which has no word for it`)
  }
}
