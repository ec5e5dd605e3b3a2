import { guess } from '../bad-peer.js'
import { ascii, badPeer, hex, readAscii } from './bytes.js'

export const GREETING_SIZE = 64

export interface Greeting {
  readonly major: number
  /** 0 means that the rules of ZMTP 3.0 hold: subscriptions are messages, and there are no heartbeats. */
  readonly minor: number
  /** `NULL`, `PLAIN` or `CURVE`, or whatever else the peer says. */
  readonly mechanism: string
}

/**
 * Writes the greeting that opens a connection.
 *
 *     0    1 .. 8   9    10     11     12 .. 31    32         33 .. 63
 *     ff   padding  7f   major  minor  mechanism   as-server  zeros
 *
 * The padding ends in 01, as libzmq has it: a peer of ZMTP 1.0 then reads an empty identity.
 *
 * @see https://rfc.zeromq.org/spec/37, "Version and Security Negotiation"
 */
export function writeGreeting(mechanism = 'NULL', asServer = false, minor = 1): Uint8Array {
  const bytes = new Uint8Array(GREETING_SIZE)
  bytes[0] = 0xff
  bytes[8] = 0x01
  bytes[9] = 0x7f
  bytes[10] = 3
  bytes[11] = minor
  bytes.set(ascii(mechanism), 12)
  bytes[32] = asServer ? 1 : 0
  return bytes
}

/**
 * Reads the peer's greeting, refusing a stranger at the first byte that gives it away: an HTTP client waits for an
 * answer long before it has sent 64 bytes.
 *
 * @param bytes what has arrived so far
 * @returns `undefined` while bytes are missing
 * @throws {FanwireError} `BAD_PEER` naming what the peer seems to speak
 */
export function readGreeting(bytes: Uint8Array): Greeting | undefined {
  const length = bytes.length
  if (length === 0) return undefined
  if (bytes[0] !== 0xff) {
    throw badPeer(`peer does not speak ZMTP 3 (first bytes ${hex(bytes, 0, 8)}${guess(bytes)})`)
  }
  if (length < 10) return undefined
  if (((bytes[9] as number) & 1) === 0) {
    throw badPeer(`peer does not speak ZMTP 3 (first bytes ${hex(bytes, 0, 10)}: ZMTP 1.0)`)
  }
  if (length < 11) return undefined
  const major = bytes[10] as number
  if (major < 3) throw badPeer(`peer speaks ZMTP ${major === 1 ? '2.0' : `revision ${major}`}, 3.0 or later is needed`)
  if (length < GREETING_SIZE) return undefined
  return { major, minor: bytes[11] as number, mechanism: readAscii(bytes, 12, 32).replace(/\0+$/, '') }
}
