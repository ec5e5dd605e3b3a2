import { writeU64 } from '../numbers.js'
import { badPeer, EMPTY, readU64 } from './bytes.js'
import { command } from './frame.js'

/** libzmq multiplies the tenths by 100 in 16 bits: 656 would cut a silent connection after 60 ms. */
export const TTL_MAX = 655

/** A context longer than this is not echoed. */
export const CONTEXT_MAX = 16

/**
 * Asks for a sign of life.
 *
 *     "PING", ttl u16 in tenths of a second, context of 0 to 16 bytes
 *
 * @see https://rfc.zeromq.org/spec/37, "Connection Heartbeating"
 */
export function writePing(ttlMs: number, context: Uint8Array = EMPTY): Uint8Array {
  const ttl = Math.min(TTL_MAX, Math.ceil(ttlMs / 100))
  const data = new Uint8Array(2 + context.length)
  data[0] = ttl >>> 8
  data[1] = ttl
  data.set(context, 2)
  return command('PING', data)
}

/** Between fanwire peers the context is the number of the next message on this link. */
export function writeCheckpoint(ttlMs: number, next: number): Uint8Array {
  const context = new Uint8Array(8)
  writeU64(context, 0, next)
  return writePing(ttlMs, context)
}

/**
 * Takes the context out of a PING.
 *
 * @param data the command without its name
 * @throws {FanwireError} `BAD_PEER` when the time to live is missing
 */
export function readPing(data: Uint8Array): { ttlMs: number; context: Uint8Array } {
  if (data.length < 2) throw badPeer(`peer sent a PING of ${5 + data.length} bytes, it has at least 7`)
  return {
    ttlMs: 100 * (((data[0] as number) << 8) | (data[1] as number)),
    context: data.subarray(2, 2 + CONTEXT_MAX),
  }
}

/** The next number that a fanwire producer's PING tells; `undefined` when it tells none. */
export function readCheckpoint(context: Uint8Array): number | undefined {
  return context.length === 8 ? readU64(context, 0) : undefined
}

/** Answers a PING with the context that it had. */
export function writePong(context: Uint8Array): Uint8Array {
  return command('PONG', context)
}
