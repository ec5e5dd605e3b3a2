import { copyBytes } from '../../bytes.js'
import { FanwireError } from '../../errors.js'
import { type BodyFormat, bodyHead, STAMP_SIZE, type Stamping, stampedHead, writeStamp } from '../body.js'
import type { Framing } from '../framing.js'
import { readU32, writeU32 } from '../numbers.js'
import type { RecordForm } from '../records.js'

/** What tells where a record ends. */
export type Frame = 'newline' | 'u32'

const NEWLINE = 0x0a
const RETURN = 0x0d
const SIZE = 4

/**
 * A message of the log as a record: its body and a newline. Bodies that a line cannot hold are refused: no reader would
 * get them as they are.
 *
 *     body, 0a
 */
export function lineFraming(format: BodyFormat): Framing {
  return {
    name: `lines/newline/${format}`,

    head(topic) {
      if (format === 'topic' && topic.includes(NEWLINE)) {
        throw new FanwireError('BAD_TOPIC', `a topic ${BREAKS}`)
      }
      return bodyHead(format, topic)
    },

    check(data) {
      if (data.length === 0) return
      if (typeof data === 'string' ? data.includes('\n') : data.indexOf(NEWLINE) >= 0) {
        throw new FanwireError('BAD_VALUE', `the data ${BREAKS}`)
      }
      if ((typeof data === 'string' ? data.charCodeAt(data.length - 1) : data[data.length - 1]) === RETURN) {
        throw new FanwireError('BAD_VALUE', `the data ${ENDS}`)
      }
    },

    size(head, dataSize) {
      return head.length + dataSize + 1
    },

    write(target, at, head, dataSize) {
      const dataAt = at + head.length
      copyBytes(head, 0, head.length, target, at)
      target[dataAt + dataSize] = NEWLINE
      return dataAt
    },
  }
}

const INSTEAD = "encode it, with the codec json() for instance, or give frame: 'u32' at both ends"
const BREAKS = `has a newline in it, where a newline ends the message; ${INSTEAD}`
const ENDS = `ends with a carriage return, which belongs to the end of a line; send it without, ${INSTEAD}`

/**
 * A message of the log as a record: the size of its body, and the body, which may be anything.
 *
 *     size u32, body
 */
export function sizedFraming(format: BodyFormat, stamping?: Stamping): Framing {
  const stampSize = stamping === undefined ? 0 : STAMP_SIZE
  return {
    name: `lines/u32/${stamping === undefined ? format : 'stamped'}`,

    head(topic) {
      return stamping === undefined ? bodyHead(format, topic) : stampedHead(topic)
    },

    size(head, dataSize) {
      return SIZE + head.length + stampSize + dataSize
    },

    write(target, at, head, dataSize, number) {
      const headAt = at + SIZE
      const bodyAt = headAt + head.length
      writeU32(target, at, head.length + stampSize + dataSize)
      copyBytes(head, 0, head.length, target, headAt)
      if (stamping === undefined) return bodyAt
      writeStamp(target, bodyAt, stamping.stream, number, stamping.time())
      return bodyAt + STAMP_SIZE
    },
  }
}

/** How the decoder finds records that tell their size. */
export const sizedForm: RecordForm = { headerSize: SIZE, bodySize: readU32 }
