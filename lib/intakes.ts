import type { CarriedStream } from './carried-stream.js'
import type { Intake, LineLedger, SourceLedger } from './intake.js'
import type { MessageSource } from './message.js'

/**
 * A connection carries one stream, but for those with numbers in each message, behind which may stand a forwarder of many.
 * A peer that makes up names without end has so many at a time.
 */
const MOST_STREAMS = 64

/** What messages have that come without a number. */
const NO_STREAM = ''

export interface Carried {
  readonly intake: Intake
  /** Undefined for messages without numbers. */
  readonly stream: CarriedStream | undefined
}

/** What one connection brings, stream by stream. */
export class Intakes {
  /** By the stream's name; the one that was last in use stands last. */
  readonly #carried = new Map<string, Carried>()
  /** What those brought that were given up. */
  #past: SourceLedger | undefined

  /** @returns what brings the stream, from now on the last to be given up */
  use(name = NO_STREAM): Carried | undefined {
    const carried = this.#carried.get(name)
    if (carried === undefined) return undefined
    this.#carried.delete(name)
    this.#carried.set(name, carried)
    return carried
  }

  /** Takes the place of what brought the same stream before. */
  add(carried: Carried): void {
    const name = carried.stream?.name ?? NO_STREAM
    this.#giveUp(name)
    this.#carried.set(name, carried)
    if (this.#carried.size <= MOST_STREAMS) return
    const [oldest] = this.#carried.keys()
    if (oldest !== undefined) this.#giveUp(oldest)
  }

  has(source: MessageSource): boolean {
    for (const { intake } of this.#carried.values()) if (intake === source) return true
    return false
  }

  ledger(): SourceLedger | undefined {
    let sum = this.#past
    for (const { intake } of this.#carried.values()) sum = added(sum, intake.ledger())
    return sum
  }

  /** The connection has ended. */
  close(): void {
    // Other lines may go on without it now, of which listeners are told.
    const all = [...this.#carried.values()]
    this.#carried.clear()
    for (const { intake } of all) intake.close()
  }

  #giveUp(name: string): void {
    const carried = this.#carried.get(name)
    if (carried === undefined) return
    this.#carried.delete(name)
    this.#past = added(this.#past, carried.intake.ledger())
    carried.intake.close()
  }
}

function added(a: SourceLedger | undefined, b: SourceLedger): SourceLedger {
  if (a === undefined) return b
  const line = addedLine(a.line, b.line)
  return {
    ...(line && { line }),
    received: a.received + b.received,
    filtered: a.filtered + b.filtered,
    declared: a.declared + b.declared,
    // Who acknowledges has one stream, and the last that was told of it holds.
    acknowledged: b.acknowledged ?? a.acknowledged,
  }
}

function addedLine(a: LineLedger | undefined, b: LineLedger | undefined): LineLedger | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return {
    missed: a.missed + b.missed,
    duplicates: a.duplicates + b.duplicates,
    wins: a.wins + b.wins,
    divergent: a.divergent + b.divergent,
  }
}
