import { readU16, readU64Roughly } from '../numbers.js'
import { COUNT_AT, END_OF_SESSION, HEADER_SIZE, HEARTBEAT, SEQUENCE_AT } from './header.js'

export interface Request {
  /** The lowest number that is wanted. */
  readonly first: number
  /** How many are wanted, 1 to 65,534. They may reach past the last message there is. */
  readonly count: number
}

/**
 * Why a request gets no answer: it has another size than 20 bytes, asks for number 0 or beyond 2^53, or for no messages
 * or 65,535 of them, which no packet can have.
 */
export type RequestFlaw = 'size' | 'zeroSequence' | 'tooLarge' | 'count'

/** Reads a request of whatever session. */
export function readRequest(packet: Uint8Array): Request | RequestFlaw {
  if (packet.length !== HEADER_SIZE) return 'size'
  const first = readU64Roughly(packet, SEQUENCE_AT)
  const count = readU16(packet, COUNT_AT)
  if (first === 0) return 'zeroSequence'
  if (first + count > Number.MAX_SAFE_INTEGER) return 'tooLarge'
  return count === HEARTBEAT || count === END_OF_SESSION ? 'count' : { first, count }
}
