import { parseArgs } from 'node:util'
import { sample } from 'fanwire/itch'

export interface Options {
  readonly file: string
  /** How often the file is published. */
  readonly repeat: number
  /** Messages of the file a second; `Infinity` for as fast as it goes. */
  readonly speed: number
  /** What happens to datagrams on their way, in the words of fanwire's option `impair`. */
  readonly impair: string
  /** Lines of its own for each receiver, in place of multicast. */
  readonly unicast: boolean
  readonly headless: boolean
  readonly help: boolean
}

/** What was typed makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const usage = `Usage: npm start -- [options]

Publishes a day of the stock market over two lossy multicast lines on loopback to three viewers and a relay, and by the
relay over TCP to five more, each with its own answer to being slow.

Options:
  --repeat N      publish the file N times, 1 to 10000 (default 40)
  --speed N       messages of the file a second, 1 to 10000000, or max (default 40000)
  --loss SHARE    of the datagrams of each line are lost, 0 to 0.5, or as 5% (default 5%)
  --seed N        which of them: the same ones whenever N is the same, 0 to 4294967295 (default 1)
  --unicast       lines of its own for each receiver, where multicast does not work
  --file PATH     another file of Nasdaq TotalView-ITCH 5.0 in BinaryFILE framing
  --headless      show nothing; print one line of JSON at the end, as at the end of every run
  --help          print this

The exit code is 0 when every ledger balances, both sides agree and the complete books are right; 1 when something is
wrong; 2 when an option is.
`

/** @throws {UsageError} naming the option and what it takes */
export function readOptions(args: readonly string[]): Options {
  const { repeat, speed, file, loss, seed, unicast, headless, help } = parse(args)
  if (file === '') throw new UsageError('--file must name a file')
  return {
    file: file ?? sample,
    repeat: readInteger('--repeat', repeat, 1, 10_000) ?? 40,
    speed:
      speed === 'max' ? Number.POSITIVE_INFINITY : (readInteger('--speed', speed, 1, 10_000_000, ', or max') ?? 40_000),
    impair: `loss=${readShare('--loss', loss) ?? 0.05},duplicate=2%,reorder=2%,seed=${readInteger('--seed', seed, 0, 2 ** 32 - 1) ?? 1}`,
    unicast: unicast ?? false,
    headless: headless ?? false,
    help: help ?? false,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        repeat: { type: 'string' },
        speed: { type: 'string' },
        file: { type: 'string' },
        loss: { type: 'string' },
        seed: { type: 'string' },
        unicast: { type: 'boolean' },
        headless: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    // The platform goes on about words that begin with a dash.
    const [sentence = ''] = (error as Error).message.split(/\.?(?:\s*\n|\. )/)
    throw new UsageError(sentence)
  }
}

function readInteger(name: string, text: string | undefined, least: number, most: number, or = ''): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`${name} must be an integer from ${least} to ${most}${or}, got ${JSON.stringify(text)}`)
}

function readShare(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? []
  const value = Number(digits) / (percent === '%' ? 100 : 1)
  if (value <= 0.5) return value
  throw new UsageError(`${name} must be a share from 0 to 0.5, or up to 50%, got ${JSON.stringify(text)}`)
}
