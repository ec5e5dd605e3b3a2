import type { Contender, SendingEnd, Take, Task } from './contender.js'
import { type Latencies, summarise } from './statistics.js'
import { beginUsage, now, readUsage, type Usage } from './usage.js'

/** The sending process's part in a measurement. */
export class Sending {
  #end: SendingEnd | undefined
  /** What to do with an answer. */
  #answered: () => void = () => undefined
  readonly #answer: Take = () => this.#answered()

  constructor(
    private readonly contender: Contender,
    private readonly task: Task,
  ) {}

  /** Returns the port to dial. */
  async open(): Promise<number> {
    this.#end = await this.contender.send(this.task)
    return this.#end.port
  }

  async linked(): Promise<void> {
    await this.#opened.linked()
  }

  /** Makes ready for answers: on the same connections, or from `port`. */
  async hear(port: number | undefined): Promise<void> {
    if (port === undefined) this.#opened.answers?.(this.#answer)
    else await this.contender.receive(this.task, port, this.#answer)
  }

  begin(): void {
    beginUsage()
  }

  usage(): Usage {
    return readUsage()
  }

  /** Sends as fast as possible. Returns when it began. */
  async flood(count: number): Promise<number> {
    const from = now()
    await this.#opened.flood(count)
    return from
  }

  /** Sends one message after the other, each at its time, and each stamped with when it was sent. */
  pace({ count, rate }: { readonly count: number; readonly rate: number }): Promise<number> {
    const end = this.#opened
    const data = Buffer.alloc(this.task.size, 1)
    const from = now()
    let sent = 0
    return new Promise((resolve) => {
      const step = () => {
        const time = now()
        if (time >= from + (sent * 1e6) / rate) {
          const message = Buffer.from(data)
          message.writeDoubleLE(time, 0)
          end.send(message)
          sent++
        }
        // Timers of Node are a hundred times as coarse as this.
        if (sent < count) setImmediate(step)
        else resolve(from)
      }
      step()
    })
  }

  /** Sends a message, waits for the answer, sends the next one. */
  ping(count: number): Promise<Latencies> {
    const end = this.#opened
    const data = Buffer.alloc(this.task.size, 1)
    const samples = new Float64Array(count)
    return new Promise((resolve) => {
      let done = 0
      let from = now()
      this.#answered = () => {
        const time = now()
        samples[done++] = time - from
        if (done === count) {
          resolve(summarise(samples))
          return
        }
        from = time
        end.send(data)
      }
      end.send(data)
    })
  }

  get #opened(): SendingEnd {
    if (this.#end === undefined) throw new Error('not open')
    return this.#end
  }
}
