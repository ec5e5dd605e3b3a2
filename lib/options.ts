import { FanwireError } from './errors.js'
import { readDuration, readNumber, readRate, readSize } from './units.js'

/**
 * What one option may be. Options are checked once, at the door: behind it every one has a value of the right kind, and
 * nobody asks again.
 */
export interface OptionRule<T = unknown> {
  /** The value of an option that is not given. */
  readonly fallback: T
  /** Returns the complete value, or throws through {@link refuse}. `name` is the option's, for the message. */
  check(value: unknown, name: string): T
  /**
   * Turns the text of a URL's query into what {@link check} takes; text that it cannot read it returns as it is, so that
   * `check` shows it. Absent where no text can stand for the value: functions, signals, codecs.
   */
  read?(text: string): unknown
}

/** Rules by the name of their option. */
export type OptionTable = Readonly<Record<string, OptionRule>>

/** The complete options that a table describes. */
export type OptionsOf<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends OptionRule<infer T> ? T : never
}

/**
 * Checks options against their table and completes them. `what` says whose they are, for the message about an option
 * that is not in the table: "producers over tcp".
 *
 * @returns a new frozen object with a value for every name of the table
 * @throws {FanwireError} `BAD_OPTION`, naming option, rule and value
 */
export function checkOptions<Table extends OptionTable>(
  table: Table,
  given: object | undefined,
  query: ReadonlyMap<string, string> | undefined,
  what: string,
): OptionsOf<Table> {
  if (given !== undefined && (typeof given !== 'object' || given === null))
    refuse(`the options of ${what}`, 'an object', given)
  // JavaScript callers pass `{ codec: undefined }` and mean that they give none.
  const values = new Map<string, unknown>(Object.entries(given ?? {}).filter(([, value]) => value !== undefined))
  checkNames([...values.keys(), ...(query?.keys() ?? [])], table, what)
  for (const [name, text] of query ?? []) {
    const read = table[name]?.read
    if (read === undefined) throw badOption(`${name} cannot be given in a URL; pass it as an option`)
    if (values.has(name)) throw badOption(`${name} is given both in the URL and as an option; give it once`)
    values.set(name, read(text))
  }
  const complete = Object.entries(table).map(([name, rule]) => [
    name,
    values.has(name) ? rule.check(values.get(name), name) : rule.fallback,
  ])
  return Object.freeze(Object.fromEntries(complete))
}

/** @throws {FanwireError} `BAD_OPTION` for a name that the table does not have, with the one that was probably meant */
export function checkNames(names: readonly string[], table: OptionTable, what: string): void {
  for (const name of names) if (!Object.hasOwn(table, name)) throw unknownOption(name, Object.keys(table), what)
}

/** A number from `min` to `max`. Without a fallback it may be left out. */
type NumericRule = <Fallback extends number | undefined = undefined>(
  min: number,
  max: number,
  fallback?: Fallback,
) => OptionRule<number | Fallback>

/** A whole number. */
export const integer = numeric('an integer', '', Number.isSafeInteger, readNumber)

/** A number, whole or not. */
export const number = numeric('a number', '', Number.isFinite, readNumber)

/** A whole number of bytes; `64MiB` in a URL. */
export const bytes = numeric('an integer', ' (bytes)', Number.isSafeInteger, readSize)

/** Milliseconds, for options whose name ends with `Ms`; `5s` in a URL. */
export const duration = numeric('a number', ' (milliseconds)', Number.isFinite, readDuration)

const plainRate = numeric('a number', " (bytes per second) or text such as '50MB/s'", Number.isFinite, readRate)

/** Bytes per second; `50MB/s` or `400Mbit/s` as text, in a URL or not. */
export function rate<Fallback extends number | undefined = undefined>(
  min: number,
  max: number,
  fallback?: Fallback,
): OptionRule<number | Fallback> {
  const plain = plainRate(min, max, fallback)
  const check = (value: unknown, name: string) =>
    plain.check(typeof value === 'string' ? (readRate(value) ?? value) : value, name)
  return { fallback: plain.fallback, check, read: asItIs }
}

/** `?name`, `?name=true` or `?name=false` in a URL. */
export function boolean<Fallback extends boolean | undefined = undefined>(
  fallback?: Fallback,
): OptionRule<boolean | Fallback> {
  const words = new Map<string, unknown>([
    ['', true],
    ['true', true],
    ['false', false],
  ])
  const check = (value: unknown, name: string) =>
    typeof value === 'boolean' ? value : refuse(name, 'true or false', value)
  return { fallback: fallback as Fallback, check, read: (text) => words.get(text) ?? text }
}

/** One of a few words. */
export function oneOf<const Word extends string, Fallback extends Word | undefined = undefined>(
  words: readonly Word[],
  fallback?: Fallback,
): OptionRule<Word | Fallback> {
  const expected = `one of ${words.map((word) => `'${word}'`).join(', ')}`
  const check = (value: unknown, name: string) => words.find((word) => word === value) ?? refuse(name, expected, value)
  return { fallback: fallback as Fallback, check, read: asItIs }
}

/** Text that matches `pattern`; `expected` says in words what that is. A secret is never shown in a message. */
export function text<Fallback extends string | undefined = undefined>(
  pattern: RegExp,
  expected: string,
  { fallback, secret = false }: { fallback?: Fallback; secret?: boolean } = {},
): OptionRule<string | Fallback> {
  const check = (value: unknown, name: string) =>
    typeof value === 'string' && pattern.test(value) ? value : refuse(name, expected, value, secret)
  return { fallback: fallback as Fallback, check, read: asItIs }
}

/** A function; it cannot come from a URL. */
export function callback<T extends (...values: never[]) => unknown>(): OptionRule<T | undefined> {
  const check = (value: unknown, name: string) =>
    typeof value === 'function' ? (value as T) : refuse(name, 'a function', value)
  return { fallback: undefined, check }
}

/** An `AbortSignal`; it cannot come from a URL. */
export function signal(): OptionRule<AbortSignal | undefined> {
  // By its shape: signals of another realm, as test runners and browsers' frames have them, are as good.
  const check = (value: unknown, name: string) =>
    isObject(value) && typeof value.aborted === 'boolean' && typeof value.addEventListener === 'function'
      ? (value as unknown as AbortSignal)
      : refuse(name, 'an AbortSignal', value)
  return { fallback: undefined, check }
}

/** An object with options of its own, named `outer.inner` in messages. `read` lets a short text stand for it. */
export function group<Table extends OptionTable>(
  table: Table,
  read?: (text: string) => unknown,
): OptionRule<OptionsOf<Table>> {
  const check = (value: unknown, name: string): OptionsOf<Table> => {
    if (!isObject(value)) return refuse(name, `an object with ${listed(Object.keys(table))}`, value)
    const prefixed = (entries: readonly [string, unknown][]) => entries.map(([key, rest]) => [`${name}.${key}`, rest])
    // Checked under their full names, so that one routine words every message.
    const complete = checkOptions(
      Object.fromEntries(prefixed(Object.entries(table))) as OptionTable,
      Object.fromEntries(prefixed(Object.entries(value))),
      undefined,
      name,
    )
    return Object.freeze(
      Object.fromEntries(Object.keys(table).map((key) => [key, complete[`${name}.${key}`]])),
    ) as OptionsOf<Table>
  }
  const fallback = checkOptions(table, undefined, undefined, '')
  return { fallback, check, ...(read && { read }) }
}

/** Throws the one sentence that every refused value gets: "limit.messages must be an integer from 1 to 10, got 0". */
export function refuse(name: string, expected: string, value: unknown, secret = false): never {
  throw badOption(`${name} must be ${expected}, got ${secret ? 'another value, not shown here' : show(value)}`)
}

export function badOption(message: string): FanwireError {
  return new FanwireError('BAD_OPTION', message)
}

function numeric(
  kind: string,
  unit: string,
  isKind: (value: unknown) => boolean,
  read: (text: string) => number | undefined,
): NumericRule {
  return <Fallback extends number | undefined>(min: number, max: number, fallback?: Fallback) => {
    const expected = `${kind} ${range(min, max)}${unit}`
    const check = (value: unknown, name: string) =>
      typeof value === 'number' && isKind(value) && value >= min && value <= max ? value : refuse(name, expected, value)
    return { fallback: fallback as Fallback, check, read: (given) => read(given) ?? given }
  }
}

function range(min: number, max: number): string {
  return max >= Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
}

function asItIs(given: string): string {
  return given
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `'${value.slice(0, 60)}…'` : `'${value}'`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  // `String` and not a template, which throws for symbols.
  return typeof value === 'function' ? 'a function' : String(value)
}

function unknownOption(name: string, known: readonly string[], what: string): FanwireError {
  const nearest = findNearest(name, known)
  const hint = nearest === undefined ? `known are ${listed(known)}` : `did you mean ${nearest}?`
  return badOption(`${name} is not an option of ${what}; ${hint}`)
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? 'none') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** The name that is reached with the fewest slips, unless it takes so many that it would be a guess. */
function findNearest(name: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined
  let fewest = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < fewest) {
      nearest = candidate
      fewest = distance
    }
  }
  return nearest
}

/** Levenshtein's distance, by rows: how many letters to change, add or leave out. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(changed, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    above = row
  }
  return above[b.length] ?? 0
}
