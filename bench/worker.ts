import type { Contender, Task } from './contender.js'
import { Receiving } from './receiving.js'
import { Sending } from './sending.js'

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

const [module = '', role = '', task = ''] = process.argv.slice(2)
const { contender }: { contender: Contender } = await import(module)
const end =
  role === 'sending'
    ? new Sending(contender, JSON.parse(task) as Task)
    : new Receiving(contender, JSON.parse(task) as Task)
const methods = end as unknown as Record<string, (argument: unknown) => unknown>

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
