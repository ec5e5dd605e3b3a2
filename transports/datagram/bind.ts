import { createSocket, type Socket, type SocketOptions } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { type Address, formatHostPort } from '../../lib/address.js'
import { FanwireError } from '../../lib/errors.js'
import type { Context } from '../../lib/transport.js'
import { type Family, listInterfaces } from './interfaces.js'

/** What sockets need from the end that opens them. */
export type SocketContext = Pick<Context, 'platform' | 'signal' | 'fault'>

export interface Host {
  readonly address: string
  readonly family: Family
}

/**
 * Looks the host of `url` up, once and for all.
 *
 * @throws {FanwireError} `OPEN_FAILED`
 */
export async function resolveHost(host: string, url: string): Promise<Host> {
  const family = isIP(host)
  if (family !== 0) return { address: host, family: family as Family }
  try {
    const found = await lookup(host)
    return { address: found.address, family: found.family as Family }
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message
    throw new FanwireError(
      'OPEN_FAILED',
      `cannot resolve the host of ${url}: ${why}; give a name that resolves, or an address`,
      {
        cause,
      },
    )
  }
}

/** A socket that looks nothing up: all its hosts are addresses, so that binding and sending are done within the call. */
export function makeSocket(family: Family, options: Omit<SocketOptions, 'type' | 'lookup'> = {}): Socket {
  return createSocket({
    ...options,
    type: family === 4 ? 'udp4' : 'udp6',
    lookup: (host, _, done) => done(null, host, family),
  })
}

/**
 * Binds a fresh socket, or closes it.
 *
 * @throws {FanwireError} `ADDRESS_IN_USE`, `OPEN_FAILED`
 */
export async function bind(socket: Socket, address: string, port: number, url: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      // Exclusive: the workers of a cluster would otherwise be lent one socket of their primary.
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off('error', reject)
        resolve()
      })
    })
  } catch (cause) {
    await closed(socket)
    throw bindFailed(cause, address, port, url)
  }
}

/** Connects a bound socket, so that the system keeps the way to its peer. */
export async function connect(socket: Socket, { address }: Host, port: number, url: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      // Typed without it, the callback is told of an error.
      socket.connect(port, address, ((error?: Error) => (error ? reject(error) : resolve())) as () => void)
    })
  } catch (cause) {
    await closed(socket)
    throw new FanwireError('OPEN_FAILED', `cannot send to ${url}: ${(cause as Error).message}`, { cause })
  }
}

/** Settles when the socket is closed. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(resolve)
    } catch {
      // Whoever came first has closed it.
      resolve()
    }
  })
}

/**
 * Asks for a buffer, and reports it when the system grants less.
 *
 * @returns the bytes granted
 */
export function askForBuffer(
  socket: Socket,
  which: 'receive' | 'send',
  bytes: number,
  url: string,
  { fault }: SocketContext,
): number {
  let refusal: unknown
  try {
    if (which === 'receive') socket.setRecvBufferSize(bytes)
    else socket.setSendBufferSize(bytes)
  } catch (error) {
    // Some systems refuse what others cut down.
    refusal = error
  }
  const read = which === 'receive' ? socket.getRecvBufferSize() : socket.getSendBufferSize()
  // Linux doubles what it is asked for, to have room for its own bookkeeping, and tells the double.
  const granted = process.platform === 'linux' ? Math.floor(read / 2) : read
  if (granted < bytes) {
    const [option, knob] =
      which === 'receive' ? ['receiveBufferBytes', 'net.core.rmem_max'] : ['sendBufferBytes', 'net.core.wmem_max']
    const advice = process.platform === 'linux' ? `; raise ${knob} to ${bytes}, or ask for less` : ''
    const message = `${url} got a ${which} buffer of ${granted} bytes, not the ${bytes} of ${option}${advice}`
    fault({ code: 'CLAMPED', message, ...(refusal !== undefined && { cause: refusal }) })
  }
  return granted
}

/** The address with the port that the system has chosen. */
export function boundUrl({ scheme, host, port }: Address, socket: Socket): string {
  return `${scheme}://${formatHostPort(host as string, port || socket.address().port)}`
}

function bindFailed(cause: unknown, address: string, port: number, url: string): FanwireError {
  const { code, message } = cause as NodeJS.ErrnoException
  switch (code) {
    case 'EADDRINUSE':
      return new FanwireError('ADDRESS_IN_USE', `${url} is in use by somebody else; choose another port`, { cause })
    case 'EADDRNOTAVAIL':
      return new FanwireError('OPEN_FAILED', `${url}: ${address} is no address of this machine; ${listInterfaces()}`, {
        cause,
      })
    case 'EACCES':
      return new FanwireError(
        'OPEN_FAILED',
        `${url}: the system does not let this process have port ${port}; choose one from 1024 on`,
        {
          cause,
        },
      )
    default:
      return new FanwireError('OPEN_FAILED', `cannot open ${url}: ${message}`, { cause })
  }
}
