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
  /** Microseconds of CPU time for each message delivered. */
  readonly sendingCpu: Spread
  readonly receivingCpu: Spread
  /** Bytes resident. */
  readonly sendingRss: Spread
  readonly receivingRss: Spread
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
  const entries = Array.from(runs, ([entry, measured]) => entryResult(entry, measured))
  const known = row.targets.filter(({ of, against }) => runs.has(of) && (against === undefined || runs.has(against)))
  return { name, title, entries, targets: known.map((target) => targetResult(target, runs)) }
}

function entryResult(name: string, runs: readonly Measurement[]): EntryResult {
  const spread = (value: (run: Measurement) => number) => spreadOf(runs.map(value))
  const timed = runs[0]?.latencies !== undefined
  return {
    name,
    rate: spread(({ rate }) => rate),
    ...(timed && { p50: spread((run) => pick(run, 'p50')), p99: spread((run) => pick(run, 'p99')) }),
    sendingCpu: spread(({ cpu }) => cpu[0]),
    receivingCpu: spread(({ cpu }) => cpu[1]),
    sendingRss: spread(({ rss }) => rss[0]),
    receivingRss: spread(({ rss }) => rss[1]),
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
  return { ...target, value, met: measure === 'rate' ? value.median >= bound : value.median <= bound }
}

function pick({ rate, latencies }: Measurement, measure: Measure): number {
  return measure === 'rate' ? rate : (latencies?.[measure] ?? Number.NaN)
}

/** A row as people read it. */
export function format({ name, title, entries, targets }: RowResult): string {
  const timed = entries.some(({ p50 }) => p50 !== undefined)
  const head = timed ? ['', 'p50 µs', 'min..max', 'p99 µs', 'min..max'] : ['', 'messages/s', 'min..max']
  const lines = [[...head, 'CPU µs/message', 'RSS MiB']]
  for (const entry of entries) {
    const { rate, p50, p99, sendingCpu, receivingCpu, sendingRss, receivingRss } = entry
    const spreads = timed ? [p50, p99] : [rate]
    const digits = timed ? 1 : 0
    lines.push([
      entry.name,
      ...spreads.flatMap((spread) =>
        spread === undefined ? ['', ''] : [number(spread.median, digits), range(spread, digits)],
      ),
      `${number(sendingCpu.median, 2)} + ${number(receivingCpu.median, 2)}`,
      `${number(sendingRss.median / 2 ** 20, 0)} + ${number(receivingRss.median / 2 ** 20, 0)}`,
    ])
  }
  return [`${name}: ${title}`, ...columns(lines), ...targets.map(formatTarget), ''].join('\n')
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
