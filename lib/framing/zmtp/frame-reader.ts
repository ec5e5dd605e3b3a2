import { readU32 } from '../numbers.js'
import { badPeer, EMPTY, hex } from './bytes.js'
import { LONG } from './frame.js'

/** Memory for a frame that straddles chunks is never more than twice what has arrived of it, above this. */
const HELD_MIN = 4_096

export interface Frame {
  readonly flags: number
  /** Valid for as long as its owner likes: what was read never changes again. */
  readonly body: Uint8Array
}

/**
 * Takes frames one by one: those of a handshake, after each of which something else may follow, and those whose bodies
 * are sealed. Messages in the clear are the decoder's.
 */
export class FrameReader {
  #held: Uint8Array = EMPTY
  #from = 0
  #to = 0
  /** The memory of `#held` is its own, so that more may be written behind `#to`. */
  #owns = false
  /** The size of the frame that begins at `#from`; 0 while that is not known. */
  #needed = 0

  /**
   * @param maxBytes the largest body
   * @param allocate where memory for frames that straddle chunks comes from
   */
  constructor(
    public maxBytes: number,
    private readonly allocate: (size: number) => Uint8Array = (size) => new Uint8Array(size),
  ) {}

  /** Takes what has arrived, which must never change again. */
  push(chunk: Uint8Array): void {
    const size = this.#to - this.#from
    if (size === 0) {
      this.#held = chunk
      this.#from = 0
      this.#to = chunk.length
      this.#owns = false
      return
    }
    const total = size + chunk.length
    if (!this.#owns || this.#to + chunk.length > this.#held.length) {
      const ahead = Math.min(this.#needed, Math.max(HELD_MIN, 2 * total))
      const larger = this.allocate(Math.max(total, ahead))
      larger.set(this.#held.subarray(this.#from, this.#to))
      this.#held = larger
      this.#from = 0
      this.#to = size
      this.#owns = true
    }
    this.#held.set(chunk, this.#to)
    this.#to += chunk.length
  }

  /**
   * The next frame; `undefined` while bytes of it are missing.
   *
   * @throws {FanwireError} `BAD_PEER` for a frame above the limit, before it has arrived
   */
  next(): Frame | undefined {
    const bytes = this.#held
    const at = this.#from
    const size = this.#to - at
    if (size < 2) return undefined
    const flags = bytes[at] as number
    let head = 2
    let length = bytes[at + 1] as number
    if ((flags & LONG) !== 0) {
      if (size < 9) return undefined
      const high = readU32(bytes, at + 1)
      if (high >= 0x8000_0000)
        throw badPeer(`peer sent a frame of size ${hex(bytes, at + 1, at + 9)}, the top bit is set`)
      head = 9
      length = high * 0x1_00_00_00_00 + readU32(bytes, at + 5)
    }
    if (length > this.maxBytes)
      throw badPeer(`peer sent a frame of ${length} bytes, at most ${this.maxBytes} are accepted`)
    this.#needed = head + length
    if (size < this.#needed) return undefined
    this.#from = at + this.#needed
    this.#needed = 0
    return { flags, body: bytes.subarray(at + head, this.#from) }
  }

  /** Gives up what has arrived and was not taken as a frame. */
  rest(): Uint8Array {
    const rest = this.#held.subarray(this.#from, this.#to)
    this.#held = EMPTY
    this.#from = 0
    this.#to = 0
    this.#needed = 0
    return rest
  }
}
