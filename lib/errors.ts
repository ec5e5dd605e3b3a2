/** Every code fanwire throws or reports. Codes are the contract; wording may change in any release. */
export type ErrorCode =
  /** A URL that no transport can use: the message shows the right form. */
  | 'BAD_ADDRESS'
  /** An option that is unknown, out of range, or impossible with this transport. */
  | 'BAD_OPTION'
  /** A topic that is too long or holds U+0000 or U+0001, or a newline where lines carry it. */
  | 'BAD_TOPIC'
  /** A value that the codec cannot encode, data that the wire cannot carry as it is, or text that is no Z85. */
  | 'BAD_VALUE'
  /** A message above `maxMessageBytes`, or above what `memory` has room for. */
  | 'TOO_LONG'
  /** The address to listen on belongs to somebody else. */
  | 'ADDRESS_IN_USE'
  /** The system refused to open the address for another reason: see `cause`. */
  | 'OPEN_FAILED'
  /** A connection attempt failed; dialling goes on. */
  | 'CONNECT_FAILED'
  /** A multicast group could not be joined; trying goes on. */
  | 'JOIN_FAILED'
  /** The system did not take a datagram, or says that an earlier one found nobody; sending goes on. */
  | 'SEND_FAILED'
  /** The system grants less than an option asks for. */
  | 'CLAMPED'
  /** The peer broke the protocol and was cut off. */
  | 'BAD_PEER'
  /** Who a peer is, or says it is, was not accepted: by this end's `authenticate`, or this end by the peer. */
  | 'REFUSED'
  /** The link made no progress for too long. */
  | 'STALLED'
  /** No sign of life within the heartbeat's deadline. */
  | 'SILENT'
  /** The end was closed. */
  | 'CLOSED'
  /** `send()` was refused: a link is at its limit, or the waiting room is full. */
  | 'BUFFER_FULL'
  /** The disk did not take what was to wait there for a slow link, or did not give it back: see `cause`. */
  | 'SPILL_FAILED'
  /** `send()` waited longer than `timeoutMs`. */
  | 'TIMEOUT'
  /** A second loop over one consumer. */
  | 'BUSY'
  /** Messages were lost and `onLoss` is `'fail'`. */
  | 'LOST'
  /** A stream went back to numbers that it had long passed. */
  | 'SEQUENCE_RESET'
  /** Two lines of a stream say different things under one number; the first copy is kept. */
  | 'DIVERGENCE'
  /** Data that the codec cannot decode. */
  | 'UNDECODABLE'

/** The only class fanwire throws. Switch on {@link code}; `cause` holds what the system said. */
export class FanwireError extends Error {
  override readonly name = 'FanwireError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(`[${code}] ${message}`, options)
    this.code = code
  }
}

/** What went wrong in words: without the code that the message of a {@link FanwireError} begins with. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error instanceof FanwireError ? withoutCode(error.code, error.message) : error.message
}

export function withoutCode(code: ErrorCode, message: string): string {
  const prefix = `[${code}] `
  return message.startsWith(prefix) ? message.slice(prefix.length) : message
}
