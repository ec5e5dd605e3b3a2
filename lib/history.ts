import type { LastValues } from './last-values.js'
import type { Log } from './log.js'
import type { Memory } from './memory.js'
import type { Retention } from './retention.js'
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

  /**
   * The matches from `from` up to but not including `to`, by one scan of the index; only the newest of them where memory
   * is short, and then `start` is later than `from`.
   */
  matches(prefixes: ReadonlySet<string>, from: number, to: number): { view: FilteredView; start: number } {
    const { log, memory } = this
    const view = new FilteredView(memory, new Set(prefixes))
    const most = Math.max(1, Math.floor((memory.limit - memory.used) / (4 * POSITION_BYTES)))
    let start = from
    const push = (number: number, size: number) => {
      if (view.end - view.base === most) {
        start = view.numberAt(view.base) + 1
        view.trim(view.base + 1)
      }
      view.push(number, size)
    }
    for (const value of this.lastValues.between(from, Math.min(to, log.start), view))
      push(value.number, value.to - value.from)
    const wanted = new Map<number, boolean>()
    for (const slab of log.slabs) {
      const end = Math.min(slab.count, to - slab.first)
      for (let i = Math.max(0, from - slab.first); i < end; i++) {
        const id = slab.topics[i] as number
        let wants = wanted.get(id)
        if (wants === undefined) {
          wants = view.wants(this.topics.at(id).bytes)
          wanted.set(id, wants)
        }
        if (wants) push(slab.first + i, (slab.ends[i] as number) - slab.startOf(i))
      }
    }
    return { view, start }
  }
}
