import type { Address } from '../../lib/address.js'
import type { PeerCertificate } from '../../lib/authentication.js'
import type { OptionsOf } from '../../lib/options.js'
import type { Conversation, Ending } from '../../lib/session/conversation.js'
import type { Wire } from '../../lib/session/wire.js'
import type { Context } from '../../lib/transport.js'
import type { connectionOptions } from './options.js'

/** What listeners and diallers ask of the options. */
export type ConnectionSettings = OptionsOf<typeof connectionOptions>

/** A link of either kind, as far as who listens or dials must know it. */
export interface Port {
  readonly ended: boolean
  end(reason: Error | undefined): void
}

export interface Hooks<P extends Port> {
  readonly wire: Wire
  readonly remote: string
  /** What the peer has shown, over TLS. */
  readonly certificate?: PeerCertificate | undefined
  /** Gives the conversation its port, once the peer has proved to be of the right kind. */
  readonly claim: () => P
  readonly opened?: () => void
  readonly flowing?: () => void
  readonly closed: (ending: Ending, reason: Error | undefined) => void
}

/** Producer or consumer, of one protocol or another: what listeners and diallers do for one they do for the others. */
export interface Side<P extends Port = Port> {
  readonly context: Context
  readonly options: ConnectionSettings
  /** Announces a link of `address`, at which the end listens or which it dials. */
  open(address: Address, remote: string, origin: 'accepted' | 'dialled'): P
  /** What is to be said over a new connection of `address`. */
  converse(address: Address, hooks: Hooks<P>): Conversation
}
