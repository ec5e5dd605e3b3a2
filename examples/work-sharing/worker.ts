import { setTimeout } from 'node:timers/promises'
import { createConsumer, type Message } from 'fanwire'

// Does tasks until the producer has no more. A task is acknowledged once it is done: should this process be killed before,
// another worker gets it.
const url = process.argv[2] ?? 'tcp://127.0.0.1:5555'
let done = 0
let again = 0
const consumer = await createConsumer(url, { pattern: 'share', acknowledge: 'manual' })
consumer.once('end', () => consumer.close())
for await (const message of consumer) {
  if (message.redelivered) again++
  await work(message)
  message.ack()
}
console.log(`did ${done} tasks; ${again} of them had been given to another worker before`)

/** A real one would write a file, or send a mail. */
async function work(message: Message): Promise<void> {
  if (Number(message.text()) % 10 === 0) await setTimeout(1)
  done++
}
