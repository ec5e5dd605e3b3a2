import { clearScreenDown, cursorTo, moveCursor } from 'node:readline'
import type { WriteStream } from 'node:tty'
import { busiest, isCrossed, type Quote } from '../../itch/index.js'
import type { ConsumerStats } from '../../lib/index.js'
import { countAsked, type Watcher, watchedLines } from './watcher.js'

const PICTURE_MS = 100
const LINES_MS = 1_000
/** More would scroll a terminal of the usual size. */
const MOST_STOCKS = 12

const grouped = new Intl.NumberFormat('en-US')

/** Shows a feed while it comes: a picture that changes for a terminal, lines with the time for a pipe. */
export class View {
  readonly #timer: NodeJS.Timeout
  readonly #began = performance.now()
  #drawn = 0
  #seen = { at: 0, messages: 0 }
  #rate = 0

  constructor(
    private readonly output: NodeJS.WriteStream,
    private readonly watcher: Watcher,
    private readonly stats: () => ConsumerStats,
  ) {
    this.#timer = setInterval(() => this.show(), output.isTTY ? PICTURE_MS : LINES_MS)
  }

  show(): void {
    const seconds = (performance.now() - this.#began) / 1_000
    this.#measure(seconds)
    const rows = describe(this.stats(), this.watcher, this.#rate)
    if (this.output.isTTY) this.#draw(rows, this.output)
    else for (const row of rows) this.output.write(`${seconds.toFixed(1).padStart(6)} s  ${row}\n`)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #draw(rows: readonly string[], terminal: WriteStream): void {
    const shown = rows.slice(0, Math.max(1, (terminal.rows || 24) - 1))
    if (this.#drawn > 0) moveCursor(terminal, 0, -this.#drawn)
    cursorTo(terminal, 0)
    clearScreenDown(terminal)
    // A line that broke in two would put all others in the wrong place.
    for (const row of shown) terminal.write(`${row.slice(0, (terminal.columns || 80) - 1)}\n`)
    this.#drawn = shown.length
  }

  /** Messages a second, since about a second ago. */
  #measure(seconds: number): void {
    const { at, messages } = this.#seen
    if (seconds - at < 0.9) return
    this.#rate = Math.max(0, Math.round((this.watcher.messages - messages) / (seconds - at)))
    this.#seen = { at: seconds, messages: this.watcher.messages }
  }
}

/** A moment of a feed, in columns. */
export function describe(stats: ConsumerStats, watcher: Watcher, rate: number): string[] {
  const ledger = stats.streams.at(-1)
  if (ledger === undefined)
    return [`waiting for a feed on ${stats.ends.map((end) => (end as { url: string }).url).join(' and ')}`]
  const lines = watchedLines(stats)
  const { received, missing, lost } = ledger
  const { ended, differing } = watcher.passes
  const passes =
    ended === 0 ? '' : `, ${ended} ${ended === 1 ? 'pass' : 'passes'}${differing > 0 ? `, ${differing} differing` : ''}`
  return [
    `stream ${ledger.stream}  ${count(received)} messages, ${count(rate)}/s${passes}`,
    row('line', ['datagrams', 'missed', 'repaired', 'twice', 'first'], ''),
    ...lines.map(({ url, datagrams, missed, repaired, duplicates, wins }, i) =>
      row(letter(i), [datagrams, missed, repaired, duplicates, wins].map(count), url.replace(/^.*:\/\//, '')),
    ),
    `asked for and got ${count(countAsked(stats, lines))}, missing ${count(missing)}, lost ${count(lost)}`,
    row('stock', ['bid', 'ask', 'last', 'volume'], ''),
    ...busiest(watcher.quotes, MOST_STOCKS).map((quote) => {
      const { symbol, bid, ask, last, volume } = quote
      return row(symbol, [price(bid), price(ask), price(last), count(volume)], crossed(quote))
    }),
  ]
}

function row(name: string, figures: readonly string[], after: string): string {
  return `${name.padEnd(8)}${figures.map((figure) => figure.padStart(10)).join('')}  ${after}`.trimEnd()
}

function letter(line: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + line)
}

function crossed(quote: Quote): string {
  return isCrossed(quote) ? 'crossed' : ''
}

function count(value: number): string {
  return grouped.format(value)
}

/** Of units of 0.0001 dollars. */
function price(value: number | null): string {
  return value === null ? '–' : (value / 10_000).toFixed(value % 100 === 0 ? 2 : 4)
}
