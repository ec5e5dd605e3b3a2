import { cloneBytes, textBytes } from './bytes.js'
import type { ProducerLinkLedger } from './ledger.js'
import type { LinkDescription } from './link.js'
import { checkSize } from './message-limit.js'
import { type Outlet, type OutletHost, SENT } from './outlet.js'
import type { Platform } from './platform.js'
import { checkTopic } from './topic.js'
import type { StoreEnd } from './transport.js'

/** A producer's end keeps messages itself, in place of the log. */
export class Store implements Outlet {
  next = 1
  /** Messages that it has neither taken nor refused yet. */
  unsettled = 0
  readonly links = []
  /** Messages that had their number when it refused them. */
  #refused = 0

  constructor(
    private readonly platform: Platform,
    private readonly end: StoreEnd,
    private readonly maxMessageBytes: number,
    private readonly host: OutletHost,
  ) {}

  /** Gives it a message. What is refused later, even if nobody waits for it, is counted and announced. */
  send(topic: string, data: string | Uint8Array): Promise<void> {
    checkTopic(topic)
    const bytes = typeof data === 'string' ? textBytes(this.platform, data) : cloneBytes(data)
    checkSize(this.platform.textSize(topic) + bytes.length, this.maxMessageBytes)
    const taking = this.end.append(topic, bytes, this.next)
    this.next++
    if (taking === undefined) return SENT
    this.unsettled++
    const settled = this.#settle(taking)
    settled.catch(() => undefined)
    return settled
  }

  trySend(topic: string, data: string | Uint8Array): void {
    void this.send(topic, data)
  }

  /** Those that are open: they may want anything. */
  destinations(): number {
    return this.end.ledgers().filter(({ state }) => state === 'open').length
  }

  async drain(signal: AbortSignal | undefined): Promise<void> {
    await this.host.until(() => this.unsettled === 0, signal)
    await this.end.flush(signal)
  }

  counts(): { accepted: number; unheard: number } {
    return { accepted: this.next - 1 - this.unsettled - this.#refused, unheard: 0 }
  }

  ledgers(): readonly (LinkDescription & ProducerLinkLedger)[] {
    return this.end.ledgers()
  }

  /** The end itself is the producer's to close. */
  close(): void {}

  async #settle(taking: Promise<void>): Promise<void> {
    try {
      await taking
    } catch (error) {
      this.unsettled--
      this.#refused++
      this.host.countRefusal(error)
      this.host.progressed()
      throw error
    }
    this.unsettled--
    this.host.progressed()
  }
}
