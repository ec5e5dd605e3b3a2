import { byteString, cloneBytes } from '../bytes.js'
import type { BodyReader } from '../framing/body.js'
import type { ConsumerPort } from '../transport.js'

const NAME_SIZE = 10

/** What comes in the order of a connection is given up as soon as every line has passed it. */
const ORDERED = { reorderMs: 0 } as const

const NOTHING = new Uint8Array(0)

/** Tells a consumer's link the stream and the number of each message, as the stamps of one connection say them. */
export class Stamps {
  /** The name of the stream that the last message belonged to; empty where it had no stamp. */
  #name: Uint8Array = NOTHING

  /** Tells of the message in `bytes` that `body` has just read, before it is handed on. */
  tell(port: ConsumerPort, { streamStart, number }: BodyReader, bytes: Uint8Array): void {
    if (streamStart < 0) {
      if (this.#name.length === 0) return
      this.#name = NOTHING
      port.unnumbered()
    } else if (this.#isSame(bytes, streamStart)) {
      port.numbered(number, 'line')
    } else {
      this.#name = cloneBytes(bytes, streamStart, streamStart + NAME_SIZE)
      const stream = byteString(bytes, streamStart, streamStart + NAME_SIZE)
      port.started({ stream, run: 0, next: number, oldest: 1, recovery: ORDERED })
    }
  }

  #isSame(bytes: Uint8Array, at: number): boolean {
    const name = this.#name
    if (name.length === 0) return false
    for (let i = 0; i < NAME_SIZE; i++) if (name[i] !== bytes[at + i]) return false
    return true
  }
}
