import { FanwireError } from './errors.js'
import type { Platform, Timer } from './platform.js'
import type { ProducerLink } from './producer-link.js'
import type { Peer } from './transport.js'

/** Consumers remembered for having been cut off. */
const MOST_ON_PROBATION = 1024

/** How long links may hold others up: one timer for all of their deadlines. */
export class Patience {
  #timer: Timer | undefined
  #at = Infinity
  readonly #probation = new Set<string>()

  /**
   * @param gates the links that hold `send()` back at the moment
   * @param cutStanding cuts who holds too much memory for too long; returns in how many milliseconds another is due
   * @param stallMs how long a write, or an acknowledgement that something waits for, may take without progress
   */
  constructor(
    private readonly platform: Platform,
    private readonly links: ReadonlySet<ProducerLink>,
    private readonly gates: ReadonlySet<ProducerLink>,
    private readonly cutStanding: () => number,
    private readonly stallMs: number,
  ) {}

  /** Looks after the deadlines in `delayMs` at the latest. */
  watch(delayMs: number): void {
    const at = this.platform.now() + delayMs
    if (at >= this.#at) return
    this.#timer?.cancel()
    this.#at = at
    this.#timer = this.platform.timer(delayMs, () => this.#check())
    this.keepAlive()
  }

  /** Somebody may wait in `send()` for what happens then, and nothing else keep the process alive. */
  keepAlive(): void {
    if (this.gates.size > 0) this.#timer?.ref()
  }

  /** Whether the peer was cut off lately for being slow; asked once, when it is back. */
  onProbation({ id }: Peer): boolean {
    return id !== undefined && this.#probation.delete(id)
  }

  /** Cuts a link that did not move. */
  cut(link: ProducerLink, what: string): void {
    const id = link.peer?.id
    if (id !== undefined) {
      if (this.#probation.size === MOST_ON_PROBATION) this.#probation.clear()
      this.#probation.add(id)
    }
    link.cut(new FanwireError('STALLED', `${link.remote} ${what}`), 'stalled')
  }

  close(): void {
    this.#timer?.cancel()
  }

  #check(): void {
    this.#timer = undefined
    this.#at = Infinity
    const now = this.platform.now()
    let next = now + this.cutStanding()
    for (const link of [...this.links]) {
      const deadline = this.#deadline(link)
      if (deadline === undefined) continue
      if (deadline.at > now) next = Math.min(next, deadline.at)
      else deadline.act()
    }
    if (next < Infinity) this.watch(next - now)
  }

  /** When the patience with a link ends, and what happens then. */
  #deadline(link: ProducerLink): { at: number; act: () => void } | undefined {
    const { policy, progressAt } = link
    const { stallMs } = this
    if (link.full && policy.policy === 'backpressure' && policy.then !== 'reject') {
      const at = Math.max(progressAt, link.fullAt) + policy.timeoutMs
      if (policy.then === 'drop') return { at, act: () => link.giveWay() }
      return { at, act: () => this.cut(link, `held the producer back for ${policy.timeoutMs} ms`) }
    }
    if (!link.busy && !link.owes) return undefined
    const what = link.busy ? 'took no byte' : 'acknowledged nothing'
    return { at: progressAt + stallMs, act: () => this.cut(link, `${what} for ${stallMs} ms`) }
  }
}
