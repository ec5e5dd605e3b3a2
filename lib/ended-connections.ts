import type { Dropped, DropReason, EndedLedger, ProducerLinkLedger } from './ledger.js'

/** The ledgers of connections that have ended, added up: those with peers that acknowledge, and those with others. */
export class EndedConnections {
  #acknowledging: EndedLedger | undefined
  #others: EndedLedger | undefined

  /** @param connections 0 for a dialled link that was given up without one */
  add(ledger: ProducerLinkLedger, connections: 0 | 1): void {
    if (connections === 0 && ledger.considered === 0) return
    if (ledger.acknowledged === undefined) this.#others = sum(this.#others, ledger, connections)
    else this.#acknowledging = sum(this.#acknowledging, ledger, connections)
  }

  ledgers(): EndedLedger[] {
    return [this.#acknowledging, this.#others].filter((ledger) => ledger !== undefined)
  }
}

function sum(one: EndedLedger | undefined, other: ProducerLinkLedger, connections: number): EndedLedger {
  if (one === undefined) return { connections, ...other }
  const { acknowledged, unknown, returned } = other
  return {
    connections: one.connections + connections,
    considered: one.considered + other.considered,
    filtered: one.filtered + other.filtered,
    dropped: sumDropped(one.dropped, other.dropped),
    waiting: one.waiting + other.waiting,
    inFlight: one.inFlight + other.inFlight,
    handed: one.handed + other.handed,
    acknowledged: acknowledged === undefined ? undefined : acknowledged + (one.acknowledged ?? 0),
    unknown: unknown === undefined ? undefined : unknown + (one.unknown ?? 0),
    ...(returned !== undefined && { returned: returned + (one.returned ?? 0) }),
  }
}

function sumDropped(one: Dropped, other: Dropped): Dropped {
  const dropped: Record<DropReason, number> = { ...one }
  for (const reason of Object.keys(dropped) as DropReason[]) dropped[reason] += other[reason]
  return dropped
}
