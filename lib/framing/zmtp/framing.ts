import type { Framing } from '../framing.js'
import { headerSize, MORE, writeHeader } from './frame.js'
import { RUN_SIZE, SKIP_SIZE, writeRun, writeSkip } from './peers.js'

/**
 * A message of the log as ZMTP has it: two frames, byte for byte as libzmq sends them.
 *
 *     01, topic-size u8, topic        03, topic-size u64, topic
 *     00, data-size u8, data          02, data-size u64, data
 */
export const zmtpFraming: Framing = {
  name: 'zmtp',

  head(topic) {
    const bytes = new Uint8Array(headerSize(topic.length) + topic.length)
    bytes.set(topic, writeHeader(bytes, 0, MORE, topic.length))
    return bytes
  },

  size(head, dataSize) {
    return head.length + headerSize(dataSize) + dataSize
  },

  write(target, at, head, dataSize) {
    const size = head.length
    // Setting a short array byte by byte is faster than set(), which costs a call into the runtime.
    if (size <= 32) for (let i = 0; i < size; i++) target[at + i] = head[i] as number
    else target.set(head, at)
    return writeHeader(target, at + size, 0, dataSize)
  },

  skip: { size: SKIP_SIZE, write: writeSkip },
  run: { size: RUN_SIZE, write: writeRun },
}
