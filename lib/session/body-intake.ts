import { badPeer } from '../framing/bad-peer.js'
import type { BodyReader } from '../framing/body.js'
import type { ChunkReader } from '../framing/chunks.js'
import type { OnRecord } from '../framing/records.js'
import type { MessageReader } from '../message-reader.js'
import type { ConsumerPort } from '../transport.js'
import { Stamps } from './stamps.js'
import type { Wire } from './wire.js'

/** Passes what a connection brings, one body a message, to the core, which may want no more of it for now. */
export class BodyIntake<D extends ChunkReader> {
  readonly decoder: D
  #port: ConsumerPort | undefined
  #paused = false
  readonly #stamps = new Stamps()

  constructor(
    private readonly wire: Wire,
    private readonly messages: MessageReader,
    private readonly maxMessageBytes: number,
    decoderFor: (onRecord: OnRecord) => D,
    /** Stamps say which number comes. */
    private readonly counts = true,
  ) {
    this.decoder = decoderFor((bytes, start, end) => this.#take(bytes, start, end))
  }

  /** Where the messages go, from now on. */
  begin(port: ConsumerPort): void {
    this.#port = port
  }

  /**
   * There is room again. The wire is left paused: its conversation may have ended meanwhile.
   *
   * @returns whether all is passed on that had come before the pause
   */
  resume(): boolean {
    if (!this.#paused) return false
    this.#paused = false
    return this.decoder.resume()
  }

  #take(bytes: Uint8Array, start: number, end: number): boolean {
    const { messages } = this
    const port = this.#port as ConsumerPort
    messages.read(bytes, start, end)
    const size = sizeOf(messages.body)
    if (size > this.maxMessageBytes) {
      throw badPeer(`peer sent a message of ${size} bytes, at most ${this.maxMessageBytes} are accepted`)
    }
    if (this.counts) this.#stamps.tell(port, messages.body, bytes)
    if (messages.pass(port, bytes)) return true
    this.#paused = true
    if (!this.decoder.closed) this.wire.pause()
    return false
  }
}

function sizeOf({ topicStart, topicEnd, dataStart, dataEnd }: BodyReader): number {
  return topicEnd - topicStart + dataEnd - dataStart
}
