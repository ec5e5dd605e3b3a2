import { Consumer, type LoopOptions } from './consumer.js'
import { FanwireError, wordsOf } from './errors.js'
import type { Message } from './message.js'
import { checkOptions, refuse, signal as signalRule } from './options.js'
import { Producer } from './producer.js'

const pipeOptions = { signal: signalRule() }

/**
 * Sends on everything that a consumer receives, as the bytes that arrived: the producer's codec has no part in it, and
 * what the consumer's cannot decode does not come this far. A producer that waits makes the consumer wait, and with it
 * the producers behind it. Ends when the consumer is closed or
 * the signal is aborted, and with `CLOSED` as soon as the producer is closed; both ends stay as they are. A message that
 * was taken and not sent on by then goes back: the next loop over the consumer begins with it. One that the producer
 * cannot send, such as one whose foreign topic is no text, is announced by a `fault` of the consumer's. Under
 * `acknowledge: 'manual'` each message is acknowledged once it was sent on or announced.
 *
 * @throws {FanwireError} `BAD_OPTION`, `CLOSED` when the producer is closed, `BUSY`, `LOST`
 */
export async function pipe<In, Out>(
  consumer: Consumer<In>,
  producer: Producer<Out>,
  options: LoopOptions = {},
): Promise<void> {
  if (!(consumer instanceof Consumer)) refuse('consumer', 'a consumer that createConsumer has made', consumer)
  if (!(producer instanceof Producer)) refuse('producer', 'a producer that createProducer has made', producer)
  const { signal } = checkOptions(pipeOptions, options, undefined, 'pipe()')
  const { ending } = producer
  if (signal?.aborted) return
  ending.throwIfAborted()
  // One by one: of a batch, what was not sent on would be lost when the producer is closed. It has no signal of its own,
  // so that no other loop can begin before the message in hand has gone back.
  const loop = consumer.messages()
  const stop = () => {
    if (loop.waits) void loop.return()
  }
  const fail = () => {
    if (loop.waits) loop.fail(ending.reason)
  }
  signal?.addEventListener('abort', stop)
  ending.addEventListener('abort', fail)
  try {
    for await (const message of loop) {
      try {
        await producer.sendEncoded(topicOf(message), message.data, signal)
      } catch (error) {
        if (signal?.aborted || !(error instanceof FanwireError) || error.code === 'CLOSED') {
          consumer.putBack(message)
          if (signal?.aborted) return
          throw error
        }
        consumer.fault({ code: error.code, message: `not sent on: ${wordsOf(error)}`, cause: error })
      }
      message.ack()
      if (signal?.aborted) return
      ending.throwIfAborted()
    }
  } finally {
    signal?.removeEventListener('abort', stop)
    ending.removeEventListener('abort', fail)
  }
}

/** @throws {FanwireError} `BAD_TOPIC` for what would go on under another topic */
function topicOf({ topic, topicBytes }: Message<unknown>): string {
  // What is no UTF-8 reads as U+FFFD, which is a character as well.
  if (topic.includes('\ufffd')) {
    const bytes = new TextEncoder().encode(topic)
    if (bytes.length !== topicBytes.length || bytes.some((byte, at) => byte !== topicBytes[at])) {
      throw new FanwireError('BAD_TOPIC', 'a topic must be text, got bytes that are no UTF-8')
    }
  }
  return topic
}
