import { type BodyFormat, BodyReader } from '../../lib/framing/body.js'
import type { ConsumerPort } from '../../lib/transport.js'

/** Names the topic of data that has none on the wire. */
export type TopicOf = (data: Uint8Array) => string

/** Hands bodies to a consumer's port as messages with a topic. */
export class MessageReader {
  /** Bodies that should have a topic and have none: they are data as a whole. */
  bare = 0
  readonly #body: BodyReader

  constructor(
    format: BodyFormat,
    private readonly topicOf: TopicOf | undefined,
  ) {
    this.#body = new BodyReader(format)
  }

  /** The body `bytes[start, end)`. False when the port wants no more for now. */
  message(port: ConsumerPort, bytes: Uint8Array, start: number, end: number): boolean {
    const body = this.#body
    body.read(bytes, start, end)
    if (body.bare) this.bare++
    if (this.topicOf === undefined || body.topicEnd > body.topicStart) {
      return port.message(bytes, body.topicStart, body.topicEnd, body.dataStart, body.dataEnd)
    }
    const topic = Buffer.from(this.topicOf(bytes.subarray(body.dataStart, body.dataEnd)))
    const whole = Buffer.concat([topic, bytes.subarray(body.dataStart, body.dataEnd)])
    return port.message(whole, 0, topic.length, topic.length, whole.length)
  }
}
