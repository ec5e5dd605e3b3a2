import { lstat, unlink } from 'node:fs/promises'
import { connect, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { type Address, formatHostPort } from '../../lib/address.js'
import { FanwireError } from '../../lib/errors.js'
import type { Tls } from './tls.js'

/** Calls the address, over TLS where that is given. Connecting has only begun when this returns. */
export function call(address: Address, tls?: Tls): Socket {
  if (tls !== undefined) return tls.call(address)
  const { path, host, port } = address
  return path === undefined
    ? connect({ host: host as string, port: port as number, noDelay: true, keepAlive: true })
    : connect({ path })
}

/**
 * Listens on the address with a server of the system's or of TLS.
 *
 * @throws {FanwireError} `ADDRESS_IN_USE`, `OPEN_FAILED`
 */
export async function listenOn(address: Address, server: Server): Promise<void> {
  try {
    await bind(server, address)
  } catch (error) {
    const { path } = address
    const obstacle = path && (await obstacleAt(path))
    if (obstacle) throw openFailed(address, error, obstacle)
    if (!hasCode(error, 'EADDRINUSE')) throw openFailed(address, error)
    if (path === undefined || !(await removeStale(path))) throw inUse(address, error)
    try {
      await bind(server, address)
    } catch (again) {
      throw hasCode(again, 'EADDRINUSE') ? inUse(address, again) : openFailed(address, again)
    }
  }
}

/** The address with the port that the system has chosen. */
export function boundUrl({ scheme, url, host, path }: Address, server: Server): string {
  const bound = server.address()
  if (path !== undefined || typeof bound === 'string' || bound === null) return url
  return `${scheme}://${formatHostPort(host as string, bound.port)}`
}

/** The peer's address. Peers of a UNIX socket have none, so they are told apart by a count. */
export function remoteUrl({ scheme, url, path }: Address, socket: Socket, count: number): string {
  if (path !== undefined) return `${url}#${count}`
  const host = socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'unknown'
  return `${scheme}://${formatHostPort(host, socket.remotePort ?? 0)}`
}

/** Settles when the socket is closed. */
export function closed(socket: Socket): Promise<void> {
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', () => resolve()))
}

function bind(server: Server, { path, host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const bound = () => {
      server.off('error', reject)
      resolve()
    }
    if (path !== undefined) server.listen({ path }, bound)
    else if (host === '*') server.listen({ port }, bound)
    else server.listen({ host, port }, bound)
  })
}

/** Why no socket can be made at a path, where the system's own word for it would mislead. */
async function obstacleAt(path: string): Promise<string | undefined> {
  const directory = dirname(path)
  try {
    await lstat(directory)
    const there = await lstat(path)
    if (there.isDirectory()) return 'a directory is there'
    return there.isSocket() ? undefined : 'a file that is no socket is there'
  } catch (error) {
    return (error as NodeJS.ErrnoException).path === directory && hasCode(error, 'ENOENT')
      ? `there is no directory ${directory}`
      : undefined
  }
}

/** Removes a socket's file that outlived its process. False when somebody listens on it, or it is no socket at all. */
async function removeStale(path: string): Promise<boolean> {
  try {
    if (!(await lstat(path)).isSocket()) return false
    if (!(await isDeserted(path))) return false
    await unlink(path)
    return true
  } catch (error) {
    // Its owner may have removed it just now.
    return hasCode(error, 'ENOENT')
  }
}

function isDeserted(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    const answer = (deserted: boolean) => {
      socket.destroy()
      resolve(deserted)
    }
    socket.once('connect', () => answer(false))
    socket.once('error', (error) => answer(hasCode(error, 'ECONNREFUSED') || hasCode(error, 'ENOENT')))
  })
}

function inUse({ url }: Address, cause: unknown): FanwireError {
  return new FanwireError('ADDRESS_IN_USE', `${url} is in use by somebody else`, { cause })
}

function openFailed({ url }: Address, cause: unknown, words = (cause as Error).message): FanwireError {
  return new FanwireError('OPEN_FAILED', `cannot listen on ${url}: ${words}`, { cause })
}

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code
}
