import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Task } from './contender.js'
import type { Answer, Call, Role } from './worker.js'

/** A measurement that takes longer has gone wrong. */
const PATIENCE_MS = 120_000

/** A process of its own for one end of a measurement. */
export class Worker {
  readonly #child: ChildProcess
  readonly #calls = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>()
  #id = 0

  /** @param profiles the folder that gets a CPU profile of it */
  constructor(module: string, role: Role, task: Task, profiles: string | undefined) {
    const execArgv = ['--enable-source-maps']
    if (profiles !== undefined)
      execArgv.push('--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${role}.cpuprofile`)
    const script = fileURLToPath(new URL('worker.js', import.meta.url))
    this.#child = fork(script, [module, role, JSON.stringify(task)], { execArgv })
    this.#child.on('message', (answer: Answer) => this.#answered(answer))
    this.#child.on('exit', (code, signal) => this.#fail(new Error(`the ${role} process ended with ${signal ?? code}`)))
  }

  /** Calls a method of the end in that process. */
  call<Result = void>(method: string, argument?: unknown): Promise<Result> {
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      const impatient = setTimeout(() => reject(new Error(`${method} took more than ${PATIENCE_MS} ms`)), PATIENCE_MS)
      const settled = () => clearTimeout(impatient)
      this.#calls.set(id, {
        resolve: (result) => {
          settled()
          resolve(result)
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      })
      this.#child.send({ id, method, argument } satisfies Call)
    })
  }

  /** Ends the process, gently unless it does not listen. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    const impatient = setTimeout(() => this.#child.kill('SIGKILL'), 5_000)
    this.#child.disconnect()
    await ended
    clearTimeout(impatient)
  }

  #answered({ id, result, error }: Answer): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    if (error === undefined) call?.resolve(result as never)
    else call?.reject(new Error(error))
  }

  #fail(error: Error): void {
    for (const { reject } of this.#calls.values()) reject(error)
    this.#calls.clear()
  }
}
