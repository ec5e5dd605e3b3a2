import { badPeer } from '../../framing/bad-peer.js'
import { describe, ENDPOINTS, type Endpoint, HEADER_SIZE, readHeader, writeHeader } from '../../framing/sp/header.js'
import type { Context } from '../../transport.js'
import { Conversation, type ConversationSetup } from '../conversation.js'
import type { Wire } from '../wire.js'

export interface SpRole {
  readonly own: Endpoint
  /** The only kind of peer that it works with. */
  readonly peer: Endpoint
  /** In words, for messages. */
  readonly what: string
}

const NOTHING = new Uint8Array(0)

/** One connection between two ends that speak SP: a header each way, then messages one way and nothing the other. */
export abstract class SpSession<C extends Context = Context> extends Conversation<C> {
  readonly opening: Uint8Array
  /** The peer's header as far as it has arrived; undefined once it is complete. */
  #header: Uint8Array | undefined = NOTHING
  /** It has proved not to speak SP. */
  #isStranger = false

  constructor(
    wire: Wire,
    setup: ConversationSetup<C>,
    private readonly role: SpRole,
  ) {
    super(wire, setup)
    this.opening = writeHeader(role.own)
  }

  protected override read(chunk: Uint8Array): void {
    const rest = this.#header === undefined ? chunk : this.#greet(this.#header, chunk)
    if (rest.length > 0 && this.isOpen) this.received(rest)
  }

  /**
   * Hangs up rather than resets the connection, whatever the hurry: a dialler of libnanomsg that is reset while it shakes
   * hands never calls again (seen after some ten to a thousand attempts; never where the connection was ended).
   */
  protected override cut(hurry: boolean): void {
    super.cut(hurry && this.#isStranger)
  }

  /** The peer is of the right kind. */
  protected abstract opened(): void
  /** What comes after the header. */
  protected abstract received(chunk: Uint8Array): void

  /** @returns what lies behind the header */
  #greet(before: Uint8Array, chunk: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(Math.min(HEADER_SIZE, before.length + chunk.length))
    bytes.set(before)
    bytes.set(chunk.subarray(0, bytes.length - before.length), before.length)
    this.#header = bytes
    const endpoint = this.#read(bytes)
    if (endpoint === undefined) return NOTHING
    this.#header = undefined
    const { own, peer, what } = this.role
    if (endpoint !== ENDPOINTS[peer]) {
      throw badPeer(`peer is ${describe(endpoint)}; ${what} (${own}) works with ${peer}`)
    }
    this.state = 'open'
    this.settled()
    this.opened()
    if (this.isOpen) this.setup.opened?.()
    return chunk.subarray(HEADER_SIZE - before.length)
  }

  #read(header: Uint8Array): number | undefined {
    try {
      return readHeader(header)
    } catch (error) {
      this.#isStranger = true
      throw error
    }
  }
}
