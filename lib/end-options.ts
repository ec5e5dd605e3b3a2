import type { Address } from './address.js'
import type { Codec } from './codec.js'
import {
  badOption,
  bytes,
  checkNames,
  checkOptions,
  isObject,
  type OptionRule,
  type OptionsOf,
  type OptionTable,
  oneOf,
  refuse,
  signal,
  text,
} from './options.js'
import type { Transport } from './transport.js'

/** What producers and consumers have in common. */
export const endOptions = {
  role: oneOf(['listen', 'dial']),
  codec: shaped<Codec<never>>('a codec', ['encode', 'decode']),
  signal: signal(),
  transport: transports(),
  maxMessageBytes: bytes(1, 2 ** 31, 16 * 1024 * 1024),
  pattern: oneOf(['publish', 'share'], 'publish'),
}

/**
 * What the transport of `Url` takes on its own: `Own` lists it by scheme. Where types do not know the URL it is what any
 * of them takes, and where they do not know its scheme anything; the door finds out then.
 */
export type OptionsFor<Url extends string, Own> = string extends Url
  ? Own[keyof Own]
  : SchemeOf<Url> extends keyof Own
    ? Own[SchemeOf<Url>]
    : Readonly<Record<string, unknown>>

type SchemeOf<Url extends string> = Url extends `${infer Scheme}:${string}` ? Lowercase<Scheme> : string

/** The form of stream names and consumer ids. */
export function tenCharacters(): OptionRule<string | undefined> {
  return text(/^[0-9A-Z]{10}$/, '10 characters of 0-9 and A-Z')
}

/**
 * Checks what an end is given in its options and in the queries of its addresses: every name must mean something to
 * every end (`common`) or to at least one of the transports.
 *
 * @returns for each transport the common options, and in `own` those of its own table
 * @throws {FanwireError} `BAD_OPTION`
 */
export function checkEndOptions<Common extends OptionTable>(
  kind: 'producer' | 'consumer',
  common: Common,
  given: object | undefined,
  addresses: readonly Address[],
  transports: readonly Transport[],
): { readonly common: OptionsOf<Common>; readonly own: Readonly<Record<string, unknown>> }[] {
  if (given !== undefined && !isObject(given)) return refuse(`the options of ${kind}s`, 'an object', given)
  const schemes = [...new Set(addresses.map(({ scheme }) => scheme))]
  const what = `${kind}s over ${schemes.join(' and ')}`
  const query = joinQueries(addresses)
  const options = Object.entries(given ?? {}).filter(([, value]) => value !== undefined)
  const known = Object.assign({}, common, ...transports.map((transport) => ownTable(transport, kind)))
  checkNames([...query.keys(), ...options.map(([name]) => name)], known, what)
  return transports.map((transport) => {
    const own = ownTable(transport, kind)
    const table: OptionTable = { ...common, ...own }
    const isKnown = ([name]: readonly [string, unknown]) => Object.hasOwn(table, name)
    const complete = checkOptions(
      table,
      Object.fromEntries(options.filter(isKnown)),
      new Map([...query].filter(isKnown)),
      what,
    )
    return { common: pick(complete, common) as OptionsOf<Common>, own: pick(complete, own) }
  })
}

function ownTable(transport: Transport, kind: 'producer' | 'consumer'): OptionTable {
  return { ...transport.options, ...(kind === 'producer' ? transport.producerOptions : transport.consumerOptions) }
}

/** Several addresses make one end, so that what one of them says holds for all. */
function joinQueries(addresses: readonly Address[]): ReadonlyMap<string, string> {
  const joined = new Map<string, string>()
  for (const { query } of addresses) {
    for (const [name, value] of query) {
      if ((joined.get(name) ?? value) !== value) {
        throw badOption(`${name} differs between the URLs; they make one end, so give it once`)
      }
      joined.set(name, value)
    }
  }
  return joined
}

function pick(options: Readonly<Record<string, unknown>>, table: OptionTable): Readonly<Record<string, unknown>> {
  return Object.freeze(Object.fromEntries(Object.keys(table).map((name) => [name, options[name]])))
}

/** An object that has certain methods, whatever its class. */
function shaped<T>(expected: string, methods: readonly string[]): OptionRule<T | undefined> {
  const check = (value: unknown, name: string) =>
    isObject(value) && methods.every((method) => typeof value[method] === 'function')
      ? (value as T)
      : refuse(name, `${expected}, an object with ${methods.join('() and ')}()`, value)
  return { fallback: undefined, check }
}

function transports(): OptionRule<readonly Transport[]> {
  const one = shaped<Transport>('a transport', ['produce', 'consume'])
  return {
    fallback: Object.freeze([]),
    check(value, name) {
      const given: readonly unknown[] = Array.isArray(value) ? value : [value]
      return Object.freeze(given.map((each) => one.check(each, name) as Transport))
    },
  }
}
