/** Over how long a rate is taken. */
const WINDOW_MS = 1_000

/** How fast a count grows, from looking at it now and then. */
export class Rate {
  readonly #seen: { readonly at: number; readonly count: number }[] = []

  /** @returns the growth per second */
  see(count: number, at: number): number {
    const seen = this.#seen
    // A process that was started anew counts from nothing.
    if (count < (seen.at(-1)?.count ?? 0)) seen.length = 0
    seen.push({ at, count })
    while (seen.length > 2 && (seen[1]?.at ?? at) <= at - WINDOW_MS) seen.shift()
    const [oldest] = seen
    if (oldest === undefined || oldest.at === at) return 0
    return Math.round(((count - oldest.count) * 1_000) / (at - oldest.at))
  }
}
