/** What a session's bytes go through: a socket, a WebSocket. The wire calls the session back; see `Session`. */
export interface Wire {
  /**
   * Hands `bytes` to the system, behind all that was written before. `'busy'` until `Session.drained`: the memory
   * stays untouched until then. Never throws; after the connection has ended it does nothing.
   */
  write(bytes: Uint8Array): 'taken' | 'busy'
  /** Bytes written that the system has not taken, as exactly as it tells. Only its changes mean something. */
  readonly pending: number
  /**
   * What was told as the end of the connection was a reset, behind which the peer may have had more to say. Asked while
   * the end is told; absent where nobody mistakes the one for the other.
   */
  readonly reset?: boolean
  /** Delivers nothing more for now, so that the peer is held back. */
  pause(): void
  resume(): void
  /** Sends what was written, says goodbye, and cuts the connection when the peer has gone or after a moment. */
  end(): void
  /** Cuts the connection at once, by a reset where the conversation is torn. */
  destroy(): void
}
