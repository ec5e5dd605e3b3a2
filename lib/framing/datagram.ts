import { copyBytes } from '../bytes.js'
import { type BodyFormat, bodyHead } from './body.js'
import type { Framing } from './framing.js'

/**
 * One datagram, one message: the body alone.
 *
 * @param maxBytes what one datagram has room for
 */
export function datagramFraming(format: BodyFormat, maxBytes: number): Framing {
  return {
    name: `datagram/${format}/${maxBytes}`,
    maxBytes,

    head(topic) {
      return bodyHead(format, topic)
    },

    size(head, dataSize) {
      return head.length + dataSize
    },

    write(target, at, head) {
      copyBytes(head, 0, head.length, target, at)
      return at + head.length
    },
  }
}
