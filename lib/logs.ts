import { FanwireError } from './errors.js'
import { Fanout, type FanoutHost, type FanoutSettings } from './fanout.js'
import { FlushWaiter } from './flush-waiter.js'
import type { Framing } from './framing/framing.js'
import type { Memory } from './memory.js'
import type { MessageLimit } from './message-limit.js'
import { type Outlet, type OutletHost, SENT } from './outlet.js'
import type { Platform } from './platform.js'
import type { ProducerLink } from './producer-link.js'
import { Turnstile, type TurnstileHost } from './turnstile.js'

/** Everyone gets what he wants: one log for each framing, one numbering for all of them. */
export class Logs implements Outlet, TurnstileHost {
  next = 1
  #unheard = 0
  readonly #fanouts: Fanout[] = []
  readonly #turnstile: Turnstile
  #scheduled = false
  readonly #flush = (): void => {
    this.#scheduled = false
    for (const fanout of this.#fanouts) {
      fanout.flush()
      fanout.rest()
    }
  }

  constructor(
    private readonly platform: Platform,
    private readonly memory: Memory,
    private readonly limit: MessageLimit,
    private readonly settings: FanoutSettings,
    private readonly host: OutletHost & FanoutHost,
  ) {
    this.#turnstile = new Turnstile(platform, memory, this)
  }

  /** The log for a framing: asked for while ends are being opened, before the first message. */
  log(framing: Framing): Fanout {
    let fanout = this.#fanouts.find(({ log }) => log.framing.name === framing.name)
    if (fanout === undefined) {
      const { platform, memory, settings, host, next } = this
      fanout = new Fanout(platform, memory, framing, settings, host, next, () => this.#turnstile.update())
      this.#fanouts.push(fanout)
    }
    return fanout
  }

  get links(): readonly ProducerLink[] {
    return this.#fanouts.flatMap(({ links }) => [...links])
  }

  get unsettled(): number {
    return this.#turnstile.size
  }

  send(topic: string, data: string | Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#turnstile.closed && this.publish(topic, data)) return this.sent()
    return this.#wait(topic, data, signal)
  }

  trySend(topic: string, data: string | Uint8Array): void {
    if (this.#turnstile.closed || !this.publish(topic, data)) {
      throw new FanwireError('BUFFER_FULL', 'a link holds the producer back')
    }
    void this.sent()
  }

  destinations(topic: string | undefined): number {
    const counts = (link: ProducerLink) => (topic === undefined ? link.state === 'open' : link.wants(topic))
    return this.links.filter(counts).length
  }

  async drain(signal: AbortSignal | undefined, patienceMs: number): Promise<void> {
    const { host } = this
    await host.until(() => this.#turnstile.size === 0, signal)
    this.#flush()
    const waiter = new FlushWaiter(this.links, this.platform, patienceMs, () => host.progressed())
    try {
      await host.until(() => waiter.done, signal)
    } finally {
      waiter.close()
    }
  }

  counts(): { accepted: number; unheard: number } {
    return { accepted: this.next - 1, unheard: this.#unheard }
  }

  ledgers(): readonly [] {
    return []
  }

  close(): void {
    this.#turnstile.empty(() => new FanwireError('CLOSED', 'the producer is closed'))
    for (const fanout of this.#fanouts) fanout.close()
  }

  // What the turnstile asks.

  /** A link is at its limit. */
  get held(): boolean {
    return this.#fanouts.some(({ gates }) => gates.size > 0)
  }

  /** Puts a message into every log. False when a link that may not be dropped from holds the memory. */
  publish(text: string, data: string | Uint8Array): boolean {
    const dataSize = typeof data === 'string' ? this.platform.textSize(data) : data.length
    const fanouts = this.#fanouts
    let number = this.next
    for (let i = 0; i < fanouts.length; i++) {
      const fanout = fanouts[i] as Fanout
      const topic = fanout.topic(text)
      fanout.log.framing.check?.(data)
      if (!fanout.reserve(this.limit.sizeOf(fanout.log.framing, topic, dataSize))) return false
      if (number === this.next) continue
      // Making room told somebody who has sent something himself, into what had been reserved.
      number = this.next
      i = -1
    }
    let heard = false
    for (let i = 0; i < fanouts.length; i++) {
      const fanout = fanouts[i] as Fanout
      const topic = fanout.topic(text)
      fanout.publish(topic, data, dataSize, fanout.log.framing.size(topic.head, dataSize))
      heard ||= fanout.links.size > 0
    }
    if (!heard) this.#unheard++
    this.next++
    for (let i = 0; i < fanouts.length; i++) (fanouts[i] as Fanout).ring()
    return true
  }

  /** Sees to it that what was published leaves. The promise resolves late when the sockets need a turn of their own. */
  sent(): Promise<void> {
    if (!this.#scheduled) {
      this.#scheduled = true
      this.platform.defer(this.#flush)
    }
    const fanouts = this.#fanouts
    for (let i = 0; i < fanouts.length; i++) {
      const fanout = fanouts[i] as Fanout
      if (!fanout.due || !fanout.look()) continue
      fanout.rest()
      return this.platform.breathe()
    }
    return SENT
  }

  refused(cause: unknown): void {
    this.host.countRefusal(cause)
  }

  progressed(): void {
    this.host.progressed()
  }

  /** Waits until the links that hold the producer back have room. */
  #wait(topic: string, data: string | Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const gates = this.#fanouts.flatMap((fanout) => [...fanout.gates])
    const refusing = gates.find((link) => link.policy.policy === 'buffer' && !link.spills)
    if (refusing !== undefined) {
      throw new FanwireError(
        'BUFFER_FULL',
        `the backlog for ${refusing.remote} is at its limit; nobody got the message`,
      )
    }
    const dataSize = typeof data === 'string' ? this.platform.textSize(data) : data.length
    for (const fanout of this.#fanouts) {
      fanout.log.framing.check?.(data)
      this.limit.sizeOf(fanout.log.framing, fanout.topic(topic), dataSize)
    }
    const timeouts = gates.map(({ policy }) =>
      policy.policy === 'backpressure' && policy.then === 'reject' ? policy.timeoutMs : Infinity,
    )
    return this.#turnstile.wait(topic, data, Math.min(...timeouts), signal)
  }
}
