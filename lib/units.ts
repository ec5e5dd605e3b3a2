const KIB = 1024

/** `kB` and its like count in thousands, `KiB` and its like in 1,024s, as IEC 80000-13 has it. */
const SIZES: ReadonlyMap<string, number> = new Map([
  ['GiB', KIB ** 3],
  ['MiB', KIB ** 2],
  ['KiB', KIB],
  ['B', 1],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
  ['KB', 1e3],
])

const BITS: ReadonlyMap<string, number> = new Map([
  ['Gbit', 1e9],
  ['Mbit', 1e6],
  ['kbit', 1e3],
  ['bit', 1],
])

const DURATIONS: ReadonlyMap<string, number> = new Map([
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['min', 60_000],
  ['s', 1_000],
  ['ms', 1],
])

/** Reads `10000`, `10_000` or `0.5`; `undefined` when `text` is anything else. */
export function readNumber(text: string): number | undefined {
  return /^-?\d+(_\d+)*(\.\d+)?$/.test(text) ? Number(text.replaceAll('_', '')) : undefined
}

/** Reads `64MiB`, `10kB`, or a plain number of bytes. */
export function readSize(text: string): number | undefined {
  return readUnits(text, SIZES)
}

/** Reads `5s`, `100ms`, `1.5h`, or a plain number of milliseconds. */
export function readDuration(text: string): number | undefined {
  return readUnits(text, DURATIONS)
}

/** Reads `50MB/s`, `400Mbit/s`, or a plain number of bytes per second. */
export function readRate(text: string): number | undefined {
  const perSecond = /^(.+)\/s$/.exec(text)?.[1]
  if (perSecond === undefined) return readNumber(text)
  if (!perSecond.endsWith('bit')) return readSize(perSecond)
  const bits = readUnits(perSecond, BITS)
  return bits === undefined ? undefined : bits / 8
}

/** Writes `bytes` so that {@link readSize} reads it back exactly: `64MiB`, `1000B`. */
export function formatSize(bytes: number): string {
  return formatUnits(bytes, SIZES, 'B')
}

/** Writes `ms` so that {@link readDuration} reads it back exactly: `5s`, `1500ms`. */
export function formatDuration(ms: number): string {
  return formatUnits(ms, DURATIONS, 'ms')
}

function readUnits(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const parts = /^([\d_.]+)([A-Za-z]*)$/.exec(text)
  const count = readNumber(parts?.[1] ?? '')
  const unit = parts?.[2] ? units.get(parts[2]) : 1
  if (count === undefined || unit === undefined) return undefined
  // 1.005 * 1000 is 1004.9999999999999; fifteen digits are what a decimal number keeps.
  return Number.isInteger(count) ? count * unit : Number((count * unit).toPrecision(15))
}

function formatUnits(value: number, units: ReadonlyMap<string, number>, smallest: string): string {
  for (const [unit, worth] of units) {
    // The table begins with the largest and ends its exact part with the smallest; decimal sizes are only read.
    if (unit === smallest) break
    if (value >= worth && value % worth === 0) return value / worth + unit
  }
  return value + smallest
}
