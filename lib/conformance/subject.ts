import type { Consumer } from '../consumer.js'
import type { ConsumerOptions } from '../consumer-options.js'
import type { Producer } from '../producer.js'
import type { ProducerOptions } from '../producer-options.js'
import type { Traits, Transport } from '../transport.js'

/** What the suite takes from its caller, so that it runs under any test runner, and wherever fanwire runs. */
export interface Kit {
  /** Registers a test: `test` of node:test, tap, or anything that takes a name, options and an asynchronous function. */
  readonly test: (
    name: string,
    options: { readonly skip: string | false; readonly timeout: number },
    body: () => Promise<void>,
  ) => unknown
  /** Strict assertions: `node:assert/strict`, chai's `assert`. */
  readonly assert: Assert
  readonly createProducer: (url: string | readonly string[], options: ProducerOptions) => Promise<Producer>
  readonly createConsumer: (url: string | readonly string[], options: ConsumerOptions) => Promise<Consumer>
}

export interface Assert {
  ok(value: unknown, message?: string): void
  equal(actual: unknown, expected: unknown, message?: string): void
  deepEqual(actual: unknown, expected: unknown, message?: string): void
}

export type EndKind = 'producer' | 'consumer'

/** The transport that is tested. */
export interface Subject {
  readonly transport: Transport
  /** An address to listen on that nobody uses: port 0, a name or a path that was never used. */
  readonly freshUrl: () => string
  /** Options of the transport's own, for all ends: short pauses before it dials again make the suite quick. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
  /** Who can listen. @default both */
  readonly listeners?: readonly EndKind[] | undefined
  /** Several may listen on one address, as on a multicast group. @default false */
  readonly shared?: boolean | undefined
  /** Data may be any bytes; `false` where line breaks end a message. @default true */
  readonly binary?: boolean | undefined
  /** The tests whose course is left to chance run once for each of these numbers. @default [1, 2, 3, 4, 5] */
  readonly seeds?: readonly number[] | undefined
}

/** What a test needs of a transport: it is skipped where one of these traits has another value. */
export type Needs = { readonly [Trait in keyof Traits]?: Traits[Trait] } & {
  /** Only one of the two ways to link makes sense. */
  readonly listens?: EndKind
  /** An address belongs to whoever listens there first. */
  readonly exclusive?: true
}

/** Why a test does not apply; `false` when it does. */
export function reasonToSkip(
  { listens: _, exclusive, ...needs }: Needs,
  { transport: { traits }, shared = false }: Subject,
): string | false {
  if (exclusive && shared) return 'several may listen on one address'
  for (const [trait, needed] of Object.entries(needs)) {
    const has = traits[trait as keyof Traits]
    if (has === needed) continue
    if (typeof needed !== 'boolean') return `${trait} is ${has}, not ${needed}`
    return needed ? `${trait} is not promised` : `${trait} is promised`
  }
  return false
}
