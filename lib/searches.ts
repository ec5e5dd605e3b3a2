import type { Platform } from './platform.js'
import type { ProducerLink } from './producer-link.js'
import type { Search } from './search.js'

/** Messages that are looked at in one turn, for all links together: a few milliseconds' worth. */
const TURN_WORK = 131_072

/** The searches of links that begin in the past. What one turn has no time for goes on in the next. */
export class Searches {
  readonly #unfinished = new Map<ProducerLink, Search>()
  #work = TURN_WORK
  #scheduled = false

  /** @param finished called when all that lies before a link has been looked at */
  constructor(
    private readonly platform: Platform,
    private readonly finished: (link: ProducerLink) => void,
  ) {}

  /** Searches as far as this turn has time. */
  begin(search: Search): void {
    this.#work = search.advance(this.#work)
    this.#schedule()
  }

  /** Goes on with a search that the link's cursor has entered, in the turns that follow. */
  goOn(link: ProducerLink, search: Search): void {
    this.#unfinished.set(link, search)
    this.#schedule()
  }

  /** Looks at once at what is about to leave the window, below `number`. */
  hurry(number: number): void {
    for (const [link, search] of this.#unfinished) {
      this.#advance(link, search, Infinity, Math.min(number, search.to))
      // In a turn of its own: the log is in the middle of moving.
      if (search.left === 0) this.platform.defer(() => this.#tidy(link, search))
    }
  }

  delete(link: ProducerLink): void {
    this.#unfinished.delete(link)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    void this.platform.breathe().then(() => {
      this.#scheduled = false
      this.#work = TURN_WORK
      for (const [link, search] of this.#unfinished) {
        this.#work = this.#advance(link, search, this.#work, search.to)
        this.#tidy(link, search)
        if (this.#work === 0) break
      }
      if (this.#unfinished.size > 0) this.#schedule()
    })
  }

  #advance({ cursor }: ProducerLink, search: Search, work: number, end: number): number {
    if (cursor === undefined) return work
    // What was given up meanwhile need not be looked at.
    search.at = search.to - cursor.unsearched
    const left = search.advance(work, end)
    cursor.searched(search.left)
    return left
  }

  /** Drops what memory is too short for, and ends a search that is done. */
  #tidy(link: ProducerLink, search: Search): void {
    const { cursor } = link
    if (cursor === undefined || this.#unfinished.get(link) !== search) return
    link.drop(search.excess(cursor.index), 'evicted')
    search.view.trim(cursor.index)
    if (search.left > 0) return
    this.#unfinished.delete(link)
    this.finished(link)
  }
}
