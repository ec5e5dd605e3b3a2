import {
  badOption,
  duration,
  group,
  integer,
  isObject,
  number,
  type OptionRule,
  type OptionTable,
  refuse,
} from './options.js'
import type { Platform, Timer } from './platform.js'
import { readDuration, readNumber } from './units.js'

/**
 * What a bad network does to datagrams, on purpose and repeatably: with the same seed the same datagram meets the same
 * fate, whatever the other options are. In short `'loss=5%,duplicate=1%,reorder=2%,delay=0..3ms,seed=7'`: the
 * names below, `delay` for `delayMs`, and `silence=2s..3s` or `silence=2s..3s/10s` for a silence that comes again.
 */
export interface ImpairmentOptions {
  /** Which of 2^32 fates; lines that must fail independently need different seeds. @default 1 */
  readonly seed?: number | undefined
  /** The share of datagrams that never arrive, 0 to 1. @default 0 */
  readonly loss?: number | undefined
  /** Every so-manieth datagram is lost, 2 to 1_000_000_000: an exact loss, where {@link loss} is a random one. @default none */
  readonly lossEvery?: number | undefined
  /** The share of datagrams that arrive twice, 0 to 1. @default 0 */
  readonly duplicate?: number | undefined
  /** The share of datagrams (and of second copies) that later ones overtake, 0 to 1. @default 0 */
  readonly reorder?: number | undefined
  /** By how many later datagrams one is overtaken at most, 1 to 1_000. @default 3 */
  readonly reorderDepth?: number | undefined
  /** When nobody comes to overtake, a datagram goes on after this many milliseconds, 0 to 60_000. @default 20 */
  readonly reorderMs?: number | undefined
  /** How long each datagram takes, from 0 to 60_000 milliseconds. Delay alone keeps their order. @default 0 */
  readonly delayMs?: number | { readonly min: number; readonly max: number } | undefined
  /** Nothing arrives from `fromMs` until `toMs` after the opening, and again every `everyMs` where that is given. */
  readonly silence?:
    | { readonly fromMs?: number | undefined; readonly toMs: number; readonly everyMs?: number | undefined }
    | undefined
}

/** One copy of a datagram on its way. */
export interface Passage {
  readonly delayMs: number
  /** How many later datagrams go first. */
  readonly overtakenBy: number
}

/** What becomes of one datagram: a passage for every copy that arrives, so none when it is lost. */
export type Fate = readonly Passage[]

/** Checked options, or a function of one's own that decides over the `index`-th datagram, counted from 0. */
export type Impairment = CheckedImpairment | ((index: number) => Fate)

type Chance = 'seed' | 'loss' | 'duplicate' | 'reorder' | 'reorderDepth' | 'reorderMs'

export interface CheckedImpairment extends Readonly<Record<Chance, number>> {
  readonly lossEvery: number | undefined
  readonly delayMs: { readonly min: number; readonly max: number }
  readonly silence: { readonly fromMs: number; readonly toMs: number; readonly everyMs: number | undefined } | undefined
}

export interface ImpairmentCounts {
  /** Datagrams that came in. */
  readonly offered: number
  /** Datagrams whose fate was to be lost. */
  readonly lost: number
  /** Datagrams that fell into a silence. */
  readonly silenced: number
  /** Second copies. */
  readonly duplicated: number
  /** Datagrams and copies that let others go first, or were meant to. */
  readonly reordered: number
  /** Datagrams and copies that went on. `offered + duplicated = lost + silenced + passed + waiting`. */
  readonly passed: number
  /** Datagrams and copies that are held back at the moment. */
  readonly waiting: number
}

interface Waiting<T> {
  readonly datagram: T
  readonly index: number
  /** When it goes on, at the latest. */
  readonly at: number
}

export const LOST: Fate = Object.freeze([])
export const UNHARMED: Fate = Object.freeze([Object.freeze({ delayMs: 0, overtakenBy: 0 })])

const LONGEST_MS = 60_000
const DAY_MS = 86_400_000
/** By this time a datagram of a function's own fate goes on even if nobody overtakes it. */
const PATIENCE_MS = 20

/** Numbers what is drawn for a datagram, so that one draw does not depend on whether another is made. */
const DRAW = { loss: 0, duplicate: 1, first: 2, second: 5 } as const

const probability = number(0, 1, 0)
const anyDelay = group({ min: duration(0, LONGEST_MS, 0), max: duration(0, LONGEST_MS, 0) })
const anySilence = group({
  fromMs: duration(0, DAY_MS, 0),
  toMs: duration(0, DAY_MS),
  everyMs: duration(1, DAY_MS),
})

const table = {
  seed: integer(0, 2 ** 32 - 1, 1),
  loss: probability,
  lossEvery: integer(2, 1_000_000_000),
  duplicate: probability,
  reorder: probability,
  reorderDepth: integer(1, 1_000, 3),
  reorderMs: duration(0, LONGEST_MS, 20),
  delayMs: delayRule(),
  silence: silenceRule(),
} satisfies OptionTable

const options = group(table)

/** How the short text names and writes each option. */
const SHORT: ReadonlyMap<string, readonly [name: string, read: (text: string) => unknown]> = new Map([
  ['seed', ['seed', readNumber]],
  ['loss', ['loss', readShare]],
  ['lossEvery', ['lossEvery', readNumber]],
  ['duplicate', ['duplicate', readShare]],
  ['reorder', ['reorder', readShare]],
  ['reorderDepth', ['reorderDepth', readNumber]],
  ['reorderMs', ['reorderMs', readDuration]],
  ['delay', ['delayMs', readDelay]],
  ['silence', ['silence', readSilence]],
])

/** The rule of an option `impair`: an object, its short text, or a function of one's own. */
export function impairmentRule(): OptionRule<Impairment | undefined> {
  return { fallback: undefined, check: checkImpairment, read: (text) => text }
}

/** @throws {FanwireError} `BAD_OPTION`, naming what is wrong */
export function checkImpairment(value: unknown, name = 'impair'): Impairment {
  if (typeof value === 'function') return value as (index: number) => Fate
  return options.check(typeof value === 'string' ? readShort(value, name) : value, name)
}

/** Decides over the `index`-th datagram, counted from 0. A silence is not its matter: that one needs a clock. */
export function fateOf(impairment: CheckedImpairment, index: number): Fate {
  const { seed, loss, lossEvery, duplicate, reorder, delayMs } = impairment
  if (lossEvery !== undefined && (index + 1) % lossEvery === 0) return LOST
  if (loss > 0 && draw(seed, index, DRAW.loss) < loss) return LOST
  const twice = duplicate > 0 && draw(seed, index, DRAW.duplicate) < duplicate
  if (!twice && reorder === 0 && delayMs.max === 0) return UNHARMED
  const first = passage(impairment, index, DRAW.first)
  return twice ? [first, passage(impairment, index, DRAW.second)] : [first]
}

/** Whether nothing comes through at `elapsedMs` after the opening. */
export function isSilent({ silence }: CheckedImpairment, elapsedMs: number): boolean {
  if (silence === undefined) return false
  const { fromMs, toMs, everyMs } = silence
  if (elapsedMs < fromMs) return false
  return everyMs === undefined ? elapsedMs < toMs : (elapsedMs - fromMs) % everyMs < toMs - fromMs
}

/**
 * Stands between whoever has datagrams and whoever wants them, and lets pass what fate allows. An unharmed datagram is
 * passed on within {@link push}.
 */
export class Impairer<T> {
  #offered = 0
  #lost = 0
  #silenced = 0
  #duplicated = 0
  #reordered = 0
  #passed = 0
  #closed = false
  /** In order, each no earlier than the one before it; those before `#head` have gone. */
  #line: Waiting<T>[] = []
  #head = 0
  /** Those that let others go first. */
  #aside: (Waiting<T> & { left: number })[] = []
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  readonly #impairment: Impairment
  readonly #opened: number
  readonly #patienceMs: number

  /** @throws {FanwireError} `BAD_OPTION` */
  constructor(
    impairment: ImpairmentOptions | string | Impairment,
    private readonly platform: Pick<Platform, 'now' | 'timer'>,
    private readonly pass: (datagram: T) => void,
  ) {
    this.#impairment = checkImpairment(impairment)
    this.#opened = platform.now()
    this.#patienceMs = typeof this.#impairment === 'function' ? PATIENCE_MS : this.#impairment.reorderMs
  }

  get counts(): ImpairmentCounts {
    return {
      offered: this.#offered,
      lost: this.#lost,
      silenced: this.#silenced,
      duplicated: this.#duplicated,
      reordered: this.#reordered,
      passed: this.#passed,
      waiting: this.#waiting,
    }
  }

  /** After {@link close} nothing is taken any more. */
  push(datagram: T): void {
    if (this.#closed) return
    const now = this.platform.now()
    const index = this.#offered++
    const impairment = this.#impairment
    if (typeof impairment !== 'function' && isSilent(impairment, now - this.#opened)) {
      this.#silenced++
      return
    }
    const fate = typeof impairment === 'function' ? impairment(index) : fateOf(impairment, index)
    if (fate.length === 0) this.#lost++
    else this.#duplicated += fate.length - 1
    for (const { delayMs, overtakenBy } of fate) {
      if (overtakenBy > 0) {
        this.#reordered++
        this.#aside.push({ datagram, index, at: now + delayMs + this.#patienceMs, left: overtakenBy })
      } else {
        this.#line.push({ datagram, index, at: Math.max(now + delayMs, this.#line.at(-1)?.at ?? now) })
      }
    }
    this.#release(now)
  }

  /** Loses what waits. Nothing is passed on after this. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#lost += this.#waiting
    this.#line = []
    this.#head = 0
    this.#aside = []
    this.#timer?.cancel()
  }

  get #waiting(): number {
    return this.#line.length - this.#head + this.#aside.length
  }

  #release(now: number): void {
    for (let first = this.#line[this.#head]; first !== undefined && first.at <= now; first = this.#line[this.#head]) {
      this.#head++
      this.#go(first.datagram)
      for (const one of this.#aside) if (one.index < first.index) one.left--
      this.#releaseAside(({ left }) => left <= 0)
    }
    this.#releaseAside(({ at }) => at <= now)
    if (this.#head * 2 >= this.#line.length) {
      this.#line = this.#line.slice(this.#head)
      this.#head = 0
    }
    if (!this.#closed) this.#arm(now)
  }

  #releaseAside(isDue: (one: { readonly at: number; readonly left: number }) => boolean): void {
    if (this.#aside.length === 0) return
    const due = this.#aside.filter(isDue)
    if (due.length === 0) return
    this.#aside = this.#aside.filter((one) => !due.includes(one))
    for (const { datagram } of due) this.#go(datagram)
  }

  #go(datagram: T): void {
    if (this.#closed) {
      this.#lost++
      return
    }
    this.#passed++
    this.pass(datagram)
  }

  #arm(now: number): void {
    let at = this.#line[this.#head]?.at ?? Number.POSITIVE_INFINITY
    for (const one of this.#aside) at = Math.min(at, one.at)
    if (this.#timer !== undefined && this.#timerAt <= at) return
    this.#timer?.cancel()
    this.#timer = undefined
    if (at === Number.POSITIVE_INFINITY) return
    this.#timerAt = at
    this.#timer = this.platform.timer(Math.max(0, at - now), () => {
      this.#timer = undefined
      this.#release(this.platform.now())
    })
  }
}

function passage({ seed, reorder, reorderDepth, delayMs }: CheckedImpairment, index: number, first: number): Passage {
  const overtaken = reorder > 0 && draw(seed, index, first) < reorder
  const overtakenBy = overtaken ? 1 + Math.floor(draw(seed, index, first + 1) * reorderDepth) : 0
  const span = delayMs.max - delayMs.min
  return { delayMs: span === 0 ? delayMs.min : delayMs.min + draw(seed, index, first + 2) * span, overtakenBy }
}

/** A number from 0 to below 1 that depends on its arguments alone: no draw moves another. */
function draw(seed: number, index: number, which: number): number {
  const key = mix(seed ^ mix(which + 1))
  return mix((mix(key ^ index) + Math.floor(index / 2 ** 32) + key) | 0) / 2 ** 32
}

/** The finalizer of MurmurHash3: every bit of the 32 depends on every other. */
function mix(bits: number): number {
  let mixed = bits | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function delayRule(): OptionRule<CheckedImpairment['delayMs']> {
  const fixed = duration(0, LONGEST_MS)
  return {
    fallback: anyDelay.fallback,
    check(value, name) {
      if (!isObject(value)) {
        const delay = fixed.check(value, name) as number
        return Object.freeze({ min: delay, max: delay })
      }
      const { min, max } = anyDelay.check(value, name)
      if (max < min) throw badOption(`${name}.max must be at least ${name}.min (${min}), got ${max}`)
      return Object.freeze({ min, max })
    },
  }
}

function silenceRule(): OptionRule<CheckedImpairment['silence']> {
  return {
    fallback: undefined,
    check(value, name) {
      const { fromMs, toMs, everyMs } = anySilence.check(value, name)
      if (toMs === undefined || toMs <= fromMs) {
        throw badOption(`${name}.toMs must be more than ${name}.fromMs (${fromMs}), got ${toMs}`)
      }
      if (everyMs !== undefined && everyMs < toMs - fromMs) {
        throw badOption(`${name}.everyMs must be at least as long as the silence (${toMs - fromMs}), got ${everyMs}`)
      }
      return Object.freeze({ fromMs, toMs, everyMs })
    },
  }
}

function readShort(text: string, name: string): object {
  const wrong = () => refuse(name, "written as 'loss=5%,duplicate=1%,reorder=2%,delay=0..3ms,seed=7'", text)
  const values = new Map<string, unknown>()
  for (const part of text.split(',')) {
    const [, key = '', written = ''] = /^([A-Za-z]+)=(.+)$/.exec(part.trim()) ?? wrong()
    const [option, read] = SHORT.get(key) ?? [key, (given: string) => given]
    if (values.has(option)) throw badOption(`${name} gives ${key} twice; write it once`)
    // What cannot be read stays text, and the rule of its option says what is expected.
    values.set(option, read(written) ?? written)
  }
  return Object.fromEntries(values)
}

function readShare(text: string): number | undefined {
  if (!text.endsWith('%')) return readNumber(text)
  const percent = readNumber(text.slice(0, -1))
  return percent === undefined ? undefined : percent / 100
}

/** Reads `3ms`, `0..3ms` or `500ms..1s`; a lower bound without a unit has that of the upper one. */
function readDelay(text: string): unknown {
  const range = readRange(text)
  return range === undefined ? readDuration(text) : { min: range[0], max: range[1] }
}

/** Reads `2s..3s`, or `2s..3s/10s`. */
function readSilence(text: string): unknown {
  const [window = '', every, ...more] = text.split('/')
  const range = readRange(window)
  const everyMs = every === undefined ? undefined : readDuration(every)
  if (range === undefined || more.length > 0 || (every !== undefined && everyMs === undefined)) return undefined
  return { fromMs: range[0], toMs: range[1], ...(everyMs !== undefined && { everyMs }) }
}

function readRange(text: string): readonly [from: number, to: number] | undefined {
  const [from = '', to, ...more] = text.split('..')
  if (to === undefined || more.length > 0) return undefined
  const unit = /[A-Za-z]*$/.exec(to)?.[0] ?? ''
  const low = readDuration(/[A-Za-z]$/.test(from) ? from : from + unit)
  const high = readDuration(to)
  return low === undefined || high === undefined ? undefined : [low, high]
}
