import type { Source } from '../lib/consumer.js'
import type { Link } from '../lib/producer.js'

/** Links that have ended are remembered up to this many; of more, the latest. */
const MOST_ENDED = 1_000

/** A link's part of `stats()`. */
interface Entry {
  readonly remote: string
}

/** A producer or a consumer. */
interface End {
  on(event: 'unlink', listener: (link: Link | Source) => void): unknown
}

/**
 * Remembers what became of links that were accepted and have ended, since an end forgets them.
 *
 * @returns what puts them before the other links of the final ledger
 */
export function keepLedgers(end: End): <Stats extends { readonly links: readonly Entry[] }>(stats: Stats) => Stats {
  const ended: Entry[] = []
  end.on('unlink', (link) => {
    if (link.origin === 'dialled') return
    ended.push(describe(link))
    if (ended.length > MOST_ENDED) ended.shift()
  })
  return (stats) => ({ ...stats, links: [...without(ended, stats.links), ...stats.links] })
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
