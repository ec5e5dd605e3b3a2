import { createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Address } from '../../lib/address.js'
import { FanwireError, wordsOf } from '../../lib/errors.js'
import type { Conversation } from '../../lib/session/conversation.js'
import type { Fault } from '../../lib/transport.js'
import { Connection } from './connection.js'
import { boundUrl, closed, listenOn, remoteUrl } from './endpoint.js'
import type { Port, Side } from './side.js'
import { certificateOf, rawOf, type Tls, tlsWords } from './tls.js'

/** The connections of one end, over all addresses that it listens on. */
export class Guests<P extends Port> {
  readonly #conversations = new Map<Socket, Conversation>()
  readonly #connections = new Map<Socket, Connection>()
  /** Sockets whose TLS is not done, and why it never will be. */
  readonly #arriving = new Map<Socket, Error | undefined>()
  #closing = false
  #count = 0
  #keepsAlive = true

  constructor(private readonly side: Side<P>) {}

  accept(socket: Socket, address: Address): void {
    const { context } = this.side
    const remote = remoteUrl(address, socket, ++this.#count)
    if (!this.#hasRoom(socket, remote)) return
    const connection = new Connection(socket, context.platform)
    if (!this.#keepsAlive) connection.unref()
    this.#connections.set(socket, connection)
    socket.once('close', () => this.#connections.delete(socket))
    const conversation = this.side.converse(address, {
      wire: connection,
      remote,
      certificate: certificateOf(socket),
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

  /** A connection begins to make TLS of itself, which comes to {@link secured} when it is done. */
  arrive(raw: Socket, address: Address): void {
    const remote = remoteUrl(address, raw, ++this.#count)
    if (!this.#hasRoom(raw, remote)) return
    if (!this.#keepsAlive) raw.unref()
    this.#arriving.set(raw, undefined)
    raw.once('close', () => {
      if (!this.#arriving.has(raw)) return
      const failure = this.#arriving.get(raw)
      this.#arriving.delete(raw)
      if (!this.#closing) this.side.context.fault(unmet(remote, failure ?? new Error('the peer hung up during TLS')))
    })
  }

  /** TLS has failed. After a handshake that took too long Node.js would leave the connection open. */
  failed(raw: Socket, failure: Error): void {
    if (this.#arriving.has(raw)) this.#arriving.set(raw, failure)
    raw.destroy()
  }

  /** What arrived as `raw` goes on as `socket`. */
  secured(raw: Socket | undefined, socket: TLSSocket, address: Address, tls: Tls): void {
    if (raw !== undefined) this.#arriving.delete(raw)
    if (!tls.requires || socket.authorized) {
      this.accept(socket, address)
      return
    }
    const remote = remoteUrl(address, socket, 0)
    const why = certificateOf(socket) === undefined ? 'it has shown none' : socket.authorizationError
    socket.destroy()
    this.side.context.fault({
      code: 'REFUSED',
      message: `the certificate of ${remote} is not accepted: ${why}`,
      remote,
    })
  }

  #hasRoom(socket: Socket, remote: string): boolean {
    const { maxLinks } = this.side.options
    if (this.#conversations.size + this.#arriving.size < maxLinks) return true
    // A plain close: room may come, and libzmq would never return after an ERROR.
    socket.destroy()
    const message = `turned ${remote} away: all of ${maxLinks} links (maxLinks) are taken`
    this.side.context.fault({ code: 'CONNECT_FAILED', message, remote })
    return false
  }

  /** Cuts what is half open. With `all` what is open, too. Settles when the sockets that are to close have closed. */
  async close(all: boolean): Promise<void> {
    this.#closing = true
    const arriving = [...this.#arriving.keys()]
    for (const socket of arriving) socket.destroy()
    for (const conversation of [...this.#conversations.values()]) {
      if (conversation.state === 'handshake')
        conversation.close(new FanwireError('CLOSED', 'closed during the handshake'))
      else if (all) conversation.close()
    }
    const leaving = [...this.#connections.keys()].filter(
      (socket) => all || this.#conversations.get(socket)?.state !== 'open',
    )
    await Promise.all([...arriving, ...leaving].map(closed))
  }

  unref(): void {
    this.#keepsAlive = false
    for (const socket of this.#arriving.keys()) socket.unref()
    for (const connection of this.#connections.values()) connection.unref()
  }
}

function unmet(remote: string, cause: Error | undefined): Fault {
  const why = cause instanceof FanwireError ? wordsOf(cause) : tlsWords(cause)
  return { code: 'CONNECT_FAILED', message: `no link with ${remote}: ${why}`, remote, cause }
}

function welcome(server: Server, guests: Guests<Port>, address: Address, tls: Tls): void {
  server.on('connection', (raw: Socket) => guests.arrive(raw, address))
  server.on('secureConnection', (socket: TLSSocket) => guests.secured(rawOf(socket), socket, address, tls))
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    const raw = rawOf(socket)
    if (raw !== undefined) guests.failed(raw, error)
  })
}

/** One address that is listened on. */
export class Listener {
  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  /** @throws {FanwireError} `ADDRESS_IN_USE`, `OPEN_FAILED` */
  static async open<P extends Port>(
    address: Address,
    side: Side<P>,
    guests: Guests<P>,
    tls: Tls | undefined,
  ): Promise<Listener> {
    const server = tls?.createServer(side.options.handshakeMs) ?? createServer({ noDelay: true, keepAlive: true })
    if (tls === undefined) server.on('connection', (socket: Socket) => guests.accept(socket, address))
    else welcome(server, guests, address, tls)
    await listenOn(address, server)
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
