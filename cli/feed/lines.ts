import { type Address, parseAddress } from '../../lib/address.js'
import { checkImpairment } from '../../lib/impairment.js'
import { integer, oneOf, text } from '../../lib/options.js'
import { type Flags, UsageError } from '../command.js'

/** Two groups of the range that organizations may use as they like, each on a port of its own. */
const LINES = ['multicast://239.192.26.1:26401', 'multicast://239.192.26.2:26402']
const LOOPBACK = '127.0.0.1'

/** The flags of both ends of a feed. */
export const lineFlags = {
  interface: {
    value: 'NAME',
    help: `the interface of multicast lines, by name or address (${LOOPBACK}: this machine alone)`,
    rule: text(/^\S+$/, "an interface's name or address, such as 'eth0'"),
  },
  requests: {
    value: 'ADDRESS',
    help: 'where lost messages are asked for (127.0.0.1:26400), or off',
    rule: text(/^/, 'text', { fallback: '127.0.0.1:26400' }),
  },
  impair: {
    value: 'TEXT',
    help: 'what happens to datagrams here, on purpose: loss=5%,duplicate=1%,reorder=2%,delay=0..3ms',
    rule: text(/./, 'text'),
  },
  seed: {
    value: 'N',
    help: 'which of them it happens to: the same ones for the same N (1)',
    rule: integer(0, 2 ** 32 - 1),
  },
} satisfies Flags

export const fromFlag = {
  value: 'WHERE',
  help: 'oldest (as without it where there are requests): what the publisher still has comes first; or now',
  rule: oneOf(['oldest', 'now']),
} as const

interface LineValues {
  readonly interface: string | undefined
  readonly requests: string
  readonly impair: string | undefined
  readonly seed: number | undefined
}

/** The addresses of the lines, and what flags say of them in the words of the API. */
export function readLines(words: readonly string[], { requests, impair, seed, ...flags }: LineValues) {
  const urls = words.length === 0 ? LINES : words
  const addresses = urls.map(readLine)
  if (seed !== undefined && impair === undefined) throw new UsageError('--seed decides nothing without --impair')
  const harm = seed === undefined ? impair : `${impair},seed=${seed}`
  if (harm !== undefined) checkImpairment(harm, '--impair')
  const isNamed = addresses.some(({ query }) => query.has('interface'))
  const needsInterface = addresses.some(({ scheme }) => scheme === 'multicast') && !isNamed
  return {
    urls,
    options: {
      body: 'raw',
      interface: flags.interface ?? (needsInterface ? LOOPBACK : undefined),
      requests: requests === 'off' ? undefined : requests,
      impair: harm,
    },
  }
}

/** @throws {UsageError} for what carries no numbers of its own */
function readLine(word: string): Address {
  const address = parseAddress(word)
  const { scheme } = address
  if (scheme === 'multicast' || scheme === 'udp') return address
  throw new UsageError(`a feed has lines such as multicast://239.1.2.3:5555 or udp://127.0.0.1:5555, got ${word}`)
}
