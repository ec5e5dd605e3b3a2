import { readU16, readU64Roughly } from '../numbers.js'
import { BLOCK_HEADER_SIZE } from './framing.js'
import { COUNT_AT, END_OF_SESSION, HEADER_SIZE, HEARTBEAT, SEQUENCE_AT } from './header.js'

export type PacketKind = 'data' | 'heartbeat' | 'endOfSession'

/** What is wrong with a packet. */
export type PacketFlaw =
  /** Shorter than a header. */
  | 'runt'
  /** Sequence number 0: numbers begin with 1. */
  | 'zeroSequence'
  /** A number, or the one after the last message, is not below 2^53. */
  | 'tooLarge'
  /** Fewer blocks than the header counts. */
  | 'countMismatch'
  /** A block is longer than what is left of the packet. */
  | 'truncated'
  /** Bytes after the last block. The messages are good. */
  | 'trailing'
  /** Bytes after the header of a heartbeat or an end of session. The header is good. */
  | 'extra'

const NOTHING = new Uint8Array(0)

/**
 * Reads one downstream packet after the other. A packet is checked as a whole before any message of it is given out, and
 * nothing is allocated for it.
 *
 *     if (reader.read(packet)) while (reader.advance()) use(packet, reader.start, reader.end)
 *
 * @see MoldUDP64 1.00, "Downstream Packet", "Message Block"
 */
export class PacketReader {
  kind: PacketKind = 'heartbeat'
  /** What is wrong with the packet, whether {@link read} took it or not. */
  flaw: PacketFlaw | undefined
  /** The number of the first message; without messages, the number that comes next. */
  sequence = 0
  /** How many messages the packet gives out. */
  messages = 0
  /** The bytes of the longest message that the packet gives out. */
  longest = 0
  /** The body of the message that {@link advance} has reached: `bytes[start, end)`. */
  start = 0
  end = 0
  #bytes: Uint8Array = NOTHING
  #left = 0
  readonly #lenient: boolean

  /**
   * @param options.lenient takes the whole blocks at the beginning of a packet that is truncated or has too few; such a
   * packet comes from a broken sender, since UDP has a checksum of its own. @default false
   */
  constructor({ lenient = false }: { readonly lenient?: boolean } = {}) {
    this.#lenient = lenient
  }

  /** The number after the last message. */
  get next(): number {
    return this.sequence + this.messages
  }

  /** Reads a packet of whatever session. False: nothing of it is to be used, and {@link flaw} says why. */
  read(packet: Uint8Array): boolean {
    this.flaw = undefined
    this.messages = 0
    this.longest = 0
    this.#left = 0
    if (packet.length < HEADER_SIZE) return this.#refuse('runt')
    const sequence = readU64Roughly(packet, SEQUENCE_AT)
    const count = readU16(packet, COUNT_AT)
    const isData = count !== HEARTBEAT && count !== END_OF_SESSION
    this.kind = isData ? 'data' : count === HEARTBEAT ? 'heartbeat' : 'endOfSession'
    this.sequence = sequence
    this.end = HEADER_SIZE
    if (sequence === 0) return this.#refuse('zeroSequence')
    if (sequence + (isData ? count : 0) > Number.MAX_SAFE_INTEGER) return this.#refuse('tooLarge')
    if (isData) return this.#check(packet, count)
    if (packet.length > HEADER_SIZE) this.flaw = 'extra'
    return true
  }

  /** Goes to the next message. False when there is none. */
  advance(): boolean {
    if (this.#left === 0) return false
    this.#left--
    const start = this.end + BLOCK_HEADER_SIZE
    this.start = start
    this.end = start + readU16(this.#bytes, this.end)
    return true
  }

  #check(packet: Uint8Array, count: number): boolean {
    const size = packet.length
    let at = HEADER_SIZE
    let whole = 0
    let longest = 0
    while (whole < count && at + BLOCK_HEADER_SIZE <= size) {
      const end = at + BLOCK_HEADER_SIZE + readU16(packet, at)
      if (end > size) break
      if (end - at > longest) longest = end - at
      at = end
      whole++
    }
    if (whole < count) this.flaw = at === size ? 'countMismatch' : 'truncated'
    else if (at < size) this.flaw = 'trailing'
    if (whole < count && !(this.#lenient && whole > 0)) return false
    this.#bytes = packet
    this.messages = whole
    this.longest = Math.max(0, longest - BLOCK_HEADER_SIZE)
    this.#left = whole
    return true
  }

  #refuse(flaw: PacketFlaw): false {
    this.flaw = flaw
    return false
  }
}
