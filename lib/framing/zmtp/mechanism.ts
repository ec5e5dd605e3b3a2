import type { Frame } from './frame-reader.js'

export type MechanismName = 'NULL' | 'PLAIN' | 'CURVE'

/** Who a client says it is: with a password, or with a key that it has proved to hold. */
export type Claim =
  | { readonly username: string; readonly password: string }
  /** 32 bytes. */
  | { readonly publicKey: Uint8Array }

/** What comes of a command of the peer's. */
export type Step =
  /** Tell the peer this, and read on. */
  | { readonly kind: 'answer'; readonly words: Uint8Array }
  /** Ask whether this client is wanted; if so, `accepted()` has the next step. */
  | { readonly kind: 'claim'; readonly claim: Claim }
  /** Tell the peer this; it has told its metadata, and traffic follows. */
  | { readonly kind: 'done'; readonly words: Uint8Array; readonly metadata: Uint8Array }
  /** The peer does not want this end. */
  | { readonly kind: 'refused'; readonly reason: string }

/**
 * One side of a handshake in which a client proves who it is: a state machine with the peer's commands as input and
 * this end's as output. Everything wrong is thrown as `BAD_PEER`, after which it is of no use. Who is the client and
 * who the server has nothing to do with who listens, and the greeting's as-server field is not looked at: libzmq
 * always leaves it 0.
 */
export interface Handshake {
  readonly mechanism: MechanismName
  readonly asServer: boolean
  /** What to say once the peer's greeting has arrived. */
  begin(): Uint8Array
  /** Reads a command of the peer's: its name's length, its name, its data. */
  receive(body: Uint8Array): Step
  /** The claim of the last step is accepted. */
  accepted(): Step
  /** How traffic is sealed, once it is done; undefined where traffic is in the clear. */
  traffic(): { readonly sealer: Sealer; readonly opener: Opener } | undefined
}

/** Seals traffic, frame by frame. */
export interface Sealer {
  /**
   * Seals all frames that are complete with `bytes`; the rest is kept until the next call.
   *
   * @returns memory of its own; nothing while a frame is incomplete
   */
  seal(bytes: Uint8Array): Uint8Array
}

/** Opens sealed frames. */
export interface Opener {
  /** Bytes that sealing adds to the body of a frame. */
  readonly overhead: number
  /**
   * @param body of a frame that has arrived
   * @returns the frame that was sealed, with flags as traffic has them
   * @throws {FanwireError} `BAD_PEER` when it does not open or came before
   */
  open(body: Uint8Array): Frame
}
