import type { Consumer, LoopOptions } from './consumer.js'
import { FanwireError, wordsOf } from './errors.js'
import type { Message } from './message.js'
import type { Producer } from './producer.js'

/**
 * Sends on everything that a consumer receives, as the bytes that arrived. A producer that waits makes the consumer wait,
 * and with it the producers behind it. Ends when the consumer is closed or the signal is aborted. A message that the
 * producer cannot send, such as one whose foreign topic is no text, is announced by a `fault` of the consumer's. Under
 * `acknowledge: 'manual'` each message is acknowledged once it was sent on or announced.
 *
 * @throws {FanwireError} `CLOSED` when the producer is closed, `BUSY`, `LOST`
 */
export async function pipe(consumer: Consumer, producer: Producer, options: LoopOptions = {}): Promise<void> {
  // One by one: of a batch, what was not sent on would be lost when the producer is closed.
  for await (const message of consumer.messages(options)) {
    try {
      await producer.send(topicOf(message), message.data, options)
    } catch (error) {
      if (options.signal?.aborted) return
      if (!(error instanceof FanwireError) || error.code === 'CLOSED') throw error
      consumer.fault({ code: error.code, message: `not sent on: ${wordsOf(error)}`, cause: error })
    }
    message.ack()
  }
}

/** @throws {FanwireError} `BAD_TOPIC` for what would go on under another topic */
function topicOf({ topic, topicBytes }: Message): string {
  // What is no UTF-8 reads as U+FFFD, which is a character as well.
  if (topic.includes('\ufffd')) {
    const bytes = new TextEncoder().encode(topic)
    if (bytes.length !== topicBytes.length || bytes.some((byte, at) => byte !== topicBytes[at])) {
      throw new FanwireError('BAD_TOPIC', 'a topic must be text, got bytes that are no UTF-8')
    }
  }
  return topic
}
