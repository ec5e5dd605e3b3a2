import { parseArgs } from 'node:util'
import { sample } from 'fanwire/itch'

export interface Options {
  readonly file: string
  /** How often the file is published. */
  readonly repeat: number
  /** Messages of the file a second; `Infinity` for as fast as it goes. */
  readonly speed: number
  readonly headless: boolean
  readonly help: boolean
}

/** What was typed makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const usage = `Usage: npm start -- [options]

Publishes a day of the stock market from one process to five others, each with its own answer to being slow.

Options:
  --repeat N      publish the file N times, 1 to 10000 (default 40)
  --speed N       messages of the file a second, 1 to 10000000, or max (default 40000)
  --file PATH     another file of Nasdaq TotalView-ITCH 5.0 in BinaryFILE framing
  --headless      show nothing; print one line of JSON at the end, as at the end of every run
  --help          print this

The exit code is 0 when every ledger balances, both sides agree and the complete books are right; 1 when something is
wrong; 2 when an option is.
`

/** @throws {UsageError} naming the option and what it takes */
export function readOptions(args: readonly string[]): Options {
  const { repeat, speed, file, headless, help } = parse(args)
  if (file === '') throw new UsageError('--file must name a file')
  return {
    file: file ?? sample,
    repeat: readInteger('--repeat', repeat, 10_000) ?? 40,
    speed:
      speed === 'max' ? Number.POSITIVE_INFINITY : (readInteger('--speed', speed, 10_000_000, ', or max') ?? 40_000),
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

function readInteger(name: string, text: string | undefined, most: number, or = ''): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d+$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= most) return value
  throw new UsageError(`${name} must be an integer from 1 to ${most}${or}, got ${JSON.stringify(text)}`)
}
