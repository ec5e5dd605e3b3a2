import type { Socket } from 'node:dgram'
import { isIP } from 'node:net'
import { type Address, checkDialable, formatHostPort } from '../../lib/address.js'
import { FanwireError } from '../../lib/errors.js'
import { Impairer, type Impairment, type ImpairmentCounts } from '../../lib/impairment.js'
import { badOption } from '../../lib/options.js'
import { TokenBucket } from '../../lib/token-bucket.js'
import { askForBuffer, bind, closed, connect, makeSocket, resolveHost, type SocketContext } from './bind.js'
import { isMulticast } from './group.js'
import { findInterface } from './interfaces.js'
import { Outbox, type OutboxCounts } from './outbox.js'
import { mostBytes, type OnDatagram } from './receiver.js'
import { Way } from './way.js'

export interface SenderSetup {
  /** The interface to leave by, by name or address. A group needs one. */
  readonly interface?: string | undefined
  /** How many routers a datagram may pass. Without it a group has 1, and others what the system gives. */
  readonly ttl?: number | undefined
  /** Whether receivers on this machine get a group's datagrams. Without it they do on a loopback interface. */
  readonly loopback?: boolean | undefined
  readonly sendBufferBytes?: number | undefined
  /** Bytes a second, headers of IP and UDP not counted. */
  readonly rateLimit?: number | undefined
  /** For what is sent. */
  readonly impair?: Impairment | undefined
  /** For what the peer sends back. */
  readonly impairAnswers?: Impairment | undefined
}

export interface SenderHooks {
  /** After `'busy'`: all that was given has left, and whoever waits may go on. */
  drained(): void
  /** Takes what the peer sends back to this very socket. Without it answers are thrown away. */
  onDatagram?: OnDatagram
}

export interface SenderCounts extends OutboxCounts {
  readonly impairment: ImpairmentCounts | undefined
  readonly answersImpairment: ImpairmentCounts | undefined
}

const NOTHING = new Uint8Array(0)

/** A socket that is connected to one address or group. */
export class Sender {
  #closed = false
  /** Whoever waits until nothing waits. */
  #idle: (() => void) | undefined
  readonly #outbox: Outbox
  readonly #impairer: Impairer<Uint8Array> | undefined
  readonly #answersImpairer: Impairer<Parameters<OnDatagram>> | undefined

  private constructor(
    private readonly socket: Socket,
    way: Way | undefined,
    /** The address that it sends to. */
    readonly remote: string,
    /** The most that one datagram can have, before the network fragments it or not. */
    readonly maxDatagramBytes: number,
    setup: SenderSetup,
    private readonly context: SocketContext,
    hooks: SenderHooks,
  ) {
    const { platform } = context
    const pace = setup.rateLimit === undefined ? undefined : new TokenBucket(setup.rateLimit, () => platform.now())
    this.#outbox = new Outbox(socket, remote, maxDatagramBytes, pace, context, {
      drained: () => hooks.drained(),
      settled: () => this.#idle?.(),
      strayed: () => way?.renew(platform.now()),
    })
    this.#impairer =
      setup.impair && new Impairer<Uint8Array>(setup.impair, platform, (bytes) => this.#outbox.send(NOTHING, bytes))
    socket.on('error', (error) => this.#outbox.trouble(error))
    const { onDatagram } = hooks
    if (onDatagram === undefined) return
    const impairer =
      setup.impairAnswers &&
      new Impairer<Parameters<OnDatagram>>(setup.impairAnswers, platform, (answer) => onDatagram(...answer))
    this.#answersImpairer = impairer
    socket.on('message', (bytes, info) => (impairer ? impairer.push([bytes, info]) : onDatagram(bytes, info)))
  }

  /**
   * Connects a socket of its own to `address`, whose host is looked up once.
   *
   * @throws {FanwireError} `OPEN_FAILED`, `BAD_ADDRESS`, `BAD_OPTION`, or the signal's reason
   */
  static async open(address: Address, setup: SenderSetup, context: SocketContext, hooks: SenderHooks): Promise<Sender> {
    context.signal?.throwIfAborted()
    checkDialable(address)
    const { url } = address
    const way = isMulticast(address) ? await Way.open(address, setup) : undefined
    const socket = way?.socket ?? (await connectToHost(address, setup))
    try {
      context.signal?.throwIfAborted()
      if (setup.sendBufferBytes !== undefined) askForBuffer(socket, 'send', setup.sendBufferBytes, url, context)
      return new Sender(
        socket,
        way,
        url,
        mostBytes(isIP(socket.remoteAddress().address) === 4 ? 4 : 6),
        setup,
        context,
        hooks,
      )
    } catch (error) {
      await closed(socket)
      throw error
    }
  }

  /** This end's own address, `host:port`. */
  get local(): string {
    if (this.#closed) return ''
    const { address, port } = this.socket.address()
    return formatHostPort(address, port)
  }

  /** Something waits, for the system or for the pace. */
  get busy(): boolean {
    return this.#outbox.busy
  }

  get counts(): SenderCounts {
    const impairment = this.#impairer?.counts
    return { ...this.#outbox.counts, impairment, answersImpairment: this.#answersImpairer?.counts }
  }

  /**
   * Sends one datagram: `header` and `run`, one after the other. `'taken'`: both may be used again. `'busy'`: it will go,
   * in its turn, and both stay untouched until `drained` is called. Who sends on meanwhile makes the queue longer. What
   * the system refuses is counted and reported; nothing is sent any more once the sender is closed, which is `'busy'`.
   */
  send(header: Uint8Array, run: Uint8Array): 'taken' | 'busy' {
    if (this.#impairer === undefined) this.#outbox.send(header, run)
    // Fate may let it wait or go twice, long after the caller has used its memory again.
    else this.#impairer.push(Buffer.concat([header, run]))
    return this.#outbox.owe()
  }

  /** Settles when nothing waits any more, for the system, the pace or fate, and after `mostMs` at the latest. */
  async drain(mostMs: number): Promise<void> {
    const waits = () => !this.#closed && (this.#outbox.busy || (this.#impairer?.counts.waiting ?? 0) > 0)
    if (!waits()) return
    await new Promise<void>((resolve) => {
      const patience = this.context.platform.timer(mostMs, resolve)
      patience.ref()
      this.#idle = () => {
        if (waits()) return
        patience.cancel()
        resolve()
      }
    })
    this.#idle = undefined
  }

  /** Closes at once; what waits counts as failed. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#impairer?.close()
    this.#answersImpairer?.close()
    this.#outbox.close()
    await closed(this.socket)
  }

  unref(): void {
    this.socket.unref()
  }
}

async function connectToHost({ host, port, url }: Address, setup: SenderSetup): Promise<Socket> {
  if (setup.loopback !== undefined) throw badOption(`loopback belongs to a multicast group, and ${url} is none`)
  if (setup.ttl === 0) throw badOption(`ttl must be at least 1 for ${url}, got 0`)
  const peer = await resolveHost(host as string, url)
  const found = setup.interface === undefined ? undefined : findInterface(setup.interface, peer.family)
  if (setup.interface !== undefined && found === undefined) {
    throw new FanwireError('OPEN_FAILED', `cannot send to ${url}: interface ${setup.interface} is not up`)
  }
  const socket = makeSocket(peer.family)
  await bind(socket, found?.address ?? (peer.family === 4 ? '0.0.0.0' : '::'), 0, url)
  try {
    if (setup.ttl !== undefined) socket.setTTL(setup.ttl)
  } catch (cause) {
    await closed(socket)
    throw new FanwireError('OPEN_FAILED', `cannot send to ${url}: ${(cause as Error).message}`, { cause })
  }
  await connect(socket, peer, port as number, url)
  return socket
}
