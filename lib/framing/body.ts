import { copyBytes } from '../bytes.js'
import { MAX_TOPIC_BYTES } from '../topic.js'
import { readU32, readU64Roughly, writeU64 } from './numbers.js'

/**
 * How topic and data share the one body that a message has on sp, lines, udp, multicast and raw datagrams. `'topic'`
 * puts the topic in front of the data; `'raw'` has the data alone, as feeds of other makers do.
 *
 *     topic, 00, data
 *     topic, 01, stamp, data        stamp = stream (10), number u64, time of sending in µs u64
 */
export type BodyFormat = 'topic' | 'raw'

export const STAMP_SIZE = 26

const STREAM_SIZE = 10
const PLAIN = 0x00
const STAMPED = 0x01

const NOTHING = new Uint8Array(0)

/** The number and time that messages are stamped with, where they are. */
export interface Stamping {
  /** The 10 characters of the stream's name. */
  readonly stream: Uint8Array
  /** Microseconds since 1970. */
  time(): number
}

/** What stands in front of the data, the same for all messages of a topic. */
export function bodyHead(format: BodyFormat, topic: Uint8Array): Uint8Array {
  return format === 'raw' ? NOTHING : terminated(topic, PLAIN)
}

/** What stands in front of the stamp. */
export function stampedHead(topic: Uint8Array): Uint8Array {
  return terminated(topic, STAMPED)
}

/**
 * Writes a stamp at `at`; the data begins {@link STAMP_SIZE} bytes later.
 *
 * @param stream the 10 characters of the stream's name
 * @param number from 1, below 2^53
 * @param timeUs microseconds since 1970
 */
export function writeStamp(target: Uint8Array, at: number, stream: Uint8Array, number: number, timeUs: number): void {
  copyBytes(stream, 0, STREAM_SIZE, target, at)
  writeU64(target, at + STREAM_SIZE, number)
  writeU64(target, at + STREAM_SIZE + 8, timeUs)
}

/** Reads one body after the other, and says where its parts lie without allocating anything. */
export class BodyReader {
  topicStart = 0
  topicEnd = 0
  dataStart = 0
  dataEnd = 0
  /** Where the name of the stream lies, 10 bytes; -1 in a body without a stamp. */
  streamStart = -1
  /** The number and time of the stamp, in a body that has one. */
  number = 0
  timeUs = 0
  /** The format is `'topic'`, and the body has none: it is data as a whole. */
  bare = false

  constructor(private readonly format: BodyFormat) {}

  /** Reads the body `bytes[from, to)`, which may be anything. */
  read(bytes: Uint8Array, from: number, to: number): void {
    this.topicStart = from
    this.topicEnd = from
    this.dataStart = from
    this.dataEnd = to
    this.streamStart = -1
    this.bare = false
    if (this.format === 'raw') return
    const last = Math.min(to, from + MAX_TOPIC_BYTES + 1)
    let at = from
    while (at < last && (bytes[at] as number) > STAMPED) at++
    if (at < last && bytes[at] === PLAIN) {
      this.topicEnd = at
      this.dataStart = at + 1
    } else if (at < last && isStamp(bytes, at + 1, to)) {
      this.topicEnd = at
      this.streamStart = at + 1
      this.number = readU64Roughly(bytes, at + 1 + STREAM_SIZE)
      this.timeUs = readU64Roughly(bytes, at + 1 + STREAM_SIZE + 8)
      this.dataStart = at + 1 + STAMP_SIZE
    } else {
      this.bare = true
    }
  }
}

function terminated(topic: Uint8Array, terminator: number): Uint8Array {
  const bytes = new Uint8Array(topic.length + 1)
  bytes.set(topic)
  bytes[topic.length] = terminator
  return bytes
}

/** Told apart from data that has 01 in it for reasons of its own, as between the fields of FIX. */
function isStamp(bytes: Uint8Array, at: number, to: number): boolean {
  if (at + STAMP_SIZE > to) return false
  for (let i = at; i < at + STREAM_SIZE; i++) if (!isNameByte(bytes[i] as number)) return false
  const number = readU64Roughly(bytes, at + STREAM_SIZE)
  return number > 0 && number <= Number.MAX_SAFE_INTEGER && readU32(bytes, at + STREAM_SIZE + 8) < 0x20_0000
}

/** `0-9A-Z`. */
function isNameByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a)
}
