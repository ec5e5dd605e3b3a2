import { FanwireError } from './errors.js'
import type { Framing } from './framing/framing.js'
import type { Memory } from './memory.js'
import type { Topic } from './topics.js'

/** How large a message of the log may be, in bytes of topic and data. */
export class MessageLimit {
  readonly #most: number
  /** What says so. */
  readonly #words: string

  constructor(maxMessageBytes: number, { largestMessage, limit }: Memory) {
    this.#most = Math.min(maxMessageBytes, largestMessage)
    this.#words =
      this.#most === maxMessageBytes
        ? wordsOf(maxMessageBytes)
        : `what memory.bytes, ${limit}, has room for, ${this.#most}; raise memory.bytes`
  }

  /** Bytes of a message in a log of this framing. @throws {FanwireError} `TOO_LONG` */
  sizeOf(framing: Framing, topic: Topic, dataSize: number): number {
    const bytes = topic.bytes.length + dataSize
    const size = framing.size(topic.head, dataSize)
    if (bytes > this.#most) tooLong(bytes, this.#words)
    const { maxBytes = Infinity } = framing
    if (size > maxBytes) tooLong(bytes, `what one datagram has room for, ${maxBytes - (size - bytes)}`)
    return size
  }
}

/** @throws {FanwireError} `TOO_LONG` */
export function checkSize(bytes: number, maxMessageBytes: number): void {
  if (bytes > maxMessageBytes) tooLong(bytes, wordsOf(maxMessageBytes))
}

function wordsOf(maxMessageBytes: number): string {
  return `maxMessageBytes, ${maxMessageBytes}`
}

function tooLong(bytes: number, most: string): never {
  throw new FanwireError('TOO_LONG', `a message of ${bytes} bytes of topic and data is above ${most}`)
}
