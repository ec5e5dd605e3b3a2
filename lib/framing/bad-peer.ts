import { byteString } from '../bytes.js'
import { FanwireError } from '../errors.js'

/** A peer has broken the rules, or speaks something else. */
export function badPeer(message: string): FanwireError {
  return new FanwireError('BAD_PEER', message)
}

/** Bytes for an error message: `47 45 54 20`. */
export function hex(bytes: Uint8Array, from: number, to: number): string {
  return Array.from(bytes.subarray(from, to), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

/** How some peers begin that are met on the wrong port. */
const STRANGERS: readonly (readonly [start: string, name: string])[] = [
  ...['GET ', 'POST', 'PUT ', 'HEAD', 'DELE', 'OPTI', 'PATC', 'CONN', 'PRI ', 'HTTP'].map(
    (start) => [start, 'HTTP'] as const,
  ),
  ['\x16\x03', 'TLS'],
  ['\0SP\0', 'SP, the protocol of nanomsg'],
  ['SSH-', 'SSH'],
  ['\x01\0', 'ZMTP 1.0'],
  ['\xff', 'ZMTP, the protocol of ZeroMQ'],
]

/** What a peer seems to speak whose first bytes these are, for the end of a sentence: `: HTTP`; empty when unknown. */
export function guess(bytes: Uint8Array): string {
  const start = byteString(bytes, 0, Math.min(bytes.length, 8))
  const stranger = STRANGERS.find(([known]) => start.startsWith(known))
  return stranger ? `: ${stranger[1]}` : ''
}
