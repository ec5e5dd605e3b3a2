import { FanwireError, type Link, type Producer } from 'fanwire'
import type { Connection } from './reports.js'
import { control } from './topics.js'
import { type Name, viewerOf } from './viewers.js'

/** How many messages the relay retains for those who were away. */
export const RETAINED = 400_000
/** How far a viewer that wants everything may fall behind, in messages, before the feed waits for it. */
const PATIENCE = RETAINED / 2

/** The viewers behind the relay, as it sees them come and go. */
export class Audience {
  readonly #producer: Producer
  readonly #links: Link[] = []
  readonly #cuts = new Map<Link, string>()
  /** Those who have left without having been cut off, with the number that was next then. */
  readonly #away = new Map<Name, number>()

  constructor(producer: Producer) {
    this.#producer = producer
    producer.on('link', (link) => {
      this.#links.push(link)
      const name = viewerOf(link.peer?.id)
      if (name !== undefined) this.#away.delete(name)
    })
    producer.on('unlink', (link, reason) => {
      const name = viewerOf(link.peer?.id)
      const cut = reason instanceof FanwireError && (reason.code === 'BUFFER_FULL' || reason.code === 'STALLED')
      if (cut) this.#cuts.set(link, reason.message)
      else if (name !== undefined) this.#away.set(name, producer.stats().next)
    })
  }

  /** Resolves when so many have come, and want to hear the end. */
  async complete(count: number): Promise<void> {
    await this.#producer.linked({ topic: control.end, count })
  }

  /**
   * A viewer that is away or catches up would miss what is no longer retained, if the feed went on. A market waits for
   * nobody; a proof that nothing gets lost has to, on a machine that starts a process slowly.
   */
  get stretched(): boolean {
    const leftAt = Math.min(...this.#away.values())
    if (leftAt < Number.POSITIVE_INFINITY && this.#producer.stats().next - leftAt > PATIENCE) return true
    return this.#links.some(
      (link) => link.state === 'open' && link.policy.policy === 'backpressure' && link.ledger().waiting > PATIENCE,
    )
  }

  /** Sends guests away: one that does not read could keep the feed from its end. */
  dismissGuests(): void {
    for (const link of this.#links) if (viewerOf(link.peer?.id) === undefined) link.close()
  }

  get connections(): Connection[] {
    return this.#links.map((link) => ({
      viewer: viewerOf(link.peer?.id),
      remote: link.remote,
      state: link.state,
      cut: this.#cuts.get(link),
      ...link.ledger(),
    }))
  }
}
