import type { Contender, ReceivingEnd, Take, Task } from './contender.js'
import { type Latencies, summarise } from './statistics.js'
import { beginUsage, now, readUsage, type Usage } from './usage.js'

/** How long nothing must come until what is missing is taken for lost, and how often that is looked at. */
const QUIET_MS = 500
const LOOK_MS = 10

/** What has come of the messages that were expected. */
export interface Arrivals {
  readonly count: number
  /** When the last came; to {@link LOOK_MS} when some are missing. */
  readonly at: number
}

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
  #end: ReceivingEnd | undefined

  constructor(
    private readonly contender: Contender,
    private readonly task: Task,
  ) {}

  /** Dials `port`. Returns the port that answers come from, where they need one. */
  async open({ port, use }: { readonly port: number; readonly use: Use }): Promise<number | undefined> {
    if (use !== 'answer') {
      this.#end = await this.contender.receive(this.task, port, use === 'touch' ? this.#touch : this.#time)
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

  /** Resolves when all have arrived, or none has for a while: the sender has sent all, and some may be lost. */
  async settled(): Promise<Arrivals> {
    let looking: NodeJS.Timeout | undefined
    const quiet = new Promise<number>((resolve) => {
      let seen = this.#count
      let at = now()
      looking = setInterval(() => {
        const time = now()
        if (this.#count > seen) {
          seen = this.#count
          at = time
        } else if (time - at > QUIET_MS * 1e3) {
          resolve(at)
        }
      }, LOOK_MS)
    })
    const at = await Promise.race([this.#arrived, quiet])
    clearInterval(looking)
    return { count: this.#count, at }
  }

  remark(): string | undefined {
    return this.#end?.remark
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
