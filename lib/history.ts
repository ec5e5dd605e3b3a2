import type { LastValues } from './last-values.js'
import type { Log } from './log.js'
import type { Memory } from './memory.js'
import type { Retention } from './retention.js'
import { Search } from './search.js'
import type { Topics } from './topics.js'
import type { StartFrom } from './transport.js'
import { FilteredView, POSITION_BYTES } from './view.js'

/** What a link finds that does not begin at the present: the window, and before it the last values. */
export class History {
  constructor(
    private readonly log: Log,
    private readonly topics: Topics,
    private readonly lastValues: LastValues,
    private readonly memory: Memory,
    private readonly terms: { readonly stream: string; readonly run: number; readonly retention: Retention },
  ) {}

  /** The number at which a link begins that asks for `from` at time `now`. */
  startOf(from: StartFrom, conflates: boolean, now: number): number {
    const { log, terms } = this
    const retained = terms.retention.start(log, now)
    if (from === 'now') return log.next
    if (from === 'oldest') return retained
    const known = Math.min(log.start, this.lastValues.oldest)
    if (from === 'latest-per-topic') return known
    if (from.stream !== terms.stream || from.run !== terms.run) return retained
    return Math.min(log.next, Math.max(from.next, conflates ? known : log.start))
  }

  /** A search for what `prefixes` let through from `from` up to but not including `to`. */
  search(prefixes: ReadonlySet<string>, from: number, to: number): Search {
    const { log, memory } = this
    const view = new FilteredView(memory, prefixes)
    const most = Math.max(1, Math.floor((memory.limit - memory.used) / (4 * POSITION_BYTES)))
    for (const value of this.lastValues.between(from, Math.min(to, log.start), view)) {
      view.push(value.number, value.to - value.from)
    }
    return new Search(log, this.topics, view, Math.min(to, Math.max(from, log.start)), to, most)
  }
}
