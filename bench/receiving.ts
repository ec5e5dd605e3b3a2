import type { Contender, Take, Task } from './contender.js'
import { type Latencies, summarise } from './statistics.js'
import { beginUsage, now, readUsage, type Usage } from './usage.js'

/** What the receiving process does with each message. */
export type Use = 'touch' | 'time' | 'answer'

/** The receiving process's part in a measurement. */
export class Receiving {
  #count = 0
  #goal = Infinity
  /** The sum of all sizes and of all first bytes: messages are looked at, and nothing of that can be optimised away. */
  #touched = 0
  #samples = new Float64Array(0)
  #reached: (at: number) => void = () => undefined
  #arrived: Promise<number> = Promise.resolve(0)

  constructor(
    private readonly contender: Contender,
    private readonly task: Task,
  ) {}

  /** Dials `port`. Returns the port that answers come from, where they need one. */
  async open({ port, use }: { readonly port: number; readonly use: Use }): Promise<number | undefined> {
    if (use !== 'answer') {
      await this.contender.receive(this.task, port, use === 'touch' ? this.#touch : this.#time)
      return undefined
    }
    let answer: (data: Uint8Array) => void = () => undefined
    const take: Take = (bytes, at, size) => answer(bytes.subarray(at, at + size))
    const end = await this.contender.receive(this.task, port, take)
    if (end.answer !== undefined) {
      answer = end.answer
      return undefined
    }
    const back = await this.contender.send(this.task)
    answer = back.send
    this.#arrived = back.linked().then(() => now())
    return back.port
  }

  /** Makes ready for `count` messages. */
  expect(count: number): void {
    this.#count = 0
    this.#goal = count
    this.#samples = new Float64Array(count)
    this.#arrived = new Promise((resolve) => {
      this.#reached = resolve
    })
    beginUsage()
  }

  /** Resolves when they have arrived, with the time of the last one. */
  arrived(): Promise<number> {
    return this.#arrived
  }

  latencies(): Latencies {
    return summarise(this.#samples)
  }

  begin(): void {
    beginUsage()
  }

  usage(): Usage {
    return readUsage()
  }

  readonly #touch: Take = (bytes, at, size) => {
    this.#touched += size + (bytes[at] as number)
    if (++this.#count === this.#goal) this.#reached(now())
  }

  readonly #time: Take = (bytes, at) => {
    const time = now()
    this.#samples[this.#count++] = time - (bytes as Buffer).readDoubleLE(at)
    if (this.#count === this.#goal) this.#reached(time)
  }

  /** See the field: read by nobody else, and kept from being removed by being readable. */
  get touched(): number {
    return this.#touched
  }
}
