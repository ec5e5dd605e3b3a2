import type { Server, Socket } from 'node:net'
import type { Address } from '../../lib/address.js'
import { FanwireError, wordsOf } from '../../lib/errors.js'
import type { Conversation } from '../../lib/session/conversation.js'
import type { Fault } from '../../lib/transport.js'
import { Connection } from './connection.js'
import { boundUrl, closed, remoteUrl, serve } from './endpoint.js'
import type { Port, Side } from './side.js'

/** The connections of one end, over all addresses that it listens on. */
export class Guests<P extends Port> {
  readonly #conversations = new Map<Socket, Conversation>()
  readonly #connections = new Map<Socket, Connection>()
  #count = 0
  #keepsAlive = true

  constructor(private readonly side: Side<P>) {}

  accept(socket: Socket, address: Address): void {
    const { context, options } = this.side
    const remote = remoteUrl(address, socket, ++this.#count)
    if (this.#conversations.size >= options.maxLinks) {
      // A plain close: room may come, and libzmq would never return after an ERROR.
      socket.destroy()
      const message = `turned ${remote} away: all of ${options.maxLinks} links (maxLinks) are taken`
      context.fault({ code: 'CONNECT_FAILED', message, remote })
      return
    }
    const connection = new Connection(socket, context.platform)
    if (!this.#keepsAlive) connection.unref()
    this.#connections.set(socket, connection)
    socket.once('close', () => this.#connections.delete(socket))
    const conversation = this.side.converse(address, {
      wire: connection,
      remote,
      claim: () => this.side.open(address, remote, 'accepted'),
      closed: (ending, reason) => {
        this.#conversations.delete(socket)
        // Nobody else tells of it: there is no link yet that could end.
        if (ending === 'unmet') context.fault(unmet(remote, reason))
      },
    })
    this.#conversations.set(socket, conversation)
    connection.begin(conversation)
  }

  /** Cuts what is half open. With `all` what is open, too. Settles when the sockets that are to close have closed. */
  async close(all: boolean): Promise<void> {
    for (const conversation of [...this.#conversations.values()]) {
      if (conversation.state === 'handshake')
        conversation.close(new FanwireError('CLOSED', 'closed during the handshake'))
      else if (all) conversation.close()
    }
    const leaving = [...this.#connections.keys()].filter(
      (socket) => all || this.#conversations.get(socket)?.state !== 'open',
    )
    await Promise.all(leaving.map(closed))
  }

  unref(): void {
    this.#keepsAlive = false
    for (const connection of this.#connections.values()) connection.unref()
  }
}

function unmet(remote: string, cause: Error | undefined): Fault {
  return { code: 'CONNECT_FAILED', message: `no link with ${remote}: ${wordsOf(cause)}`, remote, cause }
}

/** One address that is listened on. */
export class Listener {
  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  /** @throws {FanwireError} `ADDRESS_IN_USE`, `OPEN_FAILED` */
  static async open<P extends Port>(address: Address, side: Side<P>, guests: Guests<P>): Promise<Listener> {
    const server = await serve(address, (socket) => guests.accept(socket, address))
    const listener = new Listener(boundUrl(address, server), server)
    server.on('error', (cause) => {
      side.context.fault({ code: 'OPEN_FAILED', message: `cannot accept on ${listener.url}: ${cause.message}`, cause })
    })
    return listener
  }

  /** The address is free again when this returns; connections are not touched. */
  close(): void {
    this.server.close()
  }

  unref(): void {
    this.server.unref()
  }
}
