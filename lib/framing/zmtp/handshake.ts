import { FanwireError } from '../../errors.js'
import { readU32, writeU32 } from '../numbers.js'
import { ascii, badPeer, readAscii } from './bytes.js'
import { command } from './frame.js'

/** READY's properties by name in lower case, since names are compared without case. */
export type Metadata = ReadonlyMap<string, Uint8Array>

export const SOCKET_TYPE = 'Socket-Type'

/**
 * The command with which each side of the NULL mechanism says what it is.
 *
 *     "READY", then for each property: name-length u8, name, value-length u32, value
 *
 * @see https://rfc.zeromq.org/spec/37, "The NULL Security Mechanism"
 */
export function writeReady(socketType: string, properties: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  return command('READY', writeMetadata(socketType, properties))
}

/** The properties alone, which other mechanisms put into commands of their own. */
export function writeMetadata(socketType: string, properties: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const all: [string, Uint8Array][] = [[SOCKET_TYPE, ascii(socketType)], ...Object.entries(properties)]
  const data = new Uint8Array(all.reduce((size, [name, value]) => size + 5 + name.length + value.length, 0))
  let at = 0
  for (const [name, value] of all) {
    data[at] = name.length
    data.set(ascii(name), at + 1)
    at += 1 + name.length
    writeU32(data, at, value.length)
    data.set(value, at + 4)
    at += 4 + value.length
  }
  return data
}

/**
 * Reads the properties of a READY.
 *
 * @param data the command without its name
 * @throws {FanwireError} `BAD_PEER` when a length does not fit
 */
export function readMetadata(data: Uint8Array): Metadata {
  const properties = new Map<string, Uint8Array>()
  let at = 0
  while (at < data.length) {
    const nameEnd = at + 1 + (data[at] as number)
    if (nameEnd + 4 > data.length) throw badPeer('peer sent a READY that ends within a property')
    const valueEnd = nameEnd + 4 + readU32(data, nameEnd)
    if (valueEnd > data.length) throw badPeer('peer sent a READY that ends within a value')
    properties.set(readAscii(data, at + 1, nameEnd).toLowerCase(), data.slice(nameEnd + 4, valueEnd))
    at = valueEnd
  }
  return properties
}

/** The peer's socket type, or `undefined`: libzmq does not insist on one. */
export function socketType(metadata: Metadata): string | undefined {
  const value = metadata.get('socket-type')
  return value && readAscii(value, 0, value.length)
}

/** Tells a peer for good why it is refused; for a refusal that may pass, a plain close lets libzmq come back. */
export function writeError(reason: string): Uint8Array {
  const text = reason.replace(/[^\x20-\x7e]/g, '?').slice(0, 255)
  const data = new Uint8Array(1 + text.length)
  data[0] = text.length
  data.set(ascii(text), 1)
  return command('ERROR', data)
}

/** What ZeroMQ's authentication protocol has for wrong credentials. libzmq tells its application of no other words. */
export const WRONG_CREDENTIALS = '400'

/** The error of an end that its peer has refused. */
export function refusedBy(reason: string): FanwireError {
  const why = reason === WRONG_CREDENTIALS ? 'authentication failed (400)' : reason || 'no reason given'
  return new FanwireError('REFUSED', `peer refused the connection: ${why}`)
}

/** The peer's reason, in what can be printed of it. */
export function readError(data: Uint8Array): string {
  const end = Math.min(data.length, 1 + (data[0] ?? 0))
  return readAscii(data, 1, end).replace(/[^\x20-\x7e]/g, '?')
}
