import { command, frame } from './frame.js'

/**
 * Asks for a prefix, or cancels it, in the form that the peer understands.
 *
 *     since 3.1   command "SUBSCRIBE" or "CANCEL", data = the prefix
 *     until 3.0   message of one frame: 01 or 00, then the prefix
 *
 * @param minor the minor version of the peer's greeting
 */
export function writeSubscription(wanted: boolean, prefix: Uint8Array, minor: number): Uint8Array {
  if (minor > 0) return command(wanted ? 'SUBSCRIBE' : 'CANCEL', prefix)
  const body = new Uint8Array(1 + prefix.length)
  body[0] = wanted ? 1 : 0
  body.set(prefix, 1)
  return frame(0, body)
}

/**
 * Reads the old form out of `bytes[from, to)`, the only frame of a message.
 *
 * @returns `undefined` for any other message, which a PUB throws away
 */
export function readSubscription(
  bytes: Uint8Array,
  from: number,
  to: number,
): { wanted: boolean; prefix: Uint8Array } | undefined {
  const first = bytes[from]
  if (from === to || (first !== 0 && first !== 1)) return undefined
  return { wanted: first === 1, prefix: bytes.slice(from + 1, to) }
}
