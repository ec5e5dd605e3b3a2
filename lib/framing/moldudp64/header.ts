import { FanwireError } from '../../errors.js'
import { writeU16, writeU64 } from '../numbers.js'
import { SESSION_SIZE } from './session.js'

/**
 * The beginning of every packet, and the whole of a heartbeat, an end of session and a request.
 *
 *     session (10), sequence number u64, message count u16
 *
 * @see MoldUDP64 1.00, "Downstream Packet", "Request Packet"
 */
export const HEADER_SIZE = 20
export const SEQUENCE_AT = SESSION_SIZE
export const COUNT_AT = SESSION_SIZE + 8

/** The counts that are none. */
export const HEARTBEAT = 0
export const END_OF_SESSION = 0xffff

/** The most messages that a packet may have, and a request may ask for. */
export const MAX_COUNT = 0xfffe

/**
 * What stands in front of the message blocks of a packet.
 *
 * @param session 10 bytes
 * @param first the number of the first message
 * @param count how many blocks follow, 1 to {@link MAX_COUNT}
 * @param target {@link HEADER_SIZE} bytes to write it to
 * @throws {FanwireError} `BAD_VALUE` for a number or count that a packet cannot have, here and in the others below
 */
export function writeHeader(
  session: Uint8Array,
  first: number,
  count: number,
  target = new Uint8Array(HEADER_SIZE),
): Uint8Array {
  if (!Number.isInteger(count) || count < 1 || count > MAX_COUNT) {
    throw new FanwireError('BAD_VALUE', `a count must be an integer from 1 to ${MAX_COUNT}, got ${count}`)
  }
  if (first + count > Number.MAX_SAFE_INTEGER) throw badSequence(first)
  return header(session, first, count, target)
}

/** A packet that says which number comes next, while there is nothing to send. */
export function writeHeartbeat(session: Uint8Array, next: number): Uint8Array {
  return header(session, next, HEARTBEAT)
}

/** A packet that says that the session is over, and which number would have come next. */
export function writeEndOfSession(session: Uint8Array, next: number): Uint8Array {
  return header(session, next, END_OF_SESSION)
}

/** A packet to the request server: asks for `count` messages from number `first` on. */
export function writeRequest(session: Uint8Array, first: number, count: number): Uint8Array {
  return writeHeader(session, first, count)
}

function header(session: Uint8Array, sequence: number, count: number, bytes = new Uint8Array(HEADER_SIZE)): Uint8Array {
  if (!Number.isSafeInteger(sequence) || sequence < 1) throw badSequence(sequence)
  bytes.set(session)
  writeU64(bytes, SEQUENCE_AT, sequence)
  writeU16(bytes, COUNT_AT, count)
  return bytes
}

function badSequence(sequence: number): FanwireError {
  return new FanwireError(
    'BAD_VALUE',
    `a sequence number, and the one that follows, must be an integer from 1 to 2^53 - 1, got ${sequence}`,
  )
}
