import { copyBytes } from '../../bytes.js'
import { type BodyFormat, bodyHead } from '../body.js'
import type { Framing } from '../framing.js'
import { writeU16 } from '../numbers.js'

/** What stands in front of a message in a packet: its length. */
export const BLOCK_HEADER_SIZE = 2

/** The longest message that two bytes of length can tell. */
const MAX_LENGTH = 0xffff

/**
 * A message of the log as a message block of MoldUDP64, so that a run of the log stands in a packet as it is.
 *
 *     length u16, body
 *
 * @param maxBytes the room for blocks in one packet
 * @see MoldUDP64 1.00, "Message Block"
 */
export function moldudp64Framing(format: BodyFormat, maxBytes: number): Framing {
  const most = Math.min(maxBytes, BLOCK_HEADER_SIZE + MAX_LENGTH)
  return {
    // Lines whose packets are of another size do not share a log: a message may fit one and not the other.
    name: `moldudp64/${format}/${most}`,
    maxBytes: most,

    head(topic) {
      return bodyHead(format, topic)
    },

    size(head, dataSize) {
      return BLOCK_HEADER_SIZE + head.length + dataSize
    },

    write(target, at, head, dataSize) {
      writeU16(target, at, head.length + dataSize)
      copyBytes(head, 0, head.length, target, at + BLOCK_HEADER_SIZE)
      return at + BLOCK_HEADER_SIZE + head.length
    },
  }
}
