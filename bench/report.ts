import type { Measurement } from './measurement.js'
import type { Measure, Row, Target } from './row.js'
import { type Spread, spreadOf } from './statistics.js'

/** All runs of a row: by entry, in the order in which they were measured. */
export type Runs = ReadonlyMap<string, readonly Measurement[]>

export interface EntryResult {
  readonly name: string
  /** Messages delivered per second; with `pace` as many as were sent. */
  readonly rate: Spread
  /** Microseconds. */
  readonly p50?: Spread
  readonly p99?: Spread
  /** Nanoseconds for each message, where one process does all. */
  readonly ns?: Spread
  /** Messages of all runs together, where some may get lost: how many were sent, and in how many runs any got lost. */
  readonly loss?: { readonly lost: number; readonly sent: number; readonly runs: number }
  /** Microseconds of CPU time for each message delivered: of the sending and the receiving process, or of the only one. */
  readonly cpu: readonly Spread[]
  /** Bytes resident, of the same. */
  readonly rss: readonly Spread[]
  /** What the reader should know of how it was measured. */
  readonly remarks: readonly string[]
}

export interface TargetResult extends Target {
  /** The ratio, run by run, or the value itself. */
  readonly value: Spread
  readonly met: boolean
}

export interface RowResult {
  readonly name: string
  readonly title: string
  readonly entries: readonly EntryResult[]
  readonly targets: readonly TargetResult[]
}

export function resultOf(row: Row, runs: Runs): RowResult {
  const { name, title } = row
  const entries = Array.from(runs, ([entry, measured]) => entryResult(row, entry, measured))
  const known = row.targets.filter(({ of, against }) => runs.has(of) && (against === undefined || runs.has(against)))
  return { name, title, entries, targets: known.map((target) => targetResult(target, runs)) }
}

function entryResult({ work, lossy }: Row, name: string, runs: readonly Measurement[]): EntryResult {
  const spread = (value: (run: Measurement) => number) => spreadOf(runs.map(value))
  const spreads = (values: (run: Measurement) => readonly number[]) =>
    (runs[0] === undefined ? [] : values(runs[0])).map((_, i) => spread((run) => values(run)[i] ?? Number.NaN))
  const sum = (value: (run: Measurement) => number) => runs.reduce((total, run) => total + value(run), 0)
  const timed = runs[0]?.latencies !== undefined
  return {
    name,
    rate: spread(({ rate }) => rate),
    ...(timed && { p50: spread((run) => pick(run, 'p50')), p99: spread((run) => pick(run, 'p99')) }),
    ...(work === 'alone' && { ns: spread((run) => pick(run, 'ns')) }),
    ...(lossy && {
      loss: {
        lost: sum(({ lost }) => lost),
        sent: sum(({ expected }) => expected),
        runs: sum(({ lost }) => (lost > 0 ? 1 : 0)),
      },
    }),
    cpu: spreads(({ cpu }) => cpu),
    rss: spreads(({ rss }) => rss),
    remarks: [...new Set(runs.flatMap(({ remark }) => remark ?? []))],
  }
}

/** Ratios are taken run by run, since what disturbs the machine for a while disturbs neighbours alike. */
function targetResult(target: Target, runs: Runs): TargetResult {
  const { of, against, measure, bound } = target
  const others = against === undefined ? undefined : runs.get(against)
  const values = (runs.get(of) ?? []).map((run, i) => {
    const other = others?.[i]
    return pick(run, measure) / (other === undefined ? 1 : pick(other, measure))
  })
  const value = spreadOf(values)
  // One run that lost something is one too many.
  const measured = measure === 'lost' ? value.max : value.median
  return { ...target, value, met: measure === 'rate' ? measured >= bound : measured <= bound }
}

function pick({ rate, lost, latencies }: Measurement, measure: Measure): number {
  if (measure === 'rate') return rate
  if (measure === 'ns') return 1e9 / rate
  if (measure === 'lost') return lost
  return latencies?.[measure] ?? Number.NaN
}

/** A row as people read it. */
export function format({ name, title, entries, targets }: RowResult): string {
  const timed = entries.some(({ p50 }) => p50 !== undefined)
  const alone = entries.some(({ ns }) => ns !== undefined)
  const lossy = entries.some(({ loss }) => loss !== undefined)
  const head = timed ? ['', 'p50 µs', 'min..max', 'p99 µs', 'min..max'] : ['', 'messages/s', 'min..max']
  const more = [...(alone ? ['ns/message'] : []), ...(lossy ? ['lost'] : [])]
  const lines = [[...head, ...more, 'CPU µs/message', 'RSS MiB']]
  for (const entry of entries) {
    const { rate, p50, p99, ns, loss, cpu, rss } = entry
    const spreads = timed ? [p50, p99] : [rate]
    const digits = timed ? 1 : 0
    lines.push([
      entry.name,
      ...spreads.flatMap((spread) =>
        spread === undefined ? ['', ''] : [number(spread.median, digits), range(spread, digits)],
      ),
      ...(alone ? [ns === undefined ? '' : number(ns.median, 1)] : []),
      ...(lossy ? [loss === undefined ? '' : number(loss.lost, 0)] : []),
      cpu.map(({ median }) => number(median, alone ? 3 : 2)).join(' + '),
      rss.map(({ median }) => number(median / 2 ** 20, 0)).join(' + '),
    ])
  }
  const remarks = entries.flatMap(formatRemarks)
  return [`${name}: ${title}`, ...columns(lines), ...remarks, ...targets.map(formatTarget), ''].join('\n')
}

/** What the figures of an entry do not say by themselves. */
function formatRemarks({ name, loss, remarks }: EntryResult): string[] {
  const lines = remarks.map((remark) => `  NOTE    ${name}: ${remark}`)
  if (loss !== undefined && loss.lost > 0) {
    const share = ((100 * loss.lost) / loss.sent).toPrecision(2)
    const messages = `${number(loss.lost, 0)} of ${number(loss.sent, 0)} messages (${share} %)`
    lines.push(`  LOST    ${name}: ${messages}, in ${loss.runs} of its runs; its rate is of those that arrived`)
  }
  return lines
}

function formatTarget({ of, against, measure, bound, value, met }: TargetResult): string {
  const digits = against === undefined ? 0 : 2
  const what = against === undefined ? '' : ` × ${against}`
  const limit = `${measure === 'rate' ? 'at least' : 'at most'} ${number(bound, against === undefined ? 0 : undefined)}${what}`
  const measured = `${number(value.median, digits)} (${range(value, digits)})`
  return `  ${met ? 'met   ' : 'MISSED'}  ${of}: ${measure === 'rate' ? '' : `${measure} `}${limit}, is ${measured}`
}

function range({ min, max }: Spread, digits: number): string {
  return `${number(min, digits)}..${number(max, digits)}`
}

function number(value: number, digits?: number): string {
  return value.toLocaleString(
    'en-US',
    digits === undefined ? {} : { minimumFractionDigits: digits, maximumFractionDigits: digits },
  )
}

/** The first column to the left, the others to the right. */
function columns(lines: readonly (readonly string[])[]): string[] {
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  return lines.map(
    (line) =>
      `  ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')}`,
  )
}
