import { Decoder, type DecoderOptions, type TrafficHandler } from '../../../../lib/framing/zmtp/decoder.js'

export interface Seen {
  readonly topic?: string
  readonly data?: string
  readonly frames?: readonly string[]
  readonly skip?: readonly [count: number, reason: string]
  readonly command?: readonly [name: string, data: string]
}

/** What the decoder tells, as values that can be compared. */
export class Collector implements TrafficHandler {
  readonly seen: Seen[] = []
  /** Says no after every so many messages. */
  stopEvery = Number.POSITIVE_INFINITY
  #messages = 0

  message(
    chunk: Uint8Array,
    topicStart: number,
    topicEnd: number,
    dataStart: number,
    dataEnd: number,
    frames?: readonly Uint8Array[],
  ): boolean {
    this.seen.push({
      topic: toHex(chunk.subarray(topicStart, topicEnd)),
      data: toHex(chunk.subarray(dataStart, dataEnd)),
      ...(frames && { frames: frames.map(toHex) }),
    })
    return ++this.#messages % this.stopEvery !== 0
  }

  skip(count: number, reason: string): void {
    this.seen.push({ skip: [count, reason] })
  }

  command(name: string, data: Uint8Array): void {
    this.seen.push({ command: [name, toHex(data)] })
  }
}

/** Everything that `chunks` hold, read one after the other. */
export function read(chunks: readonly Uint8Array[], options: Partial<DecoderOptions> = {}): Seen[] {
  const collector = new Collector()
  const decoder = new Decoder(collector, { maxMessageBytes: 1 << 20, ...options })
  for (const chunk of chunks) decoder.push(chunk)
  return collector.seen
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/\s+/g, ''), 'hex'))
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** `bytes` cut at `offsets`, each piece in memory of its own, as a socket delivers them. */
export function cut(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const places = [...offsets].sort((a, b) => a - b)
  return [0, ...places].map((from, i) => bytes.slice(from, places[i] ?? bytes.length))
}

/** A message of any number of frames. */
export function framed(...frames: readonly Uint8Array[]): Uint8Array {
  return join(
    ...frames.flatMap((body, i) => {
      const more = i < frames.length - 1 ? 1 : 0
      if (body.length < 256) return [Uint8Array.of(more, body.length), body]
      const header = Buffer.alloc(9)
      header[0] = more | 2
      header.writeBigUInt64BE(BigInt(body.length), 1)
      return [header, body]
    }),
  )
}
