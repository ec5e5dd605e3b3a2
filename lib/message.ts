import { copyBytes } from './bytes.js'
import { Chunk } from './chunk.js'
import type { Platform } from './platform.js'
import type { Tally } from './tally.js'
import type { TopicNames } from './topic-names.js'

/** What arrived. It may be kept and never changes; what is kept for long should be a {@link copy}. */
export interface Message<T = Uint8Array> {
  readonly topic: string
  /** The topic as it stands on the wire, which need not be UTF-8 if the peer is foreign. */
  readonly topicBytes: Uint8Array
  /**
   * The bytes of the message, as a view: it keeps the memory alive that it arrived in, 64 KiB for instance. Rely on what
   * every `Uint8Array` has, since this runs in browsers as well; {@link text} reads it. For the methods of Node's `Buffer`
   * make one of the same memory: `Buffer.from(data.buffer, data.byteOffset, data.byteLength)`.
   */
  readonly data: Uint8Array
  /** The data as the codec made it; without a codec the data itself. */
  readonly value: T
  /** All frames of a foreign message of several parts; topic and data otherwise. */
  readonly frames: readonly Uint8Array[]
  /** The number of the message in its stream; undefined where the producer gives none. */
  readonly sequence: number | undefined
  /** How many messages of the stream were lost, or dropped by the producer, just before this one. */
  readonly missed: number
  /** The name of the stream; undefined where the producer gives none. */
  readonly stream: string | undefined
  /**
   * Another consumer may have been given it before: it did not acknowledge it. Only where a producer shares its messages
   * among its links.
   */
  readonly redelivered: boolean
  /** The data as text; what is not UTF-8 becomes U+FFFD. */
  text(): string
  /** The data as JSON. Throws a `SyntaxError` when it is none. */
  json(): unknown
  /** The same message in memory of its own. */
  copy(): Message<T>
  /** Tells the producer, under `acknowledge: 'manual'`, that the application is done with this message. Any order will do. */
  ack(): void
}

/** What a message needs from the connection that it came through. */
export interface MessageSource {
  readonly platform: Platform
  readonly names: TopicNames
  readonly stream: string | undefined
  readonly tally: Tally
  /** Its messages had been given to another link before. */
  readonly redelivered: boolean
  /** A message is done with once the application has taken it. */
  readonly settlesWhenTaken: boolean
  /** The application, or the core in its place, is done with the message that came at `place`. */
  settle(place: number): void
}

/** Stands for "no number": a number in every message keeps the field of one kind. */
export const UNNUMBERED = -1

/** Stands for "not decoded", since a codec may make anything of the data. */
const UNDECODED = Symbol('undecoded')

/**
 * A message as the core knows it. One is made for each that arrives, so that it holds what cannot be found out later and
 * nothing else; all the rest is made when it is first asked for.
 */
export class Arrival<T = Uint8Array> implements Message<T> {
  /** See {@link Message.data}, once it was asked for. */
  private view: Uint8Array | undefined = undefined
  /** What the codec made of the data. */
  decoded: T | typeof UNDECODED = UNDECODED

  constructor(
    readonly source: MessageSource,
    readonly chunk: Chunk,
    readonly topicStart: number,
    readonly topicEnd: number,
    readonly dataStart: number,
    readonly dataEnd: number,
    /** {@link sequence}, or {@link UNNUMBERED}. */
    readonly number: number,
    public missed: number,
    /** Its place in the connection, counted from 0: what acknowledgements count. */
    readonly place: number,
    readonly parts: readonly Uint8Array[] | undefined,
  ) {}

  get topic(): string {
    return this.source.names.read(this.chunk.bytes, this.topicStart, this.topicEnd)
  }

  get topicBytes(): Uint8Array {
    return this.chunk.view(this.source.platform, this.topicStart, this.topicEnd)
  }

  get data(): Uint8Array {
    this.view ??= this.chunk.view(this.source.platform, this.dataStart, this.dataEnd)
    return this.view
  }

  get value(): T {
    return this.decoded === UNDECODED ? (this.data as T) : this.decoded
  }

  get frames(): readonly Uint8Array[] {
    return this.parts ?? [this.topicBytes, this.data]
  }

  get sequence(): number | undefined {
    return this.number === UNNUMBERED ? undefined : this.number
  }

  get stream(): string | undefined {
    return this.source.stream
  }

  get redelivered(): boolean {
    return this.source.redelivered
  }

  text(): string {
    return this.source.platform.readText(this.chunk.bytes, this.dataStart, this.dataEnd)
  }

  json(): unknown {
    return JSON.parse(this.text())
  }

  copy(): Arrival<T> {
    const { source, chunk, topicStart, topicEnd, dataStart, dataEnd } = this
    const parts = this.parts ?? []
    const topicSize = topicEnd - topicStart
    const size = topicSize + dataEnd - dataStart
    // All of it in one piece, so that whoever counts the memory of messages sees the frames as well.
    const bytes = source.platform.allocate(parts.reduce((sum, { length }) => sum + length, size))
    copyBytes(chunk.bytes, topicStart, topicEnd, bytes, 0)
    copyBytes(chunk.bytes, dataStart, dataEnd, bytes, topicSize)
    const own = new Chunk(bytes)
    let at = size
    const frames = parts.map((part) => {
      bytes.set(part, at)
      at += part.length
      return own.view(source.platform, at - part.length, at)
    })
    const copy = new Arrival<T>(
      source,
      own,
      0,
      topicSize,
      topicSize,
      size,
      this.number,
      this.missed,
      this.place,
      this.parts && frames,
    )
    // A codec may have left the data where it is.
    if (this.decoded !== this.view) copy.decoded = this.decoded
    return copy
  }

  ack(): void {
    this.source.settle(this.place)
  }

  /** What `console.log` shows in Node: the message rather than how it is held. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { topic, data, sequence, missed, stream } = this
    return { topic, data, sequence, missed, stream }
  }
}
