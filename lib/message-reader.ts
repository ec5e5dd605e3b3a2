import { copyBytes } from './bytes.js'
import { growing } from './chunk.js'
import { type BodyFormat, BodyReader } from './framing/body.js'
import { type OptionRule, oneOf, refuse } from './options.js'
import type { Platform } from './platform.js'
import type { ConsumerPort, Fault } from './transport.js'

/** Names the topic of data that has none on the wire. */
export type TopicOf = (data: Uint8Array) => string

export interface BodySettings {
  readonly body: BodyFormat
  readonly topicOf: TopicOf | undefined
}

/** Named messages are put together in blocks of so many bytes. */
const BLOCK_BYTES = 16 * 1024

const NOTHING = new Uint8Array(0)

/** The rule of `body`: whether a message is its topic, a zero and its data, or its data alone. */
export const bodyRule = oneOf(['topic', 'raw'], 'topic')

/** The rule of `topicOf`, which names the topic of a message whose data is all there is: a function of the data. */
export const topicOfRule: OptionRule<TopicOf | undefined> = {
  fallback: undefined,
  check: (value, name) =>
    typeof value === 'function' ? (value as TopicOf) : refuse(name, 'a function that names the topic of data', value),
}

/** What one end counts over all its connections. */
export class BodyCounts {
  /** Bodies that should have a topic and have none: they are data as a whole. */
  bare = 0
  /** Data of which `topicOf` could not tell the topic; such a message has the topic `''`. */
  unnamed = 0
}

/** Hands bodies to a consumer's port as messages with a topic. */
export class MessageReader {
  /** Where the parts of the body lie that was read last. */
  readonly body: BodyReader
  readonly #topicOf: TopicOf | undefined
  /** Memory for messages that have got a topic here. */
  #block: Uint8Array = NOTHING
  #used = 0

  /** @param report is told of the first message of every kind of trouble that `counts` has */
  constructor(
    { body, topicOf }: BodySettings,
    private readonly platform: Platform,
    private readonly counts: BodyCounts,
    private readonly report: (fault: Pick<Fault, 'code' | 'message' | 'cause'>) => void,
  ) {
    this.body = new BodyReader(body)
    this.#topicOf = topicOf
  }

  /** The body `bytes[start, end)`. False when the port wants no more for now. */
  message(port: ConsumerPort, bytes: Uint8Array, start: number, end: number): boolean {
    this.read(bytes, start, end)
    return this.pass(port, bytes)
  }

  /** Looks where the parts of the body `bytes[start, end)` lie. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.body.read(bytes, start, end)
  }

  /** Hands on the body that was just read from `bytes`. False when the port wants no more for now. */
  pass(port: ConsumerPort, bytes: Uint8Array): boolean {
    const { topicStart, topicEnd, dataStart, dataEnd, bare } = this.body
    if (bare && this.counts.bare++ === 0) this.#tellBare()
    if (this.#topicOf === undefined || topicEnd > topicStart) {
      return port.message(bytes, topicStart, topicEnd, dataStart, dataEnd)
    }
    const { topic, size } = this.#nameOf(this.#topicOf, bytes.subarray(dataStart, dataEnd))
    const at = this.#place(size + dataEnd - dataStart)
    const block = this.#block
    if (size > 0) this.platform.writeText(block, at, topic)
    const dataAt = at + size
    copyBytes(bytes, dataStart, dataEnd, block, dataAt)
    return port.message(block, at, dataAt, dataAt, dataAt + dataEnd - dataStart)
  }

  #nameOf(topicOf: TopicOf, data: Uint8Array): { readonly topic: string; readonly size: number } {
    try {
      const topic = topicOf(data)
      return { topic, size: this.platform.textSize(topic) }
    } catch (cause) {
      if (this.counts.unnamed++ === 0) {
        const message = `topicOf failed: ${cause instanceof Error ? cause.message : cause}; such messages have no topic`
        this.report({ code: 'UNDECODABLE', message, cause })
      }
      return { topic: '', size: 0 }
    }
  }

  /** Room for `size` bytes in the block. What is written there never changes again. */
  #place(size: number): number {
    if (this.#block.length - this.#used < size) {
      this.#block = growing(this.platform.allocate(Math.max(size, BLOCK_BYTES)))
      this.#used = 0
    }
    const at = this.#used
    this.#used += size
    return at
  }

  #tellBare(): void {
    const message = `a message has no topic, and is taken for data as a whole; give body: 'raw' if that is what is sent`
    this.report({ code: 'BAD_PEER', message })
  }
}
