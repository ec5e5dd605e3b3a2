import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** What a program can be asked to do. Arguments and results are copied from process to process. */
export type Calls = Readonly<Record<string, (argument: never) => unknown>>

interface Question {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

type Answer = { readonly id: number } & ({ readonly result: unknown } | { readonly error: string })

/** A file of `programs/` that runs in a process of its own and does what it is asked to. */
export class Program<C extends Calls> {
  readonly #process: ChildProcess
  readonly #open = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  readonly #ended: Promise<unknown>
  #count = 0

  /** @param name the file's, without its ending */
  static start<C extends Calls>(name: string): Program<C> {
    return new Program(name)
  }

  private constructor(name: string) {
    const path = new URL(`programs/${name}.js`, import.meta.url)
    this.#process = fork(path, { serialization: 'advanced', execArgv: ['--expose-gc', '--enable-source-maps'] })
    this.#process.on('message', (answer: Answer) => {
      const open = this.#open.get(answer.id)
      this.#open.delete(answer.id)
      if ('error' in answer) open?.reject(new Error(`${name}: ${answer.error}`))
      else open?.resolve(answer.result)
    })
    this.#ended = once(this.#process, 'close').then(() => {
      for (const { reject } of this.#open.values()) reject(new Error(`${name} has ended`))
      this.#open.clear()
    })
  }

  /** Asks, and waits for the answer. */
  call<N extends keyof C & string>(name: N, ...[argument]: Parameters<C[N]>): Promise<Awaited<ReturnType<C[N]>>> {
    const id = this.#count++
    const question: Question = { id, name, argument }
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve: (result) => resolve(result as Awaited<ReturnType<C[N]>>), reject })
      this.#process.send(question, (error) => error && reject(error))
    })
  }

  /** Ends the process as a power cut would: nothing is said to anybody. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }
}

/** Runs this process as a {@link Program}. It ends with the one that started it. */
export function answer(calls: Calls): void {
  process.on('disconnect', () => process.exit())
  process.on('message', async ({ id, name, argument }: Question) => {
    const reply = (answer: Answer) => process.connected && process.send?.(answer)
    try {
      const call = calls[name]
      if (call === undefined) throw new Error(`there is no call ${name}`)
      reply({ id, result: await call(argument as never) })
    } catch (error) {
      reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
}
