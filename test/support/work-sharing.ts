import { once } from 'node:events'
import type { Test } from 'tap'
import {
  balanceLink,
  balanceShare,
  type Consumer,
  createConsumer,
  createProducer,
  type Producer,
} from '../../lib/index.js'
import { ownHost } from './host.js'
import { Program } from './program.js'
import type { WorkerProgram } from './programs/worker.js'

/** Hands tasks to workers in processes of their own, and collects what they have done. */
export class WorkSharing {
  /** By task: how often it was done, and how often without a mark. */
  readonly done = new Map<number, { times: number; unmarked: number }>()
  readonly workers: Program<WorkerProgram>[] = []
  readonly #spares: Program<WorkerProgram>[] = []
  readonly #waiting = new Set<() => void>()

  private constructor(
    readonly tasks: Producer,
    private readonly results: Consumer,
    private readonly pace: { readonly size: number; readonly ms: number },
  ) {
    void this.#collect()
  }

  static async open(t: Test, pace: { readonly size: number; readonly ms: number }): Promise<WorkSharing> {
    const tasks = await createProducer(`tcp://${ownHost}:0`, { pattern: 'share' })
    t.teardown(() => tasks.close({ drainMs: 0 }))
    const results = await createConsumer(`tcp://${ownHost}:0`, { role: 'listen', pattern: 'share' })
    t.teardown(() => results.close())
    const sharing = new WorkSharing(tasks, results, pace)
    t.teardown(() => Promise.all([...sharing.workers, ...sharing.#spares].map((worker) => worker.kill())))
    return sharing
  }

  /** Starts so many processes ahead, since one takes longer to start than a worker may live. */
  async prepare(count: number): Promise<void> {
    const started = Array.from({ length: count }, () => Program.start<WorkerProgram>('worker'))
    this.#spares.push(...started)
    await Promise.all(started.map((spare) => spare.call('ready')))
  }

  /** Gives somebody work. Resolves once he is there to be given something. */
  async hire(): Promise<void> {
    const worker = this.#spares.shift() ?? Program.start<WorkerProgram>('worker')
    this.workers.push(worker)
    const [tasks, results] = [this.tasks.urls[0] as string, this.results.urls[0] as string]
    const linked = once(this.tasks, 'link')
    await worker.call('open', { tasks, results, ...this.pace })
    await linked
  }

  /** Kills who has worked longest, as a power cut would. */
  async dismiss(): Promise<void> {
    await this.workers.shift()?.kill()
  }

  async send(count: number): Promise<void> {
    for (let task = 0; task < count; task++) await this.tasks.send('task', `${task}`)
  }

  /** Resolves once so many different tasks are done. */
  until(count: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.done.size < count) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  /** Those that were done more than once although at most one of them came without a mark, and those where that failed. */
  get repeated(): { readonly marked: number; readonly unmarked: number } {
    const all = [...this.done.values()].filter(({ times }) => times > 1)
    const unmarked = all.filter((each) => each.unmarked > 1).length
    return { marked: all.length - unmarked, unmarked }
  }

  /** The first sum that does not hold. */
  get imbalance(): string | undefined {
    const { links, ended, ...ledger } = this.tasks.stats()
    const all = [...links, ...ended]
    return balanceShare(ledger, all) ?? all.map(balanceLink).find((sum) => sum !== undefined)
  }

  async #collect(): Promise<void> {
    for await (const batch of this.results.batches()) {
      for (const message of batch) {
        const task = Number(message.text())
        const known = this.done.get(task) ?? { times: 0, unmarked: 0 }
        known.times++
        if (message.topic === 'new') known.unmarked++
        this.done.set(task, known)
      }
      for (const check of [...this.#waiting]) check()
    }
  }
}
