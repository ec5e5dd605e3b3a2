import type { Log } from './log.js'
import type { Topics } from './topics.js'
import type { FilteredView } from './view.js'

/** What a topic that was not seen before costs, in messages whose topic was. */
const TOPIC_WORK = 64

/** A search of the log for the messages that a filter lets through, which may be done in pieces. */
export class Search {
  readonly #wanted = new Map<number, boolean>()

  /**
   * @param view where what is found goes
   * @param at the next number to look at, which must be in the window
   * @param to the number at which the search ends
   */
  constructor(
    private readonly log: Log,
    private readonly topics: Topics,
    readonly view: FilteredView,
    public at: number,
    readonly to: number,
    /** As many positions may be kept: the newest, where memory is short. */
    private readonly most: number,
  ) {}

  /** Numbers that were not looked at. */
  get left(): number {
    return this.to - this.at
  }

  /** Looks at what lies below `end` until `work` is done, in messages. Returns how much is left to do. */
  advance(work: number, end = this.to): number {
    const { log, view } = this
    let left = work
    while (left > 0 && this.at < end) {
      const slab = log.slabOf(this.at)
      const last = Math.min(slab.next, end)
      while (left > 0 && this.at < last) {
        const i = this.at - slab.first
        const id = slab.topics[i] as number
        let wants = this.#wanted.get(id)
        if (wants === undefined) {
          wants = view.wants(this.topics.at(id).bytes)
          this.#wanted.set(id, wants)
          left -= TOPIC_WORK
        }
        if (wants) view.push(this.at, (slab.ends[i] as number) - slab.startOf(i))
        left--
        this.at++
      }
    }
    return Math.max(0, left)
  }

  /** How many of the matches from `index` on are more than may be kept. */
  excess(index: number): number {
    return Math.max(0, this.view.end - index - this.most)
  }
}
