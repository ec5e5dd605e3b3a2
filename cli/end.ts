import { oneOf, text } from '../lib/options.js'
import { type Flags, toggle, UsageError } from './command.js'

/** The flags of whatever sends or receives. */
export const endFlags = {
  overflow: {
    value: 'POLICY',
    help: 'drop:newest:10000, buffer:64MiB or backpressure, for one that is too slow',
    rule: text(/^/, 'text'),
  },
  body: { value: 'FORM', help: 'topic or raw, where the wire has no place for topics', rule: oneOf(['topic', 'raw']) },
  listen: toggle('wait to be called'),
  dial: toggle('call the other end'),
  stats: toggle('print the ledger at the end, as a line of JSON on stderr'),
} satisfies Flags

interface EndValues {
  readonly overflow: string | undefined
  readonly body: string | undefined
  readonly listen: boolean
  readonly dial: boolean
}

/** What the flags say in the words of the API; what is not given is not there. */
export function endOptions({ overflow, body, listen, dial }: EndValues): Record<string, unknown> {
  if (listen && dial) throw new UsageError('--listen and --dial exclude each other')
  return { overflow, body, role: listen ? 'listen' : dial ? 'dial' : undefined }
}

/** Tells an address that nobody could know: the system chose the port. */
export function tellChosenPorts(given: readonly string[], urls: readonly string[]): void {
  if (given.some((url) => /:0(\/|\?|$)/.test(url))) note(`listening on ${urls.join(' ')}`)
}

let last = ''

/** A line on stderr; the same one not twice in a row, as dialling an absent peer would say it. */
export function note(line: string): void {
  if (line === last) return
  last = line
  process.stderr.write(`fanwire: ${line}\n`)
}

export function printStats(stats: unknown): void {
  process.stderr.write(`${JSON.stringify(stats)}\n`)
}
