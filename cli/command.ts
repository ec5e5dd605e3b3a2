import { parseArgs } from 'node:util'
import { boolean, checkOptions, type OptionRule, type OptionsOf } from '../lib/options.js'

/** One flag of a command: how it reads on the command line and in the help. */
export interface Flag<T = unknown> {
  /** Stands for the value in the help; absent where the flag itself says it all. */
  readonly value?: string
  readonly help: string
  readonly rule: OptionRule<T>
  /** May be given several times; the rule takes an array of texts. */
  readonly many?: boolean
}

export type Flags = Readonly<Record<string, Flag>>

export type ValuesOf<Table extends Flags> = OptionsOf<{ readonly [Name in keyof Table]: Table[Name]['rule'] }>

/** One subcommand of `fanwire`. */
export interface Command<Table extends Flags = Flags> {
  readonly name: string
  /** The words behind the name. */
  readonly usage: string
  /** What it does, in a sentence. */
  readonly summary: string
  readonly details?: string
  readonly flags: Table
  /** Complete lines for a shell, each with what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[]
  /** Settles when there is nothing more to do, and soon after `stop` is aborted. */
  run(words: readonly string[], flags: ValuesOf<Table>, stop: AbortSignal): Promise<void>
}

/** What was typed makes no sense: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What every command takes. */
export const common = {
  help: toggle('print this'),
  debug: toggle('show where an error comes from'),
}

/** A flag without a value. */
export function toggle(help: string): Flag<boolean> {
  return { help, rule: boolean(false) }
}

/** Types a command by its own flags. */
export function command<const Table extends Flags>(definition: Command<Table>): Command {
  return definition as unknown as Command
}

/** Reads what stands behind a command's name. */
export function readArguments<Table extends Flags>(
  name: string,
  table: Table,
  args: readonly string[],
): { readonly words: readonly string[]; readonly values: ValuesOf<Table> } {
  const flags = Object.entries(table)
  const { positionals, values } = parse(
    args,
    flags.map(([flag, { value, many }]) => [
      flag,
      { type: value === undefined ? 'boolean' : 'string', multiple: many === true } as const,
    ]),
  )
  // Under their full names, so that a refusal speaks of what was typed.
  const rules = Object.fromEntries(flags.map(([flag, { rule }]) => [`--${flag}`, rule]))
  const given: Record<string, unknown> = {}
  const texts = new Map<string, string>()
  for (const [flag, value] of Object.entries(values)) {
    if (typeof value === 'string') texts.set(`--${flag}`, value)
    else given[`--${flag}`] = value
  }
  const checked = checkOptions(rules, given, texts, `fanwire ${name}`)
  return {
    words: positionals,
    values: Object.fromEntries(flags.map(([flag]) => [flag, checked[`--${flag}`]])) as ValuesOf<Table>,
  }
}

function parse(
  args: readonly string[],
  options: readonly (readonly [string, { type: 'boolean' | 'string'; multiple: boolean }])[],
) {
  try {
    return parseArgs({ args: [...args], options: Object.fromEntries(options), allowPositionals: true })
  } catch (error) {
    const { message } = error as Error
    const [, flag] = /^Option '([^']+)' argument is ambiguous/.exec(message) ?? []
    if (flag !== undefined) throw new UsageError(`${flag} has no value; one that begins with a dash: ${flag}=-VALUE`)
    // The platform goes on about words that begin with a dash.
    const [sentence] = message.split('. ')
    throw new UsageError(sentence)
  }
}

/** The text of `fanwire NAME --help`. */
export function helpOf({ name, usage, summary, details, flags, examples }: Command): string {
  const entries = Object.entries({ ...flags, ...common }).map(
    ([flag, { value, help }]) => [value === undefined ? `--${flag}` : `--${flag} ${value}`, help] as const,
  )
  const lines = [
    `Usage: fanwire ${name} ${usage}`,
    '',
    summary,
    ...(details === undefined ? [] : [details]),
    '',
    'Options:',
    ...columns(entries),
    '',
    'Examples:',
    ...examples.flatMap(([line, what]) => [`  # ${what}`, `  ${line}`]),
  ]
  return `${lines.join('\n')}\n`
}

export function columns(entries: readonly (readonly [left: string, right: string])[]): string[] {
  const width = Math.max(...entries.map(([left]) => left.length))
  return entries.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
