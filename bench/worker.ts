import { Alone } from './alone.js'
import type { Contender, Prepare, Task } from './contender.js'
import { Receiving } from './receiving.js'
import { Sending } from './sending.js'

export type Role = 'sending' | 'receiving' | 'alone'

/** What the coordinating process asks of a worker: one of the methods of its role. */
export interface Call {
  readonly id: number
  readonly method: string
  readonly argument: unknown
}

export interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

const [module = '', role = '', json = ''] = process.argv.slice(2)
const task = JSON.parse(json) as Task
const { contender, prepare }: { contender: Contender; prepare: Prepare } = await import(module)
const parts: Readonly<Record<Role, () => object>> = {
  sending: () => new Sending(contender, task),
  receiving: () => new Receiving(contender, task),
  alone: () => new Alone(prepare, task),
}
const methods = parts[role as Role]() as Record<string, (argument: unknown) => unknown>

process.on('message', async ({ id, method, argument }: Call) => {
  try {
    const result = await methods[method]?.(argument)
    process.send?.({ id, result } satisfies Answer)
  } catch (error) {
    process.send?.({ id, error: String(error) } satisfies Answer)
  }
})
// Ends in its own time, so that a profile is written.
process.on('disconnect', () => process.exit())
