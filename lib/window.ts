import { type Cursor, endOf } from './cursor.js'
import type { LastValues } from './last-values.js'
import type { Log } from './log.js'
import type { Memory } from './memory.js'
import type { CompleteLimit } from './overflow.js'
import type { Patience } from './patience.js'
import type { Platform } from './platform.js'
import type { ProducerLink } from './producer-link.js'
import type { Reader } from './reader.js'
import type { Retention } from './retention.js'
import type { Searches } from './searches.js'
import { SLAB_BYTES, type Slab } from './slab.js'
import type { Spill } from './spill.js'
import type { Topics } from './topics.js'
import type { FilteredView, View } from './view.js'

/**
 * How long a link may stand still while it holds memory that all want. Carriers look once a second at how far a write
 * has come, so that one that moves is seen to.
 */
const STANDING_MS = 3_000

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
  /** What the message that found no room would take; 0 when the last one found some. */
  #wanted = 0

  constructor(
    private readonly parts: WindowParts,
    private readonly links: WindowLinks,
    private readonly host: WindowHost,
  ) {}

  /** There is memory for what found none, or else for one more slab. */
  get hasRoom(): boolean {
    const { log, memory } = this.parts
    if (this.#wanted > 0) return memory.hasRoom(this.#wanted)
    return log.slabs.length <= 1 || memory.hasRoom(SLAB_BYTES)
  }

  /** Makes room for a message of `size` bytes. False when a link that may not be dropped from holds the memory. */
  makeRoom(size: number): boolean {
    const { log, memory } = this.parts
    this.trim()
    for (let isOffered = false; ; ) {
      const fits = log.fits(size)
      const cost = fits ? 0 : log.pool.costOf(size)
      this.#wanted = cost
      if (memory.hasRoom(cost)) {
        // Of large ones the next must be able to wait: its copy counts as well.
        if (size <= SLAB_BYTES || memory.hasRoom(cost + size) || !this.#holdBack()) break
        return false
      }
      // Nothing may leave before it was offered; whoever hears of a link that is cut may send something.
      if (!isOffered) {
        this.host.flush()
        this.trim()
        isOffered = true
        continue
      }
      isOffered = false
      const answer = this.#evict()
      if (answer === 'held') return false
      // What is left is not the log's to give: waiting calls, topics. One slab more lets the producer go on.
      if (answer === 'nothing') break
    }
    this.#wanted = 0
    if (!log.fits(size)) log.open(size)
    return true
  }

  /** Lets go of everything when nobody is behind, or of what nobody needs. */
  tidy(): void {
    const { log, lastValues, retention } = this.parts
    if (this.links.behind.size === 0) log.spill?.release(Infinity)
    if (this.links.behind.size > 0 || log.next !== this.host.offered || !retention.nothing) return
    log.rewind()
    lastValues.deleteBelow(Infinity)
    this.#trimViews()
    this.#watchStanding()
  }

  /** Moves the window up to the first message that somebody needs; for links above their limit to the disk. */
  trim(): void {
    const { log, retention, platform } = this.parts
    let floor = Math.min(this.host.offered, retention.start(log, platform.now()))
    let spilling: ProducerLink | undefined
    for (const link of this.links.behind) {
      link.applyPolicy()
      if (!link.spills || !link.isOver) floor = Math.min(floor, link.floor)
      else if (spilling === undefined || link.floor < spilling.floor) spilling = link
    }
    for (let oldest = log.slabs[0]; oldest !== undefined && oldest.next <= floor; oldest = log.slabs[0]) {
      if (spilling === undefined || spilling.floor >= oldest.next) this.#shift()
      else if (this.#exceeds(spilling.limit) && log.spill?.behind === false) this.#shift(log.spill)
      else break
    }
    this.follow()
  }

  /** Whether the window, without the slab that is being filled, holds more than `limit`. */
  #exceeds(limit: CompleteLimit): boolean {
    const { log } = this.parts
    const [oldest] = log.slabs
    if (oldest === undefined || log.slabs.length < 2) return false
    return log.next - oldest.first > limit.messages || log.bytes - oldest.origin > limit.bytes
  }

  /** Frees memory: lets the oldest slab leave, unless a link that must not lose anything needs it. */
  #evict(): 'freed' | 'held' | 'nothing' {
    const { log } = this.parts
    const oldest = log.slabs[0]
    // The slab that is being filled goes last: the next message would want another one.
    if (log.slabs.length < 2 && this.#forgetOldest()) return 'freed'
    if (oldest === undefined) return this.#reclaim()
    let held = false
    let spill: Spill | undefined
    const { next } = log
    for (const link of [...this.links.behind]) {
      if (link.floor >= oldest.next) continue
      if (link.spills) {
        ;({ spill } = log)
        if (spill?.behind !== true) continue
        this.host.fill(link)
        held = true
      } else if (link.gates) {
        this.host.fill(link)
        held = true
      } else if (link.policy.policy === 'buffer' && link.policy.then === 'disconnect' && !link.jumps) {
        this.host.exhaust(link)
      }
    }
    if (held) return 'held'
    // The disk has failed, and nobody waits for what is there to be read: that is older still.
    if (spill === undefined && log.spill?.start !== undefined) log.spill.release(Infinity)
    else if (log.slabs[0] === oldest && log.next === next) this.#shift(spill)
    this.follow()
    return 'freed'
  }

  /** Nothing is left in the window, and carriers hold what has left it: `send()` waits for those whose links may ask that. */
  #reclaim(): 'freed' | 'held' | 'nothing' {
    if (this.#holdBack() || this.#awaitDisk()) return 'held'
    const worst = this.#worst()
    if (worst === undefined) {
      this.parts.reader.release()
      return 'nothing'
    }
    this.#cut(worst)
    return 'freed'
  }

  /** Makes `send()` wait for what is still to be written to the disk. False when nothing is. */
  #awaitDisk(): boolean {
    if (this.parts.log.spill?.writes !== true) return false
    const spilling = [...this.links.behind].filter((link) => link.spills)
    for (const link of spilling) this.host.fill(link)
    return spilling.length > 0
  }

  /** Makes `send()` wait for the links that may ask that and for which memory is held. False when there is none. */
  #holdBack(): boolean {
    let held = false
    for (const link of [...this.links.all]) {
      if (!link.gates || !(link.holdsOutside || this.links.behind.has(link))) continue
      this.host.fill(link)
      held = true
    }
    return held
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

  /** The oldest slab leaves the window, for the disk where one is named; what is still the newest of its topic is kept where somebody wants that. */
  #shift(spill?: Spill): void {
    const { log, topics, lastValues, retention } = this.parts
    const oldest = log.slabs[0] as Slab
    // Older still, and there may be no hole.
    if (spill === undefined) log.spill?.release(Infinity)
    this.links.searches.hurry(oldest.next)
    let least = retention.latest ? 0 : Infinity
    for (const link of this.links.behind) {
      if (link.cursor?.segments.some((segment) => segment.conflates)) least = Math.min(least, link.cursor.number)
    }
    if (least < oldest.next) lastValues.keep(oldest, (id) => topics.at(id), least)
    log.shift(spill)
  }

  /** The window has moved: cursors that it has passed jump, and what only they needed goes. */
  follow(): void {
    const { log, lastValues, retention } = this.parts
    const { start } = log
    let conflating = Infinity
    const { spill } = log
    spill?.release(this.#neededFrom(start))
    for (const link of this.links.behind) {
      const cursor = link.cursor as Cursor
      if (cursor.advance()?.conflates) conflating = Math.min(conflating, cursor.number)
      else link.drop(cursor.countBelow(log.oldest), 'evicted')
    }
    if (!retention.latest) lastValues.deleteBelow(conflating)
    this.#trimViews()
    this.#watchStanding()
  }

  /** The first number below `start` that a link needs which is not content with last values; `start` when there is none. */
  #neededFrom(start: number): number {
    let from = start
    for (const { cursor } of this.links.behind) {
      for (const [segment, index] of cursor?.held() ?? []) {
        if (segment.conflates || endOf(segment) <= index) continue
        from = Math.min(from, segment.view.numberAt(index))
        break
      }
    }
    return from
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

  /** Too much memory is held outside the window. */
  get #isCrowded(): boolean {
    const { log, memory } = this.parts
    return log.lingering > memory.limit / 4
  }

  #watchStanding(): void {
    if (!this.#isCrowded) return
    const leftMs = this.cutStanding()
    if (leftMs < Infinity) this.links.patience.watch(leftMs)
  }

  /**
   * While too much is held outside the window, cuts the links that stand still, the longest first. Returns in how many
   * milliseconds another one is due if it goes on standing.
   */
  cutStanding(): number {
    const now = this.parts.platform.now()
    while (this.#isCrowded) {
      const worst = this.#worst()
      if (worst === undefined) break
      const leftMs = worst.progressAt + STANDING_MS - now
      if (leftMs > 0) return leftMs
      this.#cut(worst)
    }
    return Infinity
  }

  /** The link that has stood longest of those that hold memory outside the window, and whose policy has no answer to that. */
  #worst(): ProducerLink | undefined {
    let worst: ProducerLink | undefined
    for (const link of this.links.all) {
      if (!link.holdsOutside || link.gates) continue
      if (worst === undefined || link.progressAt < worst.progressAt) worst = link
    }
    return worst
  }

  #cut(link: ProducerLink): void {
    this.links.patience.cut(link, 'held memory without progress')
  }
}
