import type { Source } from '../lib/consumer.js'
import type { DropReason, EndedLedger, ProducerLinkLedger } from '../lib/ledger.js'
import type { Link } from '../lib/producer-face.js'

/** Links that have ended are remembered up to this many; of more, the latest. */
const MOST_ENDED = 1_000

/** A link's part of `stats()`. */
interface Entry {
  readonly remote: string
}

/** A producer's or a consumer's ledger, as far as links go. */
interface Stats {
  readonly links: readonly Entry[]
  /** A producer's: the sums of connections that have ended. */
  readonly ended?: readonly EndedLedger[]
}

type ListedLedger = Entry & ProducerLinkLedger

/** A producer or a consumer. */
interface End {
  on(event: 'unlink', listener: (link: Link | Source) => void): unknown
}

/**
 * Remembers what became of links that were accepted and have ended, since an end forgets them.
 *
 * @returns what puts them before the other links of the final ledger, and takes them out of the sums, so that whoever adds
 *   up all of it counts each once
 */
export function keepLedgers(end: End): <Final extends Stats>(stats: Final) => Final {
  const ended: Entry[] = []
  end.on('unlink', (link) => {
    if (link.origin === 'dialled') return
    ended.push(describe(link))
    if (ended.length > MOST_ENDED) ended.shift()
  })
  return (stats) => {
    const gone = without(ended, stats.links)
    const sums = stats.ended && { ended: stats.ended.flatMap((sum) => unlisted(sum, gone as readonly ListedLedger[])) }
    return { ...stats, links: [...gone, ...stats.links], ...sums }
  }
}

function describe(link: Link | Source): Entry {
  const { remote, state, peer } = link
  const stream = 'stream' in link ? { stream: link.stream } : {}
  const entry = { remote, kind: peer?.kind, state, ...stream, ...link.ledger() }
  return entry
}

/** Those that were there to the end have left by now, too, and stand in the final ledger already. */
function without(ended: readonly Entry[], links: readonly Entry[]): readonly Entry[] {
  const rest = [...ended]
  for (const { remote } of links) {
    // A port may have been used before: the latest is the one that was there.
    const at = rest.findLastIndex((entry) => entry.remote === remote)
    if (at >= 0) rest.splice(at, 1)
  }
  return rest
}

/** A sum without the connections that are listed one by one; nothing when those are all. */
function unlisted(sum: EndedLedger, listed: readonly ListedLedger[]): EndedLedger[] {
  // Peers that acknowledge and others are summed apart.
  const own = listed.filter(({ acknowledged }) => (acknowledged === undefined) === (sum.acknowledged === undefined))
  const rest = own.reduce(less, sum)
  return rest.connections === 0 && rest.considered === 0 ? [] : [rest]
}

function less(sum: EndedLedger, one: ProducerLinkLedger): EndedLedger {
  const dropped: Record<DropReason, number> = { ...sum.dropped }
  for (const reason of Object.keys(dropped) as DropReason[]) dropped[reason] -= one.dropped[reason]
  return {
    connections: sum.connections - 1,
    considered: sum.considered - one.considered,
    filtered: sum.filtered - one.filtered,
    dropped,
    waiting: sum.waiting - one.waiting,
    inFlight: sum.inFlight - one.inFlight,
    handed: sum.handed - one.handed,
    acknowledged: sum.acknowledged === undefined ? undefined : sum.acknowledged - (one.acknowledged ?? 0),
    unknown: sum.unknown === undefined ? undefined : sum.unknown - (one.unknown ?? 0),
    ...(sum.returned !== undefined && { returned: sum.returned - (one.returned ?? 0) }),
  }
}
