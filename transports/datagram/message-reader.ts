import { type BodyFormat, BodyReader } from '../../lib/framing/body.js'
import type { ConsumerPort, Fault } from '../../lib/transport.js'

/** Names the topic of data that has none on the wire. */
export type TopicOf = (data: Uint8Array) => string

export interface BodySettings {
  readonly body: BodyFormat
  readonly topicOf: TopicOf | undefined
}

/** Hands bodies to a consumer's port as messages with a topic. */
export class MessageReader {
  /** Bodies that should have a topic and have none: they are data as a whole. */
  bare = 0
  /** Data of which `topicOf` could not tell the topic; such a message has the topic `''`. */
  unnamed = 0
  readonly #body: BodyReader
  readonly #topicOf: TopicOf | undefined

  /** @param report is told of the first message of every kind of trouble */
  constructor(
    { body, topicOf }: BodySettings,
    private readonly report: (fault: Pick<Fault, 'code' | 'message' | 'cause'>) => void,
  ) {
    this.#body = new BodyReader(body)
    this.#topicOf = topicOf
  }

  /** The body `bytes[start, end)`. False when the port wants no more for now. */
  message(port: ConsumerPort, bytes: Uint8Array, start: number, end: number): boolean {
    const body = this.#body
    body.read(bytes, start, end)
    if (body.bare && this.bare++ === 0) this.#tellBare()
    if (this.#topicOf === undefined || body.topicEnd > body.topicStart) {
      return port.message(bytes, body.topicStart, body.topicEnd, body.dataStart, body.dataEnd)
    }
    const topic = this.#nameOf(this.#topicOf, bytes.subarray(body.dataStart, body.dataEnd))
    const whole = Buffer.concat([topic, bytes.subarray(body.dataStart, body.dataEnd)])
    return port.message(whole, 0, topic.length, topic.length, whole.length)
  }

  #nameOf(topicOf: TopicOf, data: Uint8Array): Buffer {
    try {
      return Buffer.from(topicOf(data), 'utf8')
    } catch (cause) {
      if (this.unnamed++ === 0) {
        const message = `topicOf failed: ${cause instanceof Error ? cause.message : cause}; such messages have no topic`
        this.report({ code: 'UNDECODABLE', message, cause })
      }
      return Buffer.alloc(0)
    }
  }

  #tellBare(): void {
    const message = `a message has no topic, and is taken for data as a whole; give body: 'raw' if that is what is sent`
    this.report({ code: 'BAD_PEER', message })
  }
}
