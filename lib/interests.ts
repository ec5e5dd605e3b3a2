import type { Memory } from './memory.js'
import type { Topic } from './topics.js'
import { FilteredView } from './view.js'

/** Sets of at most this many prefixes are compared, so that links which want the same share a view. */
const SHARED_PREFIXES = 64
/** What a prefix takes in the index beside its text, in bytes; measured on V8. */
const ENTRY_BYTES = 192

/**
 * Which views want which topic: an index of all prefixes, asked once for each topic and again only after some view has
 * changed. Prefixes and topics are strings of one character a byte.
 */
export class Interests {
  /** Goes up with every change; a topic's list of views holds for one epoch. */
  epoch = 0
  readonly #shared = new Map<string, FilteredView>()
  readonly #byPrefix = new Map<string, Set<FilteredView>>()
  /** How many prefixes there are of each length; the keys in order are the slices of a topic worth looking up. */
  readonly #lengths = new Map<number, number>()
  #sorted: number[] = []

  constructor(private readonly memory: Memory) {}

  /** The views that want `topic`. */
  of(topic: Topic): readonly FilteredView[] {
    if (topic.epoch !== this.epoch) {
      topic.views = this.matching(topic.bytes)
      topic.epoch = this.epoch
    }
    return topic.views
  }

  matching(topic: string): FilteredView[] {
    const found = new Set<FilteredView>()
    for (const length of this.#sorted) {
      if (length > topic.length) break
      const views = this.#byPrefix.get(topic.slice(0, length))
      if (views !== undefined) for (const view of views) found.add(view)
    }
    return [...found]
  }

  /** The view of everything that begins with one of `prefixes`: a shared one where some link has the same set. */
  view(prefixes: ReadonlySet<string>): FilteredView {
    const key = keyOf(prefixes)
    const known = key === undefined ? undefined : this.#shared.get(key)
    if (known !== undefined) return known
    const view = new FilteredView(this.memory, prefixes)
    for (const prefix of prefixes) this.#index(view, prefix)
    if (key !== undefined) this.#shared.set(key, view)
    this.epoch++
    return view
  }

  /** Whether a change to `prefixes` can be made in `view` itself: it has one reader, and is compared with nobody's. */
  isPrivate(view: FilteredView, prefixes: ReadonlySet<string>): boolean {
    return view.prefixes.size > SHARED_PREFIXES && prefixes.size > SHARED_PREFIXES && view.links.size === 1
  }

  /** Changes the filter of a private view from now on. */
  change(view: FilteredView, prefixes: ReadonlySet<string>): void {
    for (const prefix of [...view.prefixes]) {
      if (prefixes.has(prefix)) continue
      view.exclude(prefix)
      this.#unindex(view, prefix)
    }
    for (const prefix of prefixes) {
      if (view.prefixes.has(prefix)) continue
      view.include(prefix)
      this.#index(view, prefix)
    }
    this.epoch++
  }

  /** Stops feeding a view that no link reads at its end any more. Its positions stay for those that are behind. */
  retire(view: FilteredView): void {
    const key = keyOf(view.prefixes)
    if (key !== undefined) this.#shared.delete(key)
    for (const prefix of view.prefixes) this.#unindex(view, prefix)
    this.epoch++
  }

  #index(view: FilteredView, prefix: string): void {
    const views = this.#byPrefix.get(prefix)
    if (views !== undefined) {
      views.add(view)
      return
    }
    this.#byPrefix.set(prefix, new Set([view]))
    this.memory.subscribe(ENTRY_BYTES + prefix.length)
    this.#count(prefix.length, 1)
  }

  #unindex(view: FilteredView, prefix: string): void {
    const views = this.#byPrefix.get(prefix)
    if (views === undefined || !views.delete(view) || views.size > 0) return
    this.#byPrefix.delete(prefix)
    this.memory.subscribe(-ENTRY_BYTES - prefix.length)
    this.#count(prefix.length, -1)
  }

  #count(length: number, change: number): void {
    const count = (this.#lengths.get(length) ?? 0) + change
    if (count > 0) this.#lengths.set(length, count)
    else this.#lengths.delete(length)
    if (count === 0 || count === change) this.#sorted = [...this.#lengths.keys()].sort((a, b) => a - b)
  }
}

/** One text for one set, whatever the order. Undefined for a set too large to be worth comparing. */
function keyOf(prefixes: ReadonlySet<string>): string | undefined {
  return prefixes.size > SHARED_PREFIXES ? undefined : JSON.stringify([...prefixes].sort())
}
