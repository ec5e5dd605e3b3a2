import { setTimeout } from 'node:timers/promises'
import { createConsumer, createProducer, type Message } from '../../../lib/index.js'
import { answer } from '../program.js'

interface Job {
  readonly tasks: string
  readonly results: string
  /** Tasks that are done together, and the milliseconds that they take. */
  readonly size: number
  readonly ms: number
}

/** Takes tasks, says what it has done, and acknowledges a task once its result has been taken. */
const calls = {
  /** It has started. */
  async ready(): Promise<void> {},
  async open({ tasks, results, size, ms }: Job): Promise<void> {
    const producer = await createProducer(results, { role: 'dial', pattern: 'share' })
    const consumer = await createConsumer(tasks, { pattern: 'share', acknowledge: 'manual' })
    void work()

    async function work(): Promise<void> {
      const open: Message[] = []
      for await (const batch of consumer.batches()) {
        for (const message of batch) {
          open.push(message)
          await producer.send(message.redelivered ? 'again' : 'new', message.data)
          if (open.length === size) await finish(open)
        }
        await finish(open)
      }
    }

    async function finish(open: Message[]): Promise<void> {
      if (ms > 0) await setTimeout(ms)
      await producer.flush()
      for (const message of open.splice(0)) message.ack()
    }
  },
}

export type WorkerProgram = typeof calls

answer(calls)
