import { isCrossed } from 'fanwire/itch'
import type { Happening } from '../play.js'
import { formatCount, formatPrice } from './figures.js'
import { dropsOf, listed, type Priced, type Receiver, repairedOn, type Scene, type Seen } from './scene.js'

/** More would bury the rest. */
const STOCKS = 6

/** A scene as lines for a file or a pipe: each stands for itself, with the time and what it is about in front. None before it begins. */
export function describe(scene: Scene): string[] {
  const { elapsed, pass, passes, sent, rate } = scene
  if (pass === 0) return []
  const feed = `pass ${pass} of ${passes}, ${formatCount(sent)} messages sent, ${formatCount(rate)}/s`
  return [
    line(elapsed, 'publisher', feed),
    ...listed(scene.market, STOCKS).map((quote) => line(elapsed, quote.symbol, describeQuote(quote))),
    ...scene.receivers.map((receiver) => line(elapsed, receiver.name, describeReceiver(receiver))),
    ...scene.viewers.map((seen) => line(elapsed, seen.name, describeViewer(seen))),
  ]
}

export function describeHappening({ at, who, what }: Happening): string {
  return line(at, who, what)
}

function describeQuote(quote: Priced): string {
  const { bid, bidShares, ask, askShares, last, volume } = quote
  const sides = `bid ${formatPrice(bid)} × ${formatCount(bidShares)}, ask ${formatPrice(ask)} × ${formatCount(askShares)}`
  return `${sides}, last ${formatPrice(last)}, volume ${formatCount(volume)}${isCrossed(quote) ? ', crossed' : ''}`
}

function describeReceiver({ condition, report, asked }: Receiver): string {
  if (report?.ledger === undefined) return condition
  const lines = report.lines.map(({ missed }, i) => {
    return `line ${'AB'[i]} missed ${formatCount(missed)}, ${formatCount(repairedOn(report, i))} repaired`
  })
  return [`${condition}, ${formatCount(report.ledger.lost)} lost`, ...lines, `${formatCount(asked)} asked for`].join(
    '; ',
  )
}

function describeViewer({ condition, rate, report, connection }: Seen): string {
  const state = `${condition}, ${formatCount(rate)}/s, ${formatCount(report?.missed ?? 0)} missed`
  if (connection === undefined) return state
  const { considered, filtered, waiting, inFlight, handed } = connection
  const parts = { filtered, dropped: dropsOf(connection).count, waiting, 'in flight': inFlight, handed }
  const sum = Object.entries(parts).map(([name, count]) => `${formatCount(count)} ${name}`)
  return `${state}; ${formatCount(considered)} considered = ${sum.join(' + ')}`
}

function line(at: number, who: string, what: string): string {
  return `${(at / 1_000).toFixed(1).padStart(6)} s  ${who.padEnd(10)}  ${what}`
}
