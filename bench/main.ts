import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { type Conditions, type Measurement, measure } from './measurement.js'
import { format, type RowResult, resultOf } from './report.js'
import type { Entry, Row } from './row.js'

const usage = `Usage: npm run bench -- SUITE [options]

Suites:
  tcp             fanwire over tcp beside zeromq.js, npm ws and bare sockets
  udp             fanwire over multicast and udp beside bare sockets; decoding ITCH; arbitration of two lines

Options:
  --only ROW      one row, or one entry of it: small, 'small/for await'; may be given several times
  --runs N        how often each entry is measured, in turn with the others of its row (5)
  --quick         a fifth of the messages, three runs
  --json          print one JSON line and nothing else on stdout; the table goes to stderr
  --profile DIR   write CPU profiles of the processes of the last run to DIR; needs --only with one entry
  --help          print this
`

const suites: Readonly<Record<string, () => Promise<{ readonly rows: readonly Row[] }>>> = {
  tcp: () => import('./tcp/rows.js'),
  udp: () => import('./udp/rows.js'),
}

process.exitCode = await main(process.argv.slice(2))

/** @returns the exit code: 0 measured, 1 failed, 2 wrong usage */
async function main(args: readonly string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    return 2
  }
  const { suite, only, runs, quick, json, profiles, help } = parsed
  const load = suites[suite]
  if (help || load === undefined) {
    const stream = help ? process.stdout : process.stderr
    stream.write(usage)
    return help ? 0 : 2
  }
  const { rows } = await load()
  const chosen = choose(rows, only)
  if (chosen.length === 0) {
    process.stderr.write(`no such row: ${only.join(', ')}; there are ${rows.map(({ name }) => name).join(', ')}\n`)
    return 2
  }
  const table = json ? process.stderr : process.stdout
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}`
  table.write(`node ${process.version} on ${machine}, load ${load1()}; medians of ${runs}, ratios run by run\n\n`)
  const results: RowResult[] = []
  for (const row of chosen) {
    const result = await measureRow(row, runs, { suite, scale: quick ? 0.2 : 1, profiles })
    results.push(result)
    table.write(`${format(result)}\n`)
  }
  table.write(`load ${load1()} at the end\n`)
  if (json)
    process.stdout.write(`${JSON.stringify({ suite, node: process.version, machine, runs, quick, rows: results })}\n`)
  return 0
}

function parse(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true },
      runs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const runs = Number(values.runs ?? (values.quick ? 3 : 5))
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs must be a whole number from 1, got ${values.runs}`)
  const { only = [], quick, json, help, profile } = values
  return { suite: positionals[0] ?? '', only, runs, quick, json, help, profiles: profile }
}

/** The rows that `only` names, each with the entries that it names. */
function choose(rows: readonly Row[], only: readonly string[]): readonly Row[] {
  if (only.length === 0) return rows
  const names = ({ name }: Row, entry: Entry) => only.includes(name) || only.includes(`${name}/${entry.name}`)
  return rows
    .map((row) => ({ ...row, entries: row.entries.filter((entry) => names(row, entry)) }))
    .filter(({ entries }) => entries.length > 0)
}

/** All entries once, then all once more, so that what disturbs the machine for a while disturbs all alike. */
async function measureRow(row: Row, runs: number, conditions: Conditions): Promise<RowResult> {
  const measured = new Map<string, Measurement[]>(row.entries.map(({ name }) => [name, []]))
  for (let i = 0; i < runs; i++) {
    for (const entry of row.entries) measured.get(entry.name)?.push(await measure(row, entry, conditions))
  }
  return resultOf(row, measured)
}

function load1(): string {
  return (loadavg()[0] ?? 0).toFixed(1)
}
