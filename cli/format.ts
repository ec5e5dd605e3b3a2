/** What the formats show of a message. */
export interface Printable {
  readonly topic: string
  readonly data: Uint8Array
  readonly sequence?: number | undefined
  readonly stream?: string | undefined
  /** Numbers lost or declared dropped just before this message. */
  readonly missed?: number | undefined
  /** Another consumer may have been given it before. */
  readonly redelivered?: boolean | undefined
  /** When it was sent, in microseconds since 1970. */
  readonly time?: number | undefined
}

/** How `fanwire sub` writes a message. */
export type Format = (message: Printable) => string | Uint8Array

/** A line a message, but for `raw`, which adds nothing to the data. */
export const formats = {
  json: (message) => `${JSON.stringify(toJson(message))}\n`,
  text: ({ data }) => `${visible(Buffer.from(data.buffer, data.byteOffset, data.length).toString())}\n`,
  raw: ({ data }) => data,
  hex: ({ data }) => `${Buffer.from(data.buffer, data.byteOffset, data.length).toString('hex')}\n`,
} as const satisfies Record<string, Format>

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function toJson({ topic, data, sequence, stream, missed, redelivered, time }: Printable): object {
  // JSON leaves out what is undefined; `missed` is worth a word only where something was.
  return {
    topic,
    ...encode(data),
    sequence,
    stream,
    missed: missed || undefined,
    redelivered: redelivered || undefined,
    time,
  }
}

function encode(data: Uint8Array): { data: string; encoding?: 'base64' } {
  try {
    return { data: strict.decode(data) }
  } catch {
    return { data: Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64'), encoding: 'base64' }
  }
}

/** A line break would make two lines of one message, and other controls are orders to the terminal. */
export function visible(text: string): string {
  return text.replace(/(?!\t)\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Reads a line of the `json` format back. Only `data` must be there; what else stands in it is of no use for sending. */
export function readJson(line: string): { topic: string | undefined; data: string | Uint8Array } {
  const { topic, data, encoding } = parseObject(line)
  if (topic !== undefined && typeof topic !== 'string') throw new TypeError('its topic is not a string')
  if (typeof data !== 'string') throw new TypeError('its data is not a string')
  if (encoding !== undefined && encoding !== 'base64') throw new TypeError("its encoding is not 'base64'")
  return { topic, data: encoding === 'base64' ? readBase64(data) : data }
}

/** What reads base64 passes over whatever is none, so that half a message would be sent in silence. */
function readBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw new TypeError('its data is not base64')
  return bytes
}

function parseObject(line: string): Record<string, unknown> {
  const value: unknown = JSON.parse(line)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('it is not an object')
  return value as Record<string, unknown>
}
