import type { Socket } from 'node:dgram'
import type { Address } from '../../lib/address.js'
import { FanwireError } from '../../lib/errors.js'
import { bind, closed, connect, makeSocket } from './bind.js'
import { checkGroup, type Group, zoned } from './group.js'
import { findInterface } from './interfaces.js'

/** Looking for an interface takes longer than sending does. */
const RETRY_MS = 100

export interface WaySetup {
  readonly interface?: string | undefined
  readonly ttl?: number | undefined
  readonly loopback?: boolean | undefined
}

/** The way of a socket to its group: by an interface, which may be taken away and come back as another one. */
export class Way {
  #renewedAt = Number.NEGATIVE_INFINITY

  private constructor(
    readonly socket: Socket,
    private readonly group: Group,
    private readonly port: number,
  ) {}

  /** @throws {FanwireError} `OPEN_FAILED`, `BAD_OPTION` */
  static async open({ host, port, url }: Address, setup: WaySetup): Promise<Way> {
    const group = checkGroup(host as string, url, setup.interface)
    const { family, named } = group
    const found = findInterface(named, family)
    if (found === undefined)
      throw new FanwireError('OPEN_FAILED', `cannot send to ${url}: interface ${named} is not up`)
    const socket = makeSocket(family)
    await bind(socket, found.address, 0, url)
    try {
      // Before connecting, which settles the way: the system would choose an interface of its own.
      socket.setMulticastInterface(found.selector)
      socket.setMulticastTTL(setup.ttl ?? 1)
      socket.setMulticastLoopback(setup.loopback ?? found.loopback)
    } catch (cause) {
      await closed(socket)
      throw new FanwireError('OPEN_FAILED', `cannot send to ${url} by ${named}: ${(cause as Error).message}`, { cause })
    }
    await connect(socket, { address: zoned(group.group, found.zone), family }, port as number, url)
    return new Way(socket, group, port as number)
  }

  /** Connects anew if the interface is there, at most every 100 ms. Until that works, sends fail. */
  renew(now: number): void {
    if (now - this.#renewedAt < RETRY_MS) return
    this.#renewedAt = now
    const { socket, group, port } = this
    try {
      const found = findInterface(group.named, group.family)
      if (found === undefined) return
      if (isConnected(socket)) socket.disconnect()
      socket.setMulticastInterface(found.selector)
      // What goes wrong here goes wrong again with the next datagram, which reports it.
      socket.connect(port, zoned(group.group, found.zone), () => {})
    } catch {
      // It has not come back yet.
    }
  }
}

function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress()
    return true
  } catch {
    return false
  }
}
