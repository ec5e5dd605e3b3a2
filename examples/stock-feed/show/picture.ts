import { styleText } from 'node:util'
import type { StreamLedger } from 'fanwire'
import { isCrossed } from 'fanwire/itch'
import type { SentLine } from '../feed-lines.js'
import type { Happening } from '../play.js'
import type { Connection, Passes } from '../reports.js'
import { formatCount, formatPrice, formatSeconds } from './figures.js'
import {
  type Condition,
  dropsOf,
  listed,
  type Priced,
  type Receiver,
  repairedOn,
  type Scene,
  type Seen,
} from './scene.js'
import { type Column, table } from './table.js'

type Style = Parameters<typeof styleText>[0]
export type Paint = (style: Style, text: string) => string

/** @param colours whether whoever looks can see them */
export function painter(colours: boolean): Paint {
  return (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text)
}

/** Ledgers are written as the sums that they are, where so many columns are there. */
const SUM_COLUMNS = 76
const LEAST_STOCKS = 3
/** Without multicast there are more, and all alike. */
const MOST_LINES = 2
/** Lines for what has happened: at least so many, and as many as there is room for up to so many. */
const LEAST_HAPPENINGS = 1
const MOST_HAPPENINGS = 8

/** A scene as lines for a terminal of this size. */
export function draw(scene: Scene, columns: number, rows: number, paint: Paint): string[] {
  const dim = (text: string) => paint('dim', text)
  const whole = columns >= SUM_COLUMNS
  const head = [title(scene, columns, paint), progress(scene, columns, paint)]
  const receivers = table(receiverColumns(scene.digest, paint), scene.receivers, columns, dim)
  const viewers = table(viewerColumns(scene.digest, paint), scene.viewers, columns, dim)
  const stocks = Math.max(LEAST_STOCKS, rows - heightOf([head, ['titles'], receivers, viewers]) - 1 - LEAST_HAPPENINGS)
  const market = table(marketColumns(paint), listed(scene.market, stocks), columns, dim)
  const sections = [head, market, receivers, viewers]
  // The ledgers behind these, as far as there is room: of the lines, of the relay, and of those behind it.
  for (const more of [
    table(lineColumns(paint), named(scene.lines), columns, dim),
    table(sentColumns(whole, paint), scene.viewers, columns, dim),
    table(receivedColumns(whole, paint), scene.viewers, columns, dim),
  ]) {
    if (heightOf([...sections, more]) + 1 + LEAST_HAPPENINGS <= rows) sections.push(more)
  }
  const room = Math.min(MOST_HAPPENINGS, rows - heightOf(sections) - 1)
  if (room > 0 && scene.happenings.length > 0) {
    sections.push(scene.happenings.slice(-room).map((happening) => tell(happening, paint)))
  }
  return sections.flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]))
}

function tell({ at, who, what }: Happening, paint: Paint): string {
  return `${paint('dim', formatSeconds(at).padStart(7))}  ${paint('bold', who)} ${what}`
}

function heightOf(sections: readonly (readonly string[])[]): number {
  return sections.reduce((height, lines) => height + lines.length + 1, -1)
}

function title({ lines, url }: Scene, columns: number, paint: Paint): string {
  const name = 'fanwire stock feed'
  const [line] = lines
  const where = [...(line ? [line.url, 'and'] : []), url].join(' ')
  const room = columns - name.length - where.length
  return `${paint('bold', name)}${room < 1 ? '' : `${' '.repeat(room)}${paint('dim', where)}`}`
}

function progress({ pass, passes, sent, total, rate, elapsed }: Scene, columns: number, paint: Paint): string {
  const before = `pass ${pass} of ${passes}  `
  const time = columns < 50 ? '' : formatSeconds(elapsed).padStart(9)
  const after = `  ${formatCount(rate).padStart(9)} messages/s${time}`
  const size = Math.max(0, columns - before.length - after.length)
  const done = total === 0 ? size : Math.floor((size * sent) / total)
  return `${before}${paint('cyan', '█'.repeat(done))}${paint('dim', '░'.repeat(size - done))}${after}`
}

function marketColumns(paint: Paint): Column<Priced>[] {
  const figures = { align: 'right', least: 8 } as const
  return [
    { title: 'stock', align: 'left', rank: 0, least: 9, cell: ({ symbol }) => symbol, paint: bold(paint) },
    { ...figures, title: 'bid', rank: 0, cell: ({ bid }) => formatPrice(bid) },
    { ...figures, title: 'shares', before: ' × ', rank: 3, least: 6, cell: ({ bidShares }) => formatCount(bidShares) },
    { ...figures, title: 'ask', rank: 0, cell: ({ ask }) => formatPrice(ask) },
    { ...figures, title: 'shares', before: ' × ', rank: 3, least: 6, cell: ({ askShares }) => formatCount(askShares) },
    { ...figures, title: 'last', rank: 0, cell: ({ last }) => formatPrice(last) },
    { ...figures, title: 'conflated', rank: 4, cell: ({ conflated }) => formatPrice(conflated) },
    { ...figures, title: 'volume', rank: 1, cell: ({ volume }) => formatCount(volume) },
    {
      title: '',
      align: 'left',
      rank: 2,
      least: 7,
      cell: (quote) => (isCrossed(quote) ? 'crossed' : ''),
      paint: (text) => paint('yellow', text),
    },
  ]
}

const CONDITION_STYLES: Readonly<Record<Condition, Style>> = {
  starts: 'dim',
  reads: 'green',
  'catches up': 'cyan',
  killed: 'red',
  'reads no more': 'yellow',
  'cut off': 'red',
  done: 'green',
}

/** What each line missed, and what of that came in other ways: by the other line, or because it was asked for. */
function receiverColumns(digest: string, paint: Paint): Column<Receiver>[] {
  const count = (title: string, of: (receiver: Receiver) => number | undefined) => {
    return { title, cell: (receiver: Receiver) => formatCount(of(receiver)), align: 'right', rank: 0 } as const
  }
  const ofLine = (name: string, line: number) => [
    { ...count(`${name} missed`, ({ report }) => report?.lines[line]?.missed), least: 8 },
    { ...count('repaired', ({ report }) => report && repairedOn(report, line)), least: 8, rank: 1 },
  ]
  const warn = (text: string, { report }: Receiver) => (report?.ledger?.lost ? paint('yellow', text) : text)
  return [
    { ...nameColumn(paint), title: 'on feed', least: 10 },
    {
      title: 'now',
      align: 'left',
      rank: 4,
      least: 6,
      cell: ({ condition }) => condition,
      paint: (text, { condition }) => paint(CONDITION_STYLES[condition], text),
    },
    ...ofLine('A', 0),
    ...ofLine('B', 1),
    { ...count('asked', ({ asked, report }) => report && asked), least: 8, rank: 1 },
    { ...count('lost', ({ report }) => report?.ledger?.lost), least: 5, paint: warn },
    { title: 'book', align: 'left', rank: 3, least: 9, cell: (receiver) => bookOnFeed(receiver, digest) },
  ]
}

function bookOnFeed({ name, report, passes }: Receiver, digest: string): string {
  if (name === 'relay') return 'passes on'
  if (report?.ledger?.lost) return 'has holes'
  return describePasses(passes, digest)
}

interface NamedLine extends SentLine {
  readonly name: string
}

function named(lines: readonly SentLine[]): NamedLine[] {
  return lines.slice(0, MOST_LINES).map((line, i) => ({ ...line, name: 'AB'[i] as string }))
}

/** What became of the datagrams of a line before they left. */
function lineColumns(paint: Paint): Column<NamedLine>[] {
  const count = (title: string, of: (line: SentLine) => number, rank = 0) => {
    return { title, cell: (line: SentLine) => formatCount(of(line)), align: 'right', least: 8, rank } as const
  }
  return [
    { title: 'line', align: 'left', rank: 0, cell: ({ name }) => name, paint: bold(paint) },
    { title: 'leads to', align: 'left', rank: 2, cell: ({ url }) => url },
    count('messages', ({ messages }) => messages, 3),
    count('datagrams', ({ offered }) => offered),
    { ...count('lost', ({ lost }) => lost), paint: (text) => paint('yellow', text) },
    count('twice', ({ duplicated }) => duplicated, 1),
    count('overtaken', ({ reordered }) => reordered, 1),
  ]
}

function viewerColumns(digest: string, paint: Paint): Column<Seen>[] {
  return [
    { ...nameColumn(paint), title: 'by relay' },
    { title: 'asks for', align: 'left', rank: 2, cell: ({ want }) => want },
    {
      title: 'now',
      align: 'left',
      rank: 0,
      least: 13,
      cell: ({ condition }) => condition,
      paint: (text, { condition }) => paint(CONDITION_STYLES[condition], text),
    },
    { title: 'taken/s', align: 'right', rank: 1, least: 7, cell: ({ rate }) => formatCount(rate) },
    {
      title: 'missed',
      align: 'right',
      rank: 0,
      least: 7,
      cell: ({ report }) => formatCount(report?.missed),
      paint: (text, { report }) => (report?.missed ? paint('yellow', text) : text),
    },
    { title: 'book', align: 'left', rank: 3, least: 9, cell: (seen) => bookOf(seen, digest) },
  ]
}

/** What its orders are worth. */
function bookOf({ name, report }: Seen, digest: string): string {
  if (report === undefined) return ''
  if (name === 'conflates') return 'no orders'
  if (report.missed > 0) return 'has holes'
  return describePasses(report.passes, digest)
}

function describePasses(passes: Passes | undefined, digest: string): string {
  if (passes === undefined || passes.ended === 0) return ''
  return passes.digest === digest && passes.differing === 0 ? `${passes.ended} × right` : 'wrong'
}

/** What became of every message, as the relay has it. */
function sentColumns(whole: boolean, paint: Paint): Column<Seen>[] {
  const count = (title: string, of: (connection: Connection) => number | undefined) => {
    const cell = ({ connection }: Seen) => formatCount(connection && of(connection))
    return { title, cell, align: 'right', least: 8, rank: 0 } as const
  }
  const [equals, plus] = signs(whole)
  return [
    { ...nameColumn(paint), title: 'sent to' },
    { ...count('considered', ({ considered }) => considered), rank: 1 },
    { ...count('filtered', ({ filtered }) => filtered), ...equals, rank: 1 },
    {
      ...count('dropped', (connection) => dropsOf(connection).count),
      ...plus,
      paint: (text, { connection }) => (connection && dropsOf(connection).count > 0 ? paint('yellow', text) : text),
    },
    { ...count('waiting', ({ waiting }) => waiting), ...plus, least: 7 },
    { ...count('in flight', ({ inFlight }) => inFlight), ...plus, rank: 1 },
    { ...count('handed', ({ handed }) => handed), ...plus },
    { ...count('acknowledged', ({ acknowledged }) => acknowledged), rank: 2 },
    {
      title: 'dropped as',
      align: 'left',
      rank: 3,
      cell: ({ connection }) => (connection === undefined ? '' : dropsOf(connection).reasons),
    },
  ]
}

/** The same as the viewers have it. */
function receivedColumns(whole: boolean, paint: Paint): Column<Seen>[] {
  const count = (title: string, of: (ledger: StreamLedger) => number) => {
    const cell = ({ report }: Seen) => formatCount(report?.ledger && of(report.ledger))
    return { title, cell, align: 'right', least: 8, rank: 0 } as const
  }
  const [equals, plus] = signs(whole)
  return [
    { ...nameColumn(paint), title: 'seen by' },
    { ...count('span', ({ first, next }) => next - first), least: 10, rank: 1 },
    { ...count('filtered', ({ filtered }) => filtered), ...equals, rank: 1 },
    { ...count('declared', ({ declared }) => declared), ...plus },
    { ...count('missing', ({ missing }) => missing), ...plus, least: 7, rank: 1 },
    { ...count('lost', ({ lost }) => lost), ...plus, least: whole ? 9 : 7 },
    { ...count('received', ({ received }) => received), ...plus },
    { ...count('in the inbox', ({ inboxWaiting }) => inboxWaiting), rank: 2 },
  ]
}

/** Between the columns of a sum; of half a sum they would say what is not so. */
function signs(whole: boolean): [equals: { before?: string }, plus: { before?: string }] {
  return whole ? [{ before: ' = ' }, { before: ' + ' }] : [{}, {}]
}

function nameColumn(paint: Paint): Omit<Column<{ readonly name: string }>, 'title'> {
  return { align: 'left', rank: 0, least: 9, cell: ({ name }) => name, paint: bold(paint) }
}

function bold(paint: Paint): (text: string) => string {
  return (text) => paint('bold', text)
}
