import type { Consumer, LoopOptions } from './consumer.js'
import { FanwireError } from './errors.js'
import type { Producer } from './producer.js'

/**
 * Sends on everything that a consumer receives, as the bytes that arrived. A producer that waits makes the consumer wait,
 * and with it the producers behind it. Ends when the consumer is closed or the signal is aborted. A message that the
 * producer cannot send, such as one whose foreign topic is no text, is announced by a `fault` of the consumer's.
 *
 * @throws {FanwireError} `CLOSED` when the producer is closed, `BUSY`, `LOST`
 */
export async function pipe(consumer: Consumer, producer: Producer, options: LoopOptions = {}): Promise<void> {
  // One by one: of a batch, what was not sent on would be lost when the producer is closed.
  for await (const { topic, data } of consumer.messages(options)) {
    try {
      await producer.send(topic, data, options)
    } catch (error) {
      if (options.signal?.aborted) return
      if (!(error instanceof FanwireError) || error.code === 'CLOSED') throw error
      consumer.fault({ code: error.code, message: `not sent on: ${error.message}`, cause: error })
    }
  }
}
