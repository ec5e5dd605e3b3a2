import { copyBytes } from '../../bytes.js'
import { badPeer } from '../bad-peer.js'
import { type BodyFormat, bodyHead, STAMP_SIZE, type Stamping, stampedHead, writeStamp } from '../body.js'
import type { Framing } from '../framing.js'
import { readU64Roughly, writeU64 } from '../numbers.js'
import type { RecordForm } from '../records.js'

/** Over UNIX sockets each message says of what type it is; there is one type. */
const MESSAGE = 0x01
const SIZE = 8

/** The largest body that libnanomsg takes unless it is told otherwise (NN_RCVMAXSIZE). It hangs up on more. */
export const NANOMSG_MAX = 1_048_576

/** Which of the two forms messages have: with a type in front, as over UNIX sockets, or without. */
export type SpMapping = 'tcp' | 'ipc'

/**
 * A message of the log as SP has it: its size, and the body.
 *
 *     size u64, body              over TCP
 *     01, size u64, body          over UNIX sockets
 *
 * @see sp-tcp-mapping-01, section 4
 */
export function spFraming(mapping: SpMapping, format: BodyFormat, stamping?: Stamping): Framing {
  const prefix = mapping === 'ipc' ? 1 : 0
  const stampSize = stamping === undefined ? 0 : STAMP_SIZE
  return {
    name: `sp/${mapping}/${stamping === undefined ? format : 'stamped'}`,

    head(topic) {
      return stamping === undefined ? bodyHead(format, topic) : stampedHead(topic)
    },

    size(head, dataSize) {
      return prefix + SIZE + head.length + stampSize + dataSize
    },

    write(target, at, head, dataSize, number) {
      const size = head.length
      if (prefix > 0) target[at] = MESSAGE
      writeU64(target, at + prefix, size + stampSize + dataSize)
      const headAt = at + prefix + SIZE
      copyBytes(head, 0, size, target, headAt)
      if (stamping === undefined) return headAt + size
      writeStamp(target, headAt + size, stamping.stream, number, stamping.time())
      return headAt + size + STAMP_SIZE
    },
  }
}

/** How the decoder finds the messages of a peer; it throws `BAD_PEER` for a type that is none. */
export const spForms: Readonly<Record<SpMapping, RecordForm>> = {
  tcp: { headerSize: SIZE, bodySize: readU64Roughly },
  ipc: {
    headerSize: 1 + SIZE,
    bodySize(bytes, at) {
      const type = bytes[at] as number
      if (type !== MESSAGE) throw badPeer(`peer sends a message of the type ${type}, there is none but ${MESSAGE}`)
      return readU64Roughly(bytes, at + 1)
    },
  },
}
