import { Chunk } from '../../../lib/chunk.js'
import { Arrival, type MessageSource, UNNUMBERED } from '../../../lib/message.js'
import { Tally } from '../../../lib/tally.js'
import { TopicNames } from '../../../lib/topic-names.js'
import { FakePlatform } from './fake-platform.js'

export interface FakeMessage {
  readonly topic?: string | Uint8Array
  readonly data?: string | Uint8Array
  readonly number?: number
  readonly missed?: number
  readonly place?: number
  readonly frames?: readonly Uint8Array[]
  /** Bytes of the chunk beyond topic and data. */
  readonly beside?: number
}

/** A connection of which a test makes messages one by one, or several that share a chunk. */
export class FakeSource implements MessageSource {
  readonly redelivered = false
  readonly settlesWhenTaken = false
  readonly tally = new Tally()
  readonly names: TopicNames
  /** The places of messages that are done. */
  readonly settled: number[] = []

  constructor(
    public stream: string | undefined = 'STREAM0001',
    readonly platform = new FakePlatform(),
  ) {
    this.names = new TopicNames(platform)
  }

  settle(place: number): void {
    this.settled.push(place)
  }

  message(message: FakeMessage): Arrival<never> {
    return this.messages([message])[0] as Arrival<never>
  }

  /** Messages that lie in one chunk. */
  messages(messages: readonly FakeMessage[]): Arrival<never>[] {
    const parts = messages.map(({ topic = 't', data = 'd', beside = 0 }) => ({
      topic: bytesOf(topic),
      data: bytesOf(data),
      beside,
    }))
    const size = parts.reduce((sum, { topic, data, beside }) => sum + topic.length + data.length + beside, 0)
    const chunk = new Chunk(new Uint8Array(size))
    let at = 0
    return parts.map(({ topic, data, beside }, i) => {
      const { number = UNNUMBERED, missed = 0, place = 0, frames } = messages[i] as FakeMessage
      const start = at
      const middle = start + topic.length
      chunk.bytes.set(topic, start)
      chunk.bytes.set(data, middle)
      at = middle + data.length + beside
      return new Arrival(this, chunk, start, middle, middle, middle + data.length, number, missed, place, frames)
    })
  }
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content
}
