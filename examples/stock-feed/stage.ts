import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import type { Order } from './reports.js'

/** How long nobody may report anything new. */
const PATIENCE_MS = 60_000

/** What every process of the stage reports, among other things. */
interface Phased {
  readonly phase: string
}

/** A process of the stage, as seen from outside. */
export class Child<Report extends Phased> {
  readonly name: string
  /** The last one. */
  report: Report | undefined
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>
  /** It was told to end in the middle. */
  killed = false

  constructor(name: string, process: ChildProcess) {
    this.name = name
    this.#process = process
    this.#ended = once(process, 'close')
  }

  get phase(): Report['phase'] | undefined {
    return this.report?.phase
  }

  /** Nothing is wrong when it ends. */
  get mayEnd(): boolean {
    return this.killed || (this.phase === 'closed' && this.#process.exitCode === 0)
  }

  tell(order: Order): void {
    if (this.#process.connected) this.#process.send(order)
  }

  /** Ends it as a crash or an administrator would: it cannot do anything about it. */
  async kill(): Promise<void> {
    this.killed = true
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  /** Settles when it has ended by itself. */
  async ended(): Promise<void> {
    await this.#ended
  }
}

/** Starts processes, and hears what they report. One that ends when it should not brings all down. */
export class Stage {
  readonly #children = new Set<Child<Phased>>()
  readonly #waiting = new Set<{ readonly holds: () => boolean; readonly settle: (failure?: Error) => void }>()
  #failure: Error | undefined
  readonly #stalled = setTimeout(() => this.#giveUp(), PATIENCE_MS)

  /** @param module of this folder, or its URL */
  start<Report extends Phased>(name: string, module: string, task: object): Child<Report> {
    const process = fork(fileURLToPath(new URL(module, import.meta.url)), [JSON.stringify(task)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const child = new Child<Report>(name, process)
    this.#children.add(child)
    let said = ''
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-10_000)
    })
    process.on('message', (report: Report) => {
      if (!isDeepStrictEqual(report, child.report)) this.#stalled.refresh()
      child.report = report
      this.#check()
    })
    process.on('error', (error) => this.fail(new Error(`${name} cannot be started: ${error.message}`)))
    process.on('close', (code, signal) => {
      this.#children.delete(child)
      if (child.mayEnd) return
      const how = signal === null ? `with code ${code}` : `by ${signal}`
      this.fail(new Error(`${name} ended ${how}${said === '' ? '' : `, having said:\n${said.trimEnd()}`}`))
    })
    return child
  }

  /** Resolves once `holds` does; it is asked again after every report. Rejects when something has gone wrong. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = {
        holds,
        settle: (failure?: Error) => {
          this.#waiting.delete(waiting)
          if (failure === undefined) resolve()
          else reject(failure)
        },
      }
      this.#waiting.add(waiting)
      this.#check()
    })
  }

  /** Gives up: nobody waits any longer. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#check()
  }

  /** Ends whatever still runs. */
  async close(): Promise<void> {
    clearTimeout(this.#stalled)
    await Promise.all([...this.#children].map((child) => child.kill()))
  }

  /** Better a failure that names what everybody waits for than a run that never ends. */
  #giveUp(): void {
    const phases = Array.from(this.#children, ({ name, phase }) => `${name} is ${phase ?? 'starting'}`)
    this.fail(new Error(`nothing has moved for ${PATIENCE_MS / 1_000} s: ${phases.join(', ')}`))
  }

  #check(): void {
    for (const { holds, settle } of [...this.#waiting]) {
      if (this.#failure !== undefined) settle(this.#failure)
      else if (holds()) settle()
    }
  }
}
