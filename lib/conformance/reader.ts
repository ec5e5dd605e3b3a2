import type { Consumer } from '../consumer.js'
import type { Message } from '../message.js'

/** Reads from a consumer only while it is asked to: in between, the consumer is one that has stopped reading. */
export class Reader {
  readonly taken: Message[] = []

  constructor(
    readonly consumer: Consumer,
    private readonly check: () => void,
  ) {}

  /** Reads until there are `count` messages in all. */
  async count(count: number): Promise<readonly Message[]> {
    while (this.taken.length < count) await this.#step()
    return this.taken
  }

  /** Reads until a message comes that `wanted` accepts. */
  async until(wanted: (message: Message) => boolean): Promise<readonly Message[]> {
    for (let at = this.taken.length; ; at = this.taken.length) {
      await this.#step()
      if (this.taken.slice(at).some(wanted)) return this.taken
    }
  }

  /** Reads for as long as `work` takes, and what is there when it is done. */
  async during<T>(work: Promise<T>): Promise<T> {
    const done = new AbortController()
    const working = work.finally(() => done.abort())
    // An error of the work is thrown below.
    working.catch(() => undefined)
    for await (const batch of this.consumer.batches({ signal: done.signal })) this.#took(batch)
    const value = await working
    await this.rest()
    return value
  }

  /** Reads what is there. */
  async rest(): Promise<readonly Message[]> {
    while (this.consumer.stats().inbox.messages > 0) await this.#step()
    return this.taken
  }

  async #step(): Promise<void> {
    const loop = this.consumer.batches()
    const { done, value } = await loop.next()
    await loop.return()
    if (done === true) throw new Error('the consumer was closed while more was expected of it')
    this.#took(value)
  }

  #took(batch: readonly Message[]): void {
    this.taken.push(...batch)
    this.check()
  }
}
