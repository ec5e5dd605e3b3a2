import { badPeer, guess, hex } from '../bad-peer.js'
import { readU16, writeU16 } from '../numbers.js'

export const HEADER_SIZE = 8

/** The kinds of endpoints that fanwire is, by the numbers that they have on the wire: protocol × 16 + role. */
export const ENDPOINTS = { PUB: 0x20, SUB: 0x21, PUSH: 0x50, PULL: 0x51 } as const

export type Endpoint = keyof typeof ENDPOINTS

/** Those that others may be, for messages. */
const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(ENDPOINTS).map(([name, number]) => [number, name] as const),
  [0x10, 'PAIR'],
  [0x11, 'PAIR version 1'],
  [0x30, 'REQ'],
  [0x31, 'REP'],
  [0x62, 'SURVEYOR'],
  [0x63, 'RESPONDENT'],
  [0x70, 'BUS'],
])

/**
 * Writes the header that opens a connection, each way.
 *
 *     0    1    2    3        4 .. 5    6 .. 7
 *     00  'S'  'P'  version  endpoint  reserved
 *
 * @see sp-tcp-mapping-01, section 3
 */
export function writeHeader(endpoint: Endpoint): Uint8Array {
  const bytes = Uint8Array.of(0x00, 0x53, 0x50, 0x00, 0, 0, 0, 0)
  writeU16(bytes, 4, ENDPOINTS[endpoint])
  return bytes
}

/**
 * Reads the peer's header, refusing a stranger at the first byte that gives it away: an HTTP client may wait for an
 * answer before it has sent as much.
 *
 * @param bytes what has arrived so far
 * @returns the number of the peer's endpoint; `undefined` while bytes are missing
 * @throws {FanwireError} `BAD_PEER` naming what the peer seems to speak
 */
export function readHeader(bytes: Uint8Array): number | undefined {
  for (let at = 0; at < 3 && at < bytes.length; at++) {
    if (bytes[at] === SIGNATURE[at]) continue
    throw badPeer(`peer does not speak SP (first bytes ${hex(bytes, 0, HEADER_SIZE)}${guess(bytes)})`)
  }
  if (bytes.length > 3 && bytes[3] !== 0)
    throw badPeer(`peer speaks version ${bytes[3]} of SP, which is not known here`)
  if (bytes.length < HEADER_SIZE) return undefined
  if (bytes[6] !== 0 || bytes[7] !== 0) {
    throw badPeer(`peer uses the reserved bytes of its SP header (${hex(bytes, 0, HEADER_SIZE)})`)
  }
  return readU16(bytes, 4)
}

/** An endpoint in words: `a PUSH socket`. */
export function describe(endpoint: number): string {
  const name = NAMES.get(endpoint)
  return name === undefined ? `an endpoint of the unknown kind 0x${hexOf(endpoint)}` : `a ${name} socket`
}

const SIGNATURE = [0x00, 0x53, 0x50]

function hexOf(endpoint: number): string {
  return endpoint.toString(16).padStart(4, '0')
}
