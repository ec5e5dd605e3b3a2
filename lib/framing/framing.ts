/**
 * How one message stands on the wire, seen by the producer's log. Pure: bytes in, bytes out. The log asks for the size,
 * makes room, lets the framing write all but the data, and puts the data where the framing says.
 */
export interface Framing {
  /** Ends of one producer whose framings have the same name share one log. */
  readonly name: string
  /**
   * The topic's part of the message, made once when the topic is first used. `topic` is valid during the call only.
   *
   * @throws {FanwireError} `BAD_TOPIC` for a topic that the wire cannot carry
   */
  head(topic: Uint8Array): Uint8Array
  /**
   * Refuses data that the wire cannot carry as it is. Absent where it carries any.
   *
   * @throws {FanwireError} `BAD_VALUE`
   */
  check?(data: string | Uint8Array): void
  /** Bytes of the whole framed message. */
  size(head: Uint8Array, dataSize: number): number
  /** Writes everything but the data of message `number` at `at`; returns where the data begins. */
  write(target: Uint8Array, at: number, head: Uint8Array, dataSize: number, number: number): number
  /**
   * The largest message, in bytes as {@link size} counts them, where the wire has a limit of its own: what must fit one
   * datagram. A larger one must not be written. Absent where it may be of any size.
   */
  readonly maxBytes?: number
  /** How a peer that counts numbers is told that some will not come. Absent where the wire has no word for it. */
  readonly skip?: SkipFraming
  /** How a peer that counts numbers is told which ones come next, of messages that links share. Absent as {@link skip}. */
  readonly run?: RunFraming
}

/** Why numbers will not come: passed over by the link's own filter, or dropped by the producer's policy. */
export type SkipReason = 'filtered' | 'dropped'

export interface SkipFraming {
  /** Bytes of one SKIP. */
  readonly size: number
  /** Writes a SKIP of `count` numbers at `at`. */
  write(target: Uint8Array, at: number, count: number, reason: SkipReason): void
}

export interface RunFraming {
  /** Bytes of one RUN. */
  readonly size: number
  /** Writes at `at` that what follows is numbered from `first` on, and whether another link was given it before. */
  write(target: Uint8Array, at: number, first: number, redelivered: boolean): void
}
