import {
  badOption,
  bytes,
  duration,
  group,
  integer,
  isObject,
  type OptionRule,
  oneOf,
  refuse,
  text,
} from './options.js'
import { formatDuration, formatSize, readDuration, readNumber, readSize } from './units.js'

/**
 * What happens when a consumer is slower than its producer: an answer's name, its compact text
 * (`'drop:newest:10000'`, see {@link formatOverflow}), or its long form.
 */
export type OverflowChoice = OverflowText | DropOverflow | BufferOverflow | BackpressureOverflow

/** A producer may also choose anew for every link, once, when the link opens. */
export type Overflow<Link = unknown> = OverflowChoice | ((link: Link) => OverflowChoice)

export type OverflowText =
  | 'drop'
  | 'buffer'
  | 'backpressure'
  | `drop:${string}`
  | `buffer:${string}`
  | `backpressure:${string}`

/** How much may wait; whichever of the two is reached first counts. */
export interface Limit {
  /** Messages, 1 to 1_000_000. @default 10_000, or 1_000_000 when only `bytes` is given */
  readonly messages?: number | undefined
  /** Bytes, from 1 to the bound of the memory. @default 16_777_216, or the bound where that is smaller */
  readonly bytes?: number | undefined
}

/** Some messages are left out, counted and announced. */
export interface DropOverflow {
  readonly policy: 'drop'
  /**
   * Which ones are kept. `newest`: the newest `limit`. `oldest`: what waits; newcomers are dropped until half of it has
   * left. `latest-per-topic`: of every topic its newest value, however many topics there are. @default 'newest'
   */
  readonly keep?: 'newest' | 'oldest' | 'latest-per-topic' | undefined
  readonly limit?: Limit | undefined
}

/** Everything is kept up to the limit. */
export interface BufferOverflow {
  readonly policy: 'buffer'
  readonly limit?: Limit | undefined
  /**
   * A directory for what exceeds the limit; producers only, with at least 4 MiB of `memory`. `then` counts once the disk is full or fails, and `send()`
   * waits for a disk that is slower than the sender. Nothing in it outlives the producer.
   */
  readonly spill?: string | undefined
  /**
   * At the limit: cut the link off, drop as `keep: 'newest'` does, or refuse the send for all (producers only).
   * @default 'disconnect'
   */
  readonly then?: 'disconnect' | 'drop' | 'refuse' | undefined
}

/** The sender waits while this link is at its limit. */
export interface BackpressureOverflow {
  readonly policy: 'backpressure'
  readonly limit?: Limit | undefined
  /**
   * Milliseconds, 1 to 86_400_000, before `then` happens: without any progress of the link, or since the send for
   * `reject`. Producers only. @default 5_000
   */
  readonly timeoutMs?: number | undefined
  /** Cut the link off, go on with it as `drop`, or reject the send for all. Producers only. @default 'disconnect' */
  readonly then?: 'disconnect' | 'drop' | 'reject' | undefined
}

/** A checked and complete answer. A consumer's backpressure has no deadline: its `timeoutMs` is `Infinity`. */
export type Policy =
  | { readonly policy: 'drop'; readonly keep: 'newest' | 'oldest' | 'latest-per-topic'; readonly limit: CompleteLimit }
  | {
      readonly policy: 'buffer'
      readonly limit: CompleteLimit
      readonly spill?: string
      readonly then: 'disconnect' | 'drop' | 'refuse'
    }
  | {
      readonly policy: 'backpressure'
      readonly limit: CompleteLimit
      readonly timeoutMs: number
      readonly then: 'disconnect' | 'drop' | 'reject'
    }

export interface CompleteLimit {
  readonly messages: number
  readonly bytes: number
}

export const DEFAULT_LIMIT: CompleteLimit = Object.freeze({ messages: 10_000, bytes: 16 * 1024 * 1024 })

const MOST_MESSAGES = 1_000_000
/** Below that, what is read from a disk would leave nothing of the memory for what grows in small steps. */
const LEAST_SPILLING_BYTES = 4 * 1024 * 1024
const LONGEST_MS = 86_400_000

/** Consumers never refuse a send and never cut off by time: who is slow there is the application itself. */
export type Side = 'producer' | 'consumer'

/** The compact forms. LIMIT is `10000`, `16MiB` or `10000,16MiB`; a field that is left empty has its default. */
const COMPACT = {
  producer: {
    drop: 'drop[:KEEP[:LIMIT]]',
    buffer: 'buffer[:LIMIT[:DIRECTORY][:THEN]]',
    backpressure: 'backpressure[:TIME[:THEN[:LIMIT]]]',
  },
  consumer: {
    drop: 'drop[:KEEP[:LIMIT]]',
    buffer: 'buffer[:LIMIT[:DIRECTORY][:THEN]]',
    backpressure: 'backpressure[:LIMIT]',
  },
} as const

/**
 * Checks and completes an answer to overflow. No limit may exceed `memoryBytes`; a default that would is lowered.
 *
 * @param name the option's, for the message
 * @throws {FanwireError} `BAD_OPTION`
 */
export function checkOverflow(value: unknown, side: Side, memoryBytes: number, name = 'overflow'): Policy {
  const form = typeof value === 'string' ? readOverflow(value, side, name) : value
  if (!isObject(form))
    return refuse(
      name,
      `${COMPACT[side].drop}, ${COMPACT[side].buffer}, ${COMPACT[side].backpressure} or an object`,
      value,
    )
  const limit = limitRule(memoryBytes)
  switch (oneOf(['drop', 'buffer', 'backpressure']).check(form.policy, `${name}.policy`)) {
    case 'drop': {
      const keep = oneOf(['newest', 'oldest', 'latest-per-topic'], 'newest')
      return group({ policy: oneOf(['drop'], 'drop'), keep, limit }).check(form, name)
    }
    case 'buffer': {
      const then = oneOf(side === 'producer' ? ['disconnect', 'drop', 'refuse'] : ['disconnect', 'drop'], 'disconnect')
      const spill = text(/^/, 'a directory')
      const table = group({ policy: oneOf(['buffer'], 'buffer'), limit, spill, then })
      const { spill: directory, ...policy } = table.check(form, name)
      if (directory === undefined) return Object.freeze(policy)
      if (side === 'consumer') {
        throw badOption(`${name}.spill cannot be used: only producers keep what waits on disk; leave the directory out`)
      }
      if (memoryBytes < LEAST_SPILLING_BYTES) {
        throw badOption(`${name}.spill needs memory.bytes of at least ${LEAST_SPILLING_BYTES}, got ${memoryBytes}`)
      }
      return Object.freeze({ ...policy, spill: directory })
    }
    default: {
      const policy = oneOf(['backpressure'], 'backpressure')
      if (side === 'consumer') {
        const then = 'disconnect'
        return Object.freeze({
          ...group({ policy, limit }).check(form, name),
          timeoutMs: Number.POSITIVE_INFINITY,
          then,
        })
      }
      const then = oneOf(['disconnect', 'drop', 'reject'], 'disconnect')
      return group({ policy, limit, timeoutMs: duration(1, LONGEST_MS, 5_000), then }).check(form, name)
    }
  }
}

/** What a peer asks for, where it is a producer's answer to overflow in its compact form; peers may say anything. */
export function readWish(want: string | undefined): OverflowText | undefined {
  try {
    if (want !== undefined) checkOverflow(want, 'producer', Number.POSITIVE_INFINITY)
    return want as OverflowText | undefined
  } catch {
    return undefined
  }
}

/** Writes a policy in its compact form, which {@link checkOverflow} reads back to the same policy: `drop:newest:500`. */
export function formatOverflow(policy: Policy, side: Side = 'producer'): string {
  const limit = formatLimit(policy.limit)
  switch (policy.policy) {
    case 'drop':
      return compact(['drop', policy.keep, limit])
    case 'buffer':
      return compact(['buffer', limit, policy.spill ?? '', policy.then === 'disconnect' ? '' : policy.then])
    case 'backpressure':
      if (side === 'consumer') return compact(['backpressure', limit])
      return compact(['backpressure', formatDuration(policy.timeoutMs), policy.then, limit])
  }
}

function readOverflow(given: string, side: Side, name: string): object {
  const [policy, ...fields] = given.split(':')
  const wrong = (form: string) => refuse(name, `written as ${form}`, given)
  const limit = (field: string | undefined, form: string) => (field ? { limit: readLimit(field) ?? wrong(form) } : {})
  switch (policy) {
    case 'drop': {
      const form = COMPACT[side].drop
      const [keep, size, ...more] = fields
      return more.length > 0 ? wrong(form) : { policy, ...(keep && { keep }), ...limit(size, form) }
    }
    case 'buffer': {
      const [size, ...rest] = fields
      const then = /^(disconnect|drop|refuse)$/.test(rest.at(-1) ?? '') ? rest.pop() : undefined
      const spill = rest.join(':')
      // Whoever means a directory called `refus` writes `./refus`.
      if (spill && !/[./\\]/.test(spill)) {
        if (then === undefined) return { policy, ...limit(size, COMPACT[side].buffer), then: spill }
        return wrong(`${COMPACT[side].buffer} with a DIRECTORY such as ./backlog`)
      }
      return { policy, ...limit(size, COMPACT[side].buffer), ...(spill && { spill }), ...(then && { then }) }
    }
    case 'backpressure': {
      const form = COMPACT[side].backpressure
      const [time, then, size, ...more] = side === 'consumer' ? [undefined, undefined, ...fields] : fields
      if (more.length > 0) return wrong(form)
      // A bare number would be taken for seconds by some and for milliseconds by others.
      const timeoutMs = time && (/[a-z]$/.test(time) ? readDuration(time) : undefined)
      if (time && timeoutMs === undefined) return wrong(`${form} with a TIME such as 5s`)
      return { policy, ...(time && { timeoutMs }), ...(then && { then }), ...limit(size, form) }
    }
    default: {
      const { drop, buffer, backpressure } = COMPACT[side]
      return refuse(name, `written as ${drop}, ${buffer} or ${backpressure}`, given)
    }
  }
}

function limitRule(memoryBytes: number): OptionRule<CompleteLimit> {
  const fallback = Object.freeze({ ...DEFAULT_LIMIT, bytes: Math.min(DEFAULT_LIMIT.bytes, memoryBytes) })
  const table = group({ messages: integer(1, MOST_MESSAGES), bytes: bytes(1, memoryBytes) })
  return {
    fallback,
    check(value, name) {
      const given = table.check(value, name)
      // Who says "64 MiB" means it, however small the messages are.
      const messages = given.messages ?? (given.bytes === undefined ? fallback.messages : MOST_MESSAGES)
      return Object.freeze({ messages, bytes: given.bytes ?? fallback.bytes })
    },
  }
}

/** `10000`, `16MiB` or `10000,16MiB`: a bare number counts messages; a size has its unit, or stands second. */
export function readLimit(field: string): Limit | undefined {
  const [, count = '', size = ''] = /^(?:([\d_]+)(?:,|$))?(.*)$/.exec(field) ?? []
  const messages = readNumber(count)
  const most = readSize(size)
  if ((count && messages === undefined) || (size && most === undefined)) return undefined
  return { ...(messages !== undefined && { messages }), ...(most !== undefined && { bytes: most }) }
}

function formatLimit({ messages, bytes: size }: CompleteLimit): string {
  if (messages === MOST_MESSAGES) return formatSize(size)
  if (size !== DEFAULT_LIMIT.bytes) return `${messages},${formatSize(size)}`
  return messages === DEFAULT_LIMIT.messages ? '' : String(messages)
}

function compact(fields: readonly string[]): string {
  return fields.join(':').replace(/:+$/, '')
}
