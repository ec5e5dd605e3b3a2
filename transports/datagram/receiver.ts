import type { RemoteInfo, Socket } from 'node:dgram'
import { isIPv4 } from 'node:net'
import { type Address, formatHostPort } from '../../lib/address.js'
import { Impairer, type Impairment, type ImpairmentCounts } from '../../lib/impairment.js'
import { badOption } from '../../lib/options.js'
import { askForBuffer, bind, boundUrl, closed, makeSocket, resolveHost, type SocketContext } from './bind.js'
import { checkGroup, isMulticast, zoned } from './group.js'
import { type Handle, handleOf } from './handle.js'
import { type Family, findInterface } from './interfaces.js'
import { KernelDrops } from './kernel-drops.js'
import { Membership } from './membership.js'
import { type Destination, Outbox, type OutboxCounts } from './outbox.js'

export interface ReceiverSetup {
  /** The interface to join a group on, by name or address. A group needs one. */
  readonly interface?: string | undefined
  /** The only sender of the group to hear. */
  readonly source?: string | undefined
  readonly receiveBufferBytes: number
  readonly impair?: Impairment | undefined
}

/** Where a datagram came from. */
export type Remote = Destination

/** `bytes` are the datagram's own and never change again. */
export type OnDatagram = (bytes: Uint8Array, remote: Remote) => void

export interface ReceiverCounts {
  /** Datagrams that the system has given out. */
  readonly received: number
  readonly receivedBytes: number
  /** Datagrams of a group that came from another sender than `source`. */
  readonly foreign: number
  /** Datagrams that came while reading was paused and found no room any more. */
  readonly discarded: number
  /** Datagrams that the system threw away because the receive buffer was full; undefined where it does not tell. */
  readonly kernelDrops: number | undefined
  readonly impairment: ImpairmentCounts | undefined
}

const NOTHING = new Uint8Array(0)

interface Arrival {
  readonly bytes: Uint8Array
  readonly remote: Remote
}

/** A socket that is bound to an address of this machine, or to a group that it has joined. */
export class Receiver {
  #received = 0
  #receivedBytes = 0
  #foreign = 0
  #discarded = 0
  #paused = false
  #closed = false
  /** Read already when reading was paused. */
  #kept: Arrival[] = []
  #keptBytes = 0
  readonly #drops: KernelDrops | undefined
  readonly #handle: Handle | undefined
  readonly #impairer: Impairer<Arrival> | undefined
  readonly #outbox: Outbox

  private constructor(
    private readonly socket: Socket,
    private readonly family: Family,
    /** The address in use, the real port included. */
    readonly url: string,
    private readonly setup: ReceiverSetup,
    private readonly membership: Membership | undefined,
    /** The receive buffer that the system has granted. */
    readonly receiveBufferBytes: number,
    private readonly onDatagram: OnDatagram,
    context: SocketContext,
  ) {
    const { platform } = context
    this.#handle = handleOf(socket)
    this.#drops = this.#handle && KernelDrops.of(this.#handle.fd, family, platform)
    this.#impairer =
      setup.impair && new Impairer<Arrival>(setup.impair, platform, ({ bytes, remote }) => this.#give(bytes, remote))
    this.#outbox = new Outbox(socket, url, mostBytes(family), undefined, context, {})
    socket.on('message', (bytes, remote) => this.#arrived(bytes, remote))
    socket.on('error', (error) => this.#outbox.trouble(error))
  }

  /**
   * Binds to `address`, joining where it is a group, and gives every datagram to `onDatagram`. When the interface is not
   * up, it opens all the same: `JOIN_FAILED` is reported and joining tried until it works.
   *
   * @throws {FanwireError} `ADDRESS_IN_USE`, `OPEN_FAILED`, `BAD_ADDRESS`, `BAD_OPTION`, or the signal's reason
   */
  static async open(
    address: Address,
    setup: ReceiverSetup,
    context: SocketContext,
    onDatagram: OnDatagram,
  ): Promise<Receiver> {
    context.signal?.throwIfAborted()
    const bound = isMulticast(address) ? await bindToGroup(address, setup) : await bindToHost(address, setup)
    const { socket, family, membership } = bound
    try {
      context.signal?.throwIfAborted()
      const url = boundUrl(address, socket)
      const granted = askForBuffer(socket, 'receive', setup.receiveBufferBytes, url, context)
      const joining = membership && new Membership(socket, { ...membership, url }, context)
      const receiver = new Receiver(socket, family, url, setup, joining, granted, onDatagram, context)
      joining?.join()
      return receiver
    } catch (error) {
      await closed(socket)
      throw error
    }
  }

  get port(): number {
    return this.#closed ? 0 : this.socket.address().port
  }

  /** Whether the group is joined at the moment; true where there is none to join. */
  get joined(): boolean {
    return this.membership?.joined ?? true
  }

  get counts(): ReceiverCounts {
    return {
      received: this.#received,
      receivedBytes: this.#receivedBytes,
      foreign: this.#foreign,
      discarded: this.#discarded,
      kernelDrops: this.#drops?.count,
      impairment: this.#impairer?.counts,
    }
  }

  /** What became of {@link reply}. */
  get replies(): OutboxCounts {
    return this.#outbox.counts
  }

  /** Has the system's count of drops read anew. */
  async refreshDrops(): Promise<void> {
    if (!this.#closed) await this.#drops?.refresh()
  }

  /** Leaves the group and joins it again; for a line that has fallen silent. */
  rejoin(): void {
    if (!this.#closed) this.membership?.rejoin()
  }

  /**
   * Sends `header` and `run` as one datagram from this socket's own address and port; both may be used again at once.
   * `'full'`: an earlier one still waits for the system, and this one was not sent. `'nowhere'`: port 0, which only a forged
   * datagram comes from.
   */
  reply(to: Remote, header: Uint8Array, run: Uint8Array): 'sent' | 'full' | 'nowhere' {
    if (to.port === 0) return 'nowhere'
    if (this.#closed || this.#outbox.busy) return 'full'
    const mapped = this.family === 6 && isIPv4(to.address) ? { ...to, address: `::ffff:${to.address}` } : to
    this.#outbox.send(NOTHING, Buffer.concat([header, run]), mapped)
    return 'sent'
  }

  /** Stops giving datagrams out, at once. What comes meanwhile waits in the receive buffer, and then the system drops. */
  pause(): void {
    if (this.#paused || this.#closed) return
    this.#paused = true
    this.#handle?.recvStop()
  }

  /** Goes on with what has waited. */
  resume(): void {
    if (!this.#paused || this.#closed) return
    this.#paused = false
    const kept = this.#kept
    this.#kept = []
    this.#keptBytes = 0
    for (const { bytes, remote } of kept) this.#give(bytes, remote)
    if (!this.#paused) this.#handle?.recvStart()
  }

  /** Settles when the socket is closed and the last of its drops are counted. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.membership?.close()
    this.#impairer?.close()
    this.#outbox.close()
    this.pause()
    this.#closed = true
    await this.#drops?.close()
    await closed(this.socket)
  }

  unref(): void {
    this.socket.unref()
    this.membership?.unref()
  }

  #arrived(bytes: Uint8Array, info: RemoteInfo): void {
    // The system filters by source only for the interface that was joined on; what others joined on another leaks in.
    if (this.setup.source !== undefined && info.address.replace(/%.*$/, '') !== this.setup.source) {
      this.#foreign++
      return
    }
    this.#received++
    this.#receivedBytes += bytes.length
    const remote =
      this.family === 6 && info.address.startsWith('::ffff:') ? { ...info, address: info.address.slice(7) } : info
    if (this.#impairer === undefined) this.#give(bytes, remote)
    else this.#impairer.push({ bytes, remote })
  }

  #give(bytes: Uint8Array, remote: Remote): void {
    if (this.#closed) return
    if (!this.#paused) {
      this.onDatagram(bytes, remote)
    } else if (this.#keptBytes + bytes.length <= this.setup.receiveBufferBytes) {
      this.#kept.push({ bytes, remote })
      this.#keptBytes += bytes.length
    } else {
      this.#discarded++
    }
  }
}

/** The most that UDP carries in one datagram. */
export function mostBytes(family: Family): number {
  return family === 4 ? 65_507 : 65_527
}

interface Bound {
  readonly socket: Socket
  readonly family: Family
  readonly membership?: Omit<ConstructorParameters<typeof Membership>[1], 'url'>
}

async function bindToGroup({ host, port, url }: Address, setup: ReceiverSetup): Promise<Bound> {
  const { group, family, named } = checkGroup(host as string, url, setup.interface)
  if (setup.source !== undefined && (isIPv4(setup.source) ? 4 : 6) !== family) {
    throw badOption(`source must be an IPv${family} address as the group of ${url} is, got '${setup.source}'`)
  }
  const found = findInterface(named, family)
  const socket = makeSocket(family, { reuseAddr: true })
  // To the group and not to all addresses: such a socket gets every group that anybody on this machine has joined on
  // this port. Windows cannot, so groups need ports of their own there.
  const any = family === 4 ? '0.0.0.0' : '::'
  await bind(socket, process.platform === 'win32' ? any : zoned(group, found?.zone ?? `%${named}`), port as number, url)
  return { socket, family, membership: { group, family, interface: named, source: setup.source } }
}

async function bindToHost({ host, port, url }: Address, setup: ReceiverSetup): Promise<Bound> {
  if (setup.source !== undefined) throw badOption(`source belongs to a multicast group, and ${url} is none`)
  if (setup.interface !== undefined) {
    throw badOption(`interface belongs to a multicast group; ${url} says by its host where it listens`)
  }
  if (host !== '*') {
    const { address, family } = await resolveHost(host as string, url)
    // Without reuse: the second of two sockets on one address would silently get everything.
    const socket = makeSocket(family)
    await bind(socket, address, port as number, url)
    return { socket, family }
  }
  try {
    const socket = makeSocket(6)
    await bind(socket, '::', port as number, url)
    return { socket, family: 6 }
  } catch (error) {
    const { cause } = error as { cause?: NodeJS.ErrnoException }
    if (cause?.code !== 'EAFNOSUPPORT' && cause?.code !== 'EADDRNOTAVAIL') throw error
    const socket = makeSocket(4)
    await bind(socket, '0.0.0.0', port as number, url)
    return { socket, family: 4 }
  }
}

/** `address:port` as it stands in a URL and in a link's `remote`. */
export function formatRemote(scheme: string, { address, port }: Remote): string {
  return `${scheme}://${formatHostPort(address, port)}`
}
