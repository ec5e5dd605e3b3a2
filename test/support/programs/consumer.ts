import {
  balanceStream,
  type Consumer,
  type ConsumerOptions,
  type ConsumerStats,
  createConsumer,
  type SourcesOptions,
} from '../../../lib/index.js'
import { answer } from '../program.js'

export interface Taken {
  readonly messages: number
  /** Messages whose number does not follow the one before. */
  readonly disordered: number
  readonly unbalanced: readonly string[]
}

let consumer: Consumer

/** A consumer in a process of its own, which can be killed, or be slow, without anybody else being so. */
const calls = {
  async open({ url, options }: { readonly url: string; readonly options?: ConsumerOptions }): Promise<string> {
    consumer = await createConsumer(url, options)
    return consumer.urls[0] as string
  },
  linked: (options: SourcesOptions): Promise<void> => consumer.linked(options),
  /** Takes so many messages. Until then nothing is taken from the inbox. */
  async take(count: number): Promise<Taken> {
    let messages = 0
    let disordered = 0
    let last: number | undefined
    for await (const batch of consumer.batches()) {
      for (const { sequence = 0 } of batch) {
        if (last !== undefined && sequence !== last + 1) disordered++
        last = sequence
      }
      messages += batch.length
      if (messages >= count) break
    }
    const unbalanced = consumer.stats().streams.flatMap((stream) => balanceStream(stream) ?? [])
    return { messages, disordered, unbalanced }
  },
  stats: (): ConsumerStats => consumer.stats(),
}

export type ConsumerProgram = typeof calls

answer(calls)
