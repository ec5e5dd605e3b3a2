import type { StoreEnd } from './transport.js'

/** A producer's end that keeps messages itself, in place of the log: what it is taking, and what it refused. */
export class Store {
  /** Messages that it has neither taken nor refused yet. */
  pending = 0
  /** Messages that had their number when it refused them. */
  refused = 0

  /**
   * @param taken called when it has taken a message that it did not take at once
   * @param gaveUp called when it has refused one
   */
  constructor(
    readonly end: StoreEnd,
    private readonly taken: () => void,
    private readonly gaveUp: (cause: unknown) => void,
  ) {}

  /** Settles when the end has the message, which then is accepted; rejects when it never will. Undefined: it has it. */
  append(topic: string, data: Uint8Array, number: number): Promise<void> | undefined {
    const taking = this.end.append(topic, data, number)
    if (taking === undefined) return undefined
    this.pending++
    return this.#settle(taking)
  }

  async #settle(taking: Promise<void>): Promise<void> {
    try {
      await taking
    } catch (error) {
      this.pending--
      this.refused++
      this.gaveUp(error)
      throw error
    }
    this.pending--
    this.taken()
  }
}
