import type { SkipReason } from '../framing.js'
import { readU32 } from '../numbers.js'
import { badPeer, EMPTY, hex } from './bytes.js'
import { COMMAND, commandName, FLAGS, LONG, MORE } from './frame.js'
import { readSkipCount, readSkipReason, SKIP_SIZE } from './peers.js'

/** Who is told what the traffic holds. What it throws comes out of `push`. */
export interface TrafficHandler {
  /**
   * A message: topic and data are ranges of `chunk`, which may be kept. `frames` has all frames of a message that does
   * not consist of two, or whose data is not the second. `false`: keep what follows until {@link Decoder.resume}.
   */
  message(
    chunk: Uint8Array,
    topicStart: number,
    topicEnd: number,
    dataStart: number,
    dataEnd: number,
    frames?: readonly Uint8Array[],
  ): boolean
  skip(count: number, reason: SkipReason): void
  /** Any other command; `data` is what follows its name, and valid during the call only. */
  command(name: string, data: Uint8Array): void
}

export interface DecoderOptions {
  /** The largest message, in bytes of all its frames. */
  readonly maxMessageBytes: number
  /** Which frame of a message is its data, counted from 0. @default 1 */
  readonly dataFrame?: number
  /** Where memory for a message that straddles chunks comes from. @default Uint8Array */
  readonly allocate?: (size: number) => Uint8Array
}

/** A command is never larger: the largest that is sensible is a subscription. */
const COMMAND_MAX = 65_536
/** Empty frames count for nothing in the size of a message, so their number has its own limit. */
const FRAMES_MAX = 10_000
/** A straddling message gets its whole memory at once up to this size: larger ones would cost too much if they never come. */
const WHOLE_MAX = 128 * 1024
/** A larger one gets this much at once, and then never more than twice what has arrived of it. */
const CARRY_MIN = 4_096
const SKIP_BODY = SKIP_SIZE - 2

/**
 * Reads traffic: what follows the greeting. Messages that lie within a chunk are parsed where they lie and nothing is
 * allocated for them; one that straddles chunks is put together in memory of its own.
 */
export class Decoder {
  readonly #handler: TrafficHandler
  readonly #maxMessageBytes: number
  readonly #dataFrame: number
  readonly #allocate: (size: number) => Uint8Array
  /** Messages of two frames are read in place, without looking for others. */
  readonly #plain: boolean
  #stopped = false
  #closed = false
  /** What arrived, or was left, after `message` had returned false; the first counts from `#keptAt`. */
  #kept: Uint8Array[] = []
  #keptAt = 0
  /** A unit (message or command) whose end has not arrived. */
  #carry: Uint8Array = EMPTY
  #carried = 0
  /** How far the unit has been understood, from its beginning on, and how many bytes of it the next step needs. */
  #understood = 0
  #needed = 0
  /** The unit ends with those bytes. */
  #ends = false
  /** The frames of the unit so far: where each begins and ends. */
  #ranges: number[] = []
  #messageBytes = 0

  constructor(handler: TrafficHandler, options: DecoderOptions) {
    this.#handler = handler
    this.#maxMessageBytes = options.maxMessageBytes
    this.#dataFrame = options.dataFrame ?? 1
    this.#allocate = options.allocate ?? ((size) => new Uint8Array(size))
    this.#plain = this.#dataFrame === 1
  }

  /**
   * Reads `chunk`, which must never change again.
   *
   * @returns false when the handler wants no more for now
   * @throws {FanwireError} `BAD_PEER`; the decoder is of no use after that
   */
  push(chunk: Uint8Array): boolean {
    if (this.#closed) return false
    if (this.#stopped) {
      this.#kept.push(chunk)
      return false
    }
    return this.#read(chunk, 0)
  }

  /** Goes on with what was kept. Returns and throws as {@link push} does. */
  resume(): boolean {
    this.#stopped = false
    while (this.#kept.length > 0) {
      const chunk = this.#kept.shift() as Uint8Array
      const at = this.#keptAt
      this.#keptAt = 0
      if (!this.#read(chunk, at)) return false
    }
    return !this.#closed
  }

  /** Reads nothing more. May be called from within the handler. */
  close(): void {
    this.#closed = true
    this.#kept = []
    this.#carry = EMPTY
    this.#carried = 0
  }

  /** It holds what the handler did not want yet. */
  get stopped(): boolean {
    return this.#stopped && !this.#closed
  }

  #stop(chunk: Uint8Array, at: number): false {
    if (this.#closed) return false
    this.#stopped = true
    this.#kept.unshift(chunk)
    this.#keptAt = at
    return false
  }

  #read(chunk: Uint8Array, from: number): boolean {
    let at = from
    if (this.#carried > 0) {
      at = this.#complete(chunk, at)
      if (this.#closed) return false
      if (at < 0) return this.#stop(chunk, ~at)
      if (this.#carried > 0) return true
    }
    const handler = this.#handler
    const max = this.#maxMessageBytes
    const plain = this.#plain
    const end = chunk.length
    while (at < end) {
      const flags = (chunk[at] as number) & FLAGS
      if (flags === MORE && plain && at + 4 <= end) {
        const topicStart = at + 2
        const topicEnd = topicStart + (chunk[at + 1] as number)
        if (topicEnd + 2 <= end) {
          const last = (chunk[topicEnd] as number) & FLAGS
          let dataStart = topicEnd + 2
          let dataEnd = 0
          if (last === 0) {
            dataEnd = dataStart + (chunk[topicEnd + 1] as number)
          } else if (last === LONG && topicEnd + 9 <= end && readU32(chunk, topicEnd + 1) === 0) {
            dataStart = topicEnd + 9
            dataEnd = dataStart + readU32(chunk, topicEnd + 5)
          }
          if (dataEnd !== 0 && dataEnd <= end) {
            const size = topicEnd - topicStart + (dataEnd - dataStart)
            if (size > max) throw this.#tooLong(size)
            at = dataEnd
            if (handler.message(chunk, topicStart, topicEnd, dataStart, dataEnd)) continue
            return this.#stop(chunk, at)
          }
        }
      } else if (flags === COMMAND && at + SKIP_SIZE <= end && chunk[at + 1] === SKIP_BODY && isSkip(chunk, at + 2)) {
        handler.skip(readSkipCount(chunk, at + 8), readSkipReason(chunk, at + 7))
        at += SKIP_SIZE
        if (this.#closed) return false
        continue
      }
      const size = this.#understand(chunk, at, end)
      if (this.#closed) return false
      if (size < 0) {
        this.#keep(chunk, at, end)
        return true
      }
      const start = at
      at += size
      if (!this.#deliver(chunk, start)) return this.#stop(chunk, at)
    }
    return true
  }

  /**
   * Fills up the unit that an earlier chunk began, and delivers it.
   *
   * @returns where its end lies in `chunk`; the complement of that when the handler wants no more
   */
  #complete(chunk: Uint8Array, from: number): number {
    let at = from
    for (;;) {
      const take = Math.min(this.#needed - this.#carried, chunk.length - at)
      this.#keep(chunk, at, at + take)
      at += take
      if (this.#carried < this.#needed) return at
      const size = this.#understand(this.#carry, 0, this.#carried)
      if (this.#closed) return at
      if (size < 0) continue
      const whole = this.#carry
      this.#carry = EMPTY
      this.#carried = 0
      return this.#deliver(whole, 0) ? at : ~at
    }
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const carried = this.#carried + to - from
    if (carried > this.#carry.length) {
      const grown = this.#needed <= WHOLE_MAX ? this.#needed : Math.min(this.#needed, Math.max(CARRY_MIN, 2 * carried))
      // Frame after frame of one message would be copied once more for each that follows it.
      const least = this.#ends ? 0 : 2 * this.#carry.length
      const larger = this.#allocate(Math.max(carried, grown, least))
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    this.#carry.set(chunk.subarray(from, to), this.#carried)
    this.#carried = carried
  }

  /**
   * Goes through the frames of the unit that begins at `start`, from where an earlier call gave up. Commands are told
   * at once, wherever they stand: libzmq sends its heartbeats between the frames of one message.
   *
   * @returns the size of the unit, or -1 while some of the `#needed` bytes are missing
   */
  #understand(bytes: Uint8Array, start: number, end: number): number {
    for (;;) {
      const at = start + this.#understood
      if (at + 2 > end) return this.#need(2)
      const first = bytes[at] as number
      let body = at + 2
      let size = bytes[at + 1] as number
      if ((first & LONG) !== 0) {
        if (at + 9 > end) return this.#need(9)
        const high = readU32(bytes, at + 1)
        body = at + 9
        size = high * 0x1_00_00_00_00 + readU32(bytes, at + 5)
        if (high >= 0x8000_0000)
          throw badPeer(`peer sent a frame of size ${hex(bytes, at + 1, at + 9)}, the top bit is set`)
      }
      if ((first & COMMAND) !== 0) {
        if (size > COMMAND_MAX)
          throw badPeer(`peer sent a command of ${size} bytes, at most ${COMMAND_MAX} are accepted`)
        if (body + size > end) return this.#need(body - at + size, this.#ranges.length === 0)
        this.#understood = body + size - start
        this.#tell(bytes, body, body + size)
        if (this.#closed) return -1
        if (this.#ranges.length === 0) return this.#understood
        // The memory of a message grows by the commands between its frames.
        if (this.#understood > this.#maxMessageBytes + 9 * FRAMES_MAX + COMMAND_MAX) {
          throw badPeer(`peer sent a message with ${this.#understood} bytes of frames and commands`)
        }
        continue
      }
      const total = this.#messageBytes + size
      if (total > this.#maxMessageBytes) throw this.#tooLong(total)
      if (body + size > end) return this.#need(body - at + size, (first & MORE) === 0)
      if (this.#ranges.length === 2 * FRAMES_MAX) throw badPeer(`peer sent a message of more than ${FRAMES_MAX} frames`)
      this.#understood = body + size - start
      this.#messageBytes = total
      this.#ranges.push(body - start, body + size - start)
      if ((first & MORE) === 0) return this.#understood
    }
  }

  #need(bytes: number, ends = false): -1 {
    this.#needed = this.#understood + bytes
    this.#ends = ends
    return -1
  }

  /** Hands over the message whose frames `#ranges` holds, counted from `start`; nothing after a lone command. */
  #deliver(bytes: Uint8Array, start: number): boolean {
    const ranges = this.#ranges
    this.#understood = 0
    this.#messageBytes = 0
    if (ranges.length === 0) return true
    this.#ranges = []
    const topicStart = start + (ranges[0] as number)
    const topicEnd = start + (ranges[1] as number)
    const dataAt = 2 * this.#dataFrame
    const dataStart = dataAt < ranges.length ? start + (ranges[dataAt] as number) : topicEnd
    const dataEnd = dataAt < ranges.length ? start + (ranges[dataAt + 1] as number) : topicEnd
    if (ranges.length === 4 && this.#plain) {
      return this.#handler.message(bytes, topicStart, topicEnd, dataStart, dataEnd)
    }
    const frames: Uint8Array[] = []
    for (let i = 0; i < ranges.length; i += 2) {
      frames.push(bytes.subarray(start + (ranges[i] as number), start + (ranges[i + 1] as number)))
    }
    return this.#handler.message(bytes, topicStart, topicEnd, dataStart, dataEnd, frames)
  }

  #tell(bytes: Uint8Array, from: number, to: number): void {
    if (to - from === SKIP_BODY && isSkip(bytes, from)) {
      this.#handler.skip(readSkipCount(bytes, from + 6), readSkipReason(bytes, from + 5))
      return
    }
    const name = commandName(bytes, from, to)
    this.#handler.command(name, bytes.subarray(from + 1 + name.length, to))
  }

  #tooLong(size: number): Error {
    return badPeer(`peer sent a message of at least ${size} bytes, at most ${this.#maxMessageBytes} are accepted`)
  }
}

function isSkip(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0x04 &&
    bytes[at + 1] === 0x53 &&
    bytes[at + 2] === 0x4b &&
    bytes[at + 3] === 0x49 &&
    bytes[at + 4] === 0x50
  )
}
