import type { Cursor } from './cursor.js'
import type { LastValues } from './last-values.js'
import type { Log } from './log.js'
import type { Memory } from './memory.js'
import type { Patience } from './patience.js'
import type { Platform } from './platform.js'
import type { ProducerLink } from './producer-link.js'
import type { Reader } from './reader.js'
import type { Retention } from './retention.js'
import type { Searches } from './searches.js'
import { SLAB_BYTES, type Slab } from './slab.js'
import type { Topics } from './topics.js'
import type { FilteredView, View } from './view.js'

/** What the window of a log is made of, and what bounds it. */
export interface WindowParts {
  readonly platform: Platform
  readonly memory: Memory
  readonly retention: Retention
  readonly log: Log
  readonly topics: Topics
  readonly reader: Reader
  readonly lastValues: LastValues
}

/** Who reads in it. */
export interface WindowLinks {
  readonly all: ReadonlySet<ProducerLink>
  /** Those for which something waits after they were offered it. */
  readonly behind: ReadonlySet<ProducerLink>
  readonly searches: Searches
  readonly patience: Patience
}

/** Who offers links what is in it. */
export interface WindowHost {
  /** The number up to which all links were offered everything. */
  readonly offered: number
  /** Offers links what they were not offered. */
  flush(): void
  /** The memory is full, and the link, which may not be dropped from, holds `send()` back. */
  fill(link: ProducerLink): void
  /** The memory is full, and so is the buffer of the link. */
  exhaust(link: ProducerLink): void
}

/** How much of the log stays in memory: from what the slowest link needs or what is retained, as long as there is room. */
export class Window {
  /** Views that have grown since they were last trimmed. */
  readonly grown = new Set<FilteredView>()

  constructor(
    private readonly parts: WindowParts,
    private readonly links: WindowLinks,
    private readonly host: WindowHost,
  ) {}

  /** There is memory for one more slab. */
  get hasRoom(): boolean {
    const { log, memory } = this.parts
    return log.slabs.length <= 1 || memory.hasRoom(SLAB_BYTES)
  }

  /** Makes room for a message of `size` bytes. False when a link that may not be dropped from holds the memory. */
  makeRoom(size: number): boolean {
    const { log, memory } = this.parts
    this.host.flush()
    this.#trim()
    for (;;) {
      // Whoever heard of a link that was cut may have sent something, which must not leave before it was offered.
      this.host.flush()
      const fits = log.fits(size)
      if (memory.hasRoom(fits ? 0 : log.pool.costOf(size))) break
      const answer = this.#evict()
      if (answer === 'held') return false
      // What is left is not the log's to give: waiting calls, topics. One slab more lets the producer go on.
      if (answer === 'nothing') break
    }
    if (!log.fits(size)) log.open(size)
    return true
  }

  /** Lets go of everything when nobody is behind, or of what nobody needs. */
  tidy(): void {
    const { log, lastValues, retention } = this.parts
    if (this.links.behind.size > 0 || log.next !== this.host.offered || !retention.nothing) return
    log.rewind()
    lastValues.deleteBelow(Infinity)
    this.#trimViews()
  }

  /** Moves the window up to the first message that somebody needs. */
  #trim(): void {
    const { log, retention, platform } = this.parts
    let floor = Math.min(this.host.offered, retention.start(log, platform.now()))
    for (const link of this.links.behind) {
      link.applyPolicy()
      floor = Math.min(floor, link.floor)
    }
    while (log.slabs.length > 0 && (log.slabs[0] as Slab).next <= floor) this.#shift()
    this.#follow()
  }

  /** Frees memory: lets the oldest slab leave, unless a link that must not lose anything needs it. */
  #evict(): 'freed' | 'held' | 'nothing' {
    const { log, reader } = this.parts
    const oldest = log.slabs[0]
    // The slab that is being filled goes last: the next message would want another one.
    if (log.slabs.length < 2 && (log.pool.trim() || this.#forgetOldest())) return 'freed'
    if (oldest === undefined) {
      if (this.#cutWorst()) return 'freed'
      reader.release()
      return 'nothing'
    }
    let held = false
    const { next } = log
    for (const link of [...this.links.behind]) {
      if (link.floor >= oldest.next) continue
      if (link.gates) {
        this.host.fill(link)
        held = true
      } else if (link.policy.policy === 'buffer' && link.policy.then === 'disconnect' && !link.jumps) {
        this.host.exhaust(link)
      }
    }
    if (held) return 'held'
    if (log.slabs[0] === oldest && log.next === next) this.#shift()
    this.#follow()
    return 'freed'
  }

  /** Forgets the oldest of the last values, many at a time because the topics that go with them have to be looked for. */
  #forgetOldest(): boolean {
    const { lastValues } = this.parts
    if (!lastValues.evict(1 + (lastValues.size >> 4))) return false
    this.sweepTopics()
    return true
  }

  /** Forgets the topics that no message has which is still there. */
  sweepTopics(): void {
    const { log, topics } = this.parts
    const { start } = log
    topics.sweep((topic) => topic.latest >= start || topic.kept)
  }

  /** The oldest slab leaves the window; what is still the newest of its topic is kept where somebody wants that. */
  #shift(): void {
    const { log, topics, lastValues, retention } = this.parts
    const oldest = log.slabs[0] as Slab
    this.links.searches.hurry(oldest.next)
    let least = retention.latest ? 0 : Infinity
    for (const link of this.links.behind) {
      if (link.cursor?.segments.some((segment) => segment.conflates)) least = Math.min(least, link.cursor.number)
    }
    if (least < oldest.next) lastValues.keep(oldest, (id) => topics.at(id), least)
    log.shift()
  }

  /** The window has moved: cursors that it has passed jump, and what only they needed goes. */
  #follow(): void {
    const { log, memory, lastValues, retention } = this.parts
    const { start } = log
    let conflating = Infinity
    for (const link of this.links.behind) {
      const cursor = link.cursor as Cursor
      if (cursor.advance()?.conflates) conflating = Math.min(conflating, cursor.number)
      else link.drop(cursor.countBelow(start), 'evicted')
    }
    if (!retention.latest) lastValues.deleteBelow(conflating)
    this.#trimViews()
    if (log.lingering > memory.limit / 4) this.#cutWorst()
  }

  #trimViews(): void {
    if (this.grown.size === 0) return
    const { start } = this.parts.log
    const needed = new Map<View, number>()
    for (const link of this.links.behind) {
      for (const [segment, from] of (link.cursor as Cursor).held()) {
        const { view } = segment
        const least = segment.conflates ? Math.max(from, view.indexOf(start)) : from
        needed.set(view, Math.min(least, needed.get(view) ?? Infinity))
      }
    }
    for (const view of this.grown) {
      if (view.dirty) continue
      view.trim(needed.get(view) ?? view.end)
      if (!needed.has(view)) this.grown.delete(view)
    }
  }

  /** Slabs that the window has left are held by carriers that do not move: the one that stands longest goes. */
  #cutWorst(): boolean {
    let worst: ProducerLink | undefined
    for (const link of this.links.all) {
      if (!link.pinned?.retired) continue
      if (worst === undefined || link.progressAt < worst.progressAt) worst = link
    }
    if (worst !== undefined) this.links.patience.cut(worst, 'held memory without progress')
    return worst !== undefined
  }
}
