import type { SourcePeer, StartFrom, StreamStart } from '../../transport.js'
import type { SkipReason } from '../framing.js'
import { writeU64 } from '../numbers.js'
import { ascii, badPeer, readAscii, readU64 } from './bytes.js'
import { command } from './frame.js'

/**
 * What fanwire peers say to each other beside ZMTP: a property of READY and six commands, all of which other peers
 * ignore. `docs/fanwire-peers.md` tells when each may be said, with vectors.
 */

export const PROPERTY = 'X-Fanwire'
export const VERSION = 1
export const NAME_SIZE = 10
/** The least that a producer may leave unacknowledged. */
export const LEAST_ALLOWANCE = 1024
/** What a producer adds to its introduction: the length of a name, the name, the run. */
const CARRIES_SIZE = 1 + NAME_SIZE + 8
const STREAM_SIZE = NAME_SIZE + 32

export interface Introduction {
  readonly version: number
  /** The consumer's id; a producer has none. */
  readonly id?: string | undefined
  /** The overflow policy that the consumer asks for. */
  readonly want?: string | undefined
  /** The stream that the producer will send. */
  readonly carries?: SourcePeer['carries'] | undefined
}

/**
 * The value of `X-Fanwire`.
 *
 *     version u8, id-length u8, id, want-length u8, want                               of a consumer
 *     version u8, id-length u8, id, want-length u8, want, name-length u8, name, run u64   of a producer
 */
export function writeIntroduction({ id = '', want = '', carries }: Omit<Introduction, 'version'>): Uint8Array {
  const nameAt = 3 + id.length + want.length
  const bytes = new Uint8Array(nameAt + (carries === undefined ? 0 : CARRIES_SIZE))
  bytes[0] = VERSION
  bytes[1] = id.length
  bytes.set(ascii(id), 2)
  bytes[2 + id.length] = want.length
  bytes.set(ascii(want), 3 + id.length)
  if (carries === undefined) return bytes
  bytes[nameAt] = NAME_SIZE
  bytes.set(ascii(carries.stream), nameAt + 1)
  writeU64(bytes, nameAt + 1 + NAME_SIZE, carries.run)
  return bytes
}

/** @throws {FanwireError} `BAD_PEER` */
export function readIntroduction(value: Uint8Array): Introduction {
  const version = value[0] ?? 0
  const idEnd = 2 + (value[1] ?? 0)
  const wantEnd = idEnd + 1 + (value[idEnd] ?? 0)
  // Consumers end here, and so do producers of older versions.
  const nameSize = value[wantEnd] ?? 0
  const end = nameSize === 0 ? wantEnd : wantEnd + 1 + nameSize + 8
  if (version < 1 || value.length < end) throw badPeer(`peer sent a broken ${PROPERTY} of ${value.length} bytes`)
  const id = readAscii(value, 2, idEnd)
  const want = readAscii(value, idEnd + 1, wantEnd)
  if (id !== '' && !isName(id)) throw badPeer(`peer sent an id that is not ${NAME_SIZE} characters of 0-9A-Z`)
  if (/[^\x21-\x7e]/.test(want)) throw badPeer('peer asks for an overflow policy that cannot be printed')
  const stream = readAscii(value, wantEnd + 1, wantEnd + 1 + nameSize)
  if (stream !== '' && !isName(stream))
    throw badPeer(`peer sent a stream that is not ${NAME_SIZE} characters of 0-9A-Z`)
  return {
    version,
    ...(id === '' ? {} : { id }),
    ...(want === '' ? {} : { want }),
    ...(stream === '' ? {} : { carries: { stream, run: readU64(value, end - 8) } }),
  }
}

/**
 * The producer's first words.
 *
 *     "STREAM", name (10), run u64, next u64, oldest u64, allowance u64
 *     "STREAM", …, messages u64                                          where links share the messages
 */
export function writeStream(start: StreamStart): Uint8Array {
  const { prefetch } = start
  const data = new Uint8Array(prefetch === undefined ? STREAM_SIZE : STREAM_SIZE + 8)
  data.set(ascii(start.stream))
  writeU64(data, 10, start.run)
  writeU64(data, 18, start.next)
  writeU64(data, 26, start.oldest)
  writeU64(data, 34, start.allowance ?? Number.MAX_SAFE_INTEGER)
  if (prefetch !== undefined) writeU64(data, STREAM_SIZE, prefetch)
  return command('STREAM', data)
}

/** @throws {FanwireError} `BAD_PEER` */
export function readStream(data: Uint8Array): StreamStart {
  const isShared = data.length === STREAM_SIZE + 8
  if (!isShared) needSize('STREAM', data, STREAM_SIZE)
  const prefetch = isShared ? readU64(data, STREAM_SIZE) : undefined
  if (prefetch === 0) throw badPeer('peer shares its messages and allows none of them')
  const allowance = readU64(data, 34)
  // Acknowledgements go by its quarters: one of a few bytes would make the consumer answer every message.
  if (allowance < LEAST_ALLOWANCE) {
    throw badPeer(`peer allows ${allowance} unacknowledged bytes, at least ${LEAST_ALLOWANCE} are needed`)
  }
  return {
    stream: readName('STREAM', data, 0),
    run: readU64(data, 10),
    next: readU64(data, 18),
    oldest: readU64(data, 26),
    allowance,
    ...(prefetch !== undefined && { prefetch }),
  }
}

/**
 * Where the consumer wants to begin.
 *
 *     "START", from u8: 0 now, 1 oldest, 2 latest-per-topic
 *     "START", 3, stream (10), run u64, next u64
 */
export function writeStart(from: StartFrom): Uint8Array {
  if (typeof from === 'string') return command('START', Uint8Array.of(STARTS.indexOf(from)))
  const data = new Uint8Array(RESUME_SIZE)
  data[0] = 3
  data.set(ascii(from.stream), 1)
  writeU64(data, 11, from.run)
  writeU64(data, 19, from.next)
  return command('START', data)
}

/** @throws {FanwireError} `BAD_PEER` */
export function readStart(data: Uint8Array): StartFrom {
  if (data[0] === 3) {
    needSize('START', data, RESUME_SIZE)
    return { stream: readName('START', data, 1), run: readU64(data, 11), next: readU64(data, 19) }
  }
  needSize('START', data, 1)
  const from = STARTS[data[0] as number]
  if (from === undefined) throw badPeer(`peer wants to START from ${data[0]}, which is none of 0 to 3`)
  return from
}

const STARTS = ['now', 'oldest', 'latest-per-topic'] as const
const RESUME_SIZE = 1 + NAME_SIZE + 16

export const SKIP_SIZE = 16

/**
 * Says that the next `count` numbers will not come.
 *
 *     04 0e 04 "SKIP", reason u8: 0 filtered, 1 dropped, count u64 from 1
 *
 * Always 16 bytes, so that the log can leave room for one.
 */
export function writeSkip(target: Uint8Array, at: number, count: number, reason: SkipReason): void {
  target[at] = 0x04
  target[at + 1] = 0x0e
  target[at + 2] = 0x04
  target[at + 3] = 0x53
  target[at + 4] = 0x4b
  target[at + 5] = 0x49
  target[at + 6] = 0x50
  target[at + 7] = reason === 'filtered' ? 0 : 1
  writeU64(target, at + 8, count)
}

/** The SKIP's reason; `at` is where the reason stands. */
export function readSkipReason(bytes: Uint8Array, at: number): SkipReason {
  const reason = bytes[at] as number
  if (reason === 0) return 'filtered'
  if (reason === 1) return 'dropped'
  throw badPeer(`peer sent a SKIP for reason ${reason}, which is neither 0 nor 1`)
}

/** The SKIP's count; `at` is where the count stands. */
export function readSkipCount(bytes: Uint8Array, at: number): number {
  const count = readU64(bytes, at)
  if (count === 0) throw badPeer('peer sent a SKIP of no numbers')
  return count
}

export const RUN_SIZE = 15

/**
 * Says that the messages that follow are numbered from `first` on, where links share the messages.
 *
 *     04 0d 03 "RUN", mark u8: 0 new, 1 redelivered, first u64
 */
export function writeRun(target: Uint8Array, at: number, first: number, redelivered: boolean): void {
  target[at] = 0x04
  target[at + 1] = 0x0d
  target[at + 2] = 0x03
  target[at + 3] = 0x52
  target[at + 4] = 0x55
  target[at + 5] = 0x4e
  target[at + 6] = redelivered ? 1 : 0
  writeU64(target, at + 7, first)
}

/** @throws {FanwireError} `BAD_PEER` */
export function readRun(data: Uint8Array): { readonly first: number; readonly redelivered: boolean } {
  needSize('RUN', data, 9)
  const [mark] = data
  if (mark !== 0 && mark !== 1) throw badPeer(`peer sent a RUN with the mark ${mark}, which is neither 0 nor 1`)
  return { first: readU64(data, 1), redelivered: mark === 1 }
}

/**
 * Tells how many messages of this connection the consumer has taken so far.
 *
 *     "ACK", messages u64
 */
export function writeAck(messages: number): Uint8Array {
  const data = new Uint8Array(8)
  writeU64(data, 0, messages)
  return command('ACK', data)
}

/** @throws {FanwireError} `BAD_PEER` */
export function readAck(data: Uint8Array): number {
  needSize('ACK', data, 8)
  return readU64(data, 0)
}

/**
 * The producer's last word: its stream ends before `next`.
 *
 *     "END", next u64
 */
export function writeEnd(next: number): Uint8Array {
  const data = new Uint8Array(8)
  writeU64(data, 0, next)
  return command('END', data)
}

/** @throws {FanwireError} `BAD_PEER` */
export function readEnd(data: Uint8Array): number {
  needSize('END', data, 8)
  return readU64(data, 0)
}

function needSize(name: string, data: Uint8Array, size: number): void {
  if (data.length !== size) throw badPeer(`peer sent a ${name} with ${data.length} bytes of data, it has ${size}`)
}

function readName(command: string, data: Uint8Array, at: number): string {
  const name = readAscii(data, at, at + NAME_SIZE)
  if (!isName(name)) throw badPeer(`peer sent a ${command} whose stream is not ${NAME_SIZE} characters of 0-9A-Z`)
  return name
}

function isName(text: string): boolean {
  return /^[0-9A-Z]{10}$/.test(text)
}
