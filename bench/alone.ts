import type { Prepare, Task } from './contender.js'
import { beginUsage, now, readUsage, type Usage } from './usage.js'

/** The part of a process that does all of a measurement by itself. */
export class Alone {
  #use: ((count: number) => Promise<void> | void) | undefined

  constructor(
    private readonly prepare: Prepare,
    private readonly task: Task,
  ) {}

  async open(): Promise<void> {
    this.#use = await this.prepare(this.task)
  }

  /** Uses `count` messages. Returns how many seconds that took. */
  async use(count: number): Promise<number> {
    beginUsage()
    const from = now()
    await this.#use?.(count)
    return (now() - from) / 1e6
  }

  usage(): Usage {
    return readUsage()
  }
}
