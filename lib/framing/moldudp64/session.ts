import { byteString } from '../../bytes.js'
import { FanwireError } from '../../errors.js'

export const SESSION_SIZE = 10

/**
 * The session of a name, padded with spaces on the right.
 *
 * @throws {FanwireError} `BAD_OPTION` when the name has another form than what {@link sessionName} gives
 */
export function sessionBytes(name: string): Uint8Array {
  const text = name.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
  if (!/^[\0-\xff]{1,10}$/.test(text) || /[^\x20-\x7e]/.test(name)) {
    throw new FanwireError(
      'BAD_OPTION',
      `a session must be 1 to 10 ASCII characters, other bytes as \\x and two hexadecimal digits, got '${name}'`,
    )
  }
  const bytes = new Uint8Array(SESSION_SIZE).fill(0x20)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/**
 * The session at the beginning of `bytes` as text, without its padding. Different sessions have different names,
 * whatever their bytes are, and {@link sessionBytes} gives these bytes back.
 */
export function sessionName(bytes: Uint8Array): string {
  return byteString(bytes, 0, SESSION_SIZE)
    .replace(/(?<=[^ ]) +$/, '')
    .replace(/[^\x20-\x5b\x5d-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** Whether a packet of any length belongs to the session. Its bytes are opaque: nothing is trimmed. */
export function isOfSession(packet: Uint8Array, session: Uint8Array): boolean {
  for (let i = 0; i < SESSION_SIZE; i++) if (packet[i] !== session[i]) return false
  return true
}
