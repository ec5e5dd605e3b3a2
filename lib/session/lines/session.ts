import type { Context } from '../../transport.js'
import { Conversation } from '../conversation.js'

/** One connection between two ends that speak no protocol: there is no handshake, and nothing but records. */
export abstract class LinesSession<C extends Context = Context> extends Conversation<C> {
  readonly opening = new Uint8Array(0)

  override begin(): void {
    this.state = 'open'
    this.settled()
    this.opened()
    if (this.isOpen) this.setup.opened?.()
  }

  protected abstract opened(): void
}
