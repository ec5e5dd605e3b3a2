import type { Socket } from 'node:dgram'

/**
 * What `node:dgram` has and does not show: its file descriptor, and a way to stop reading. Whoever asks must be able to
 * do without, since a later Node may keep it elsewhere.
 */
export interface Handle {
  readonly fd: number
  recvStart(): number
  recvStop(): number
}

/** `socket._handle` would do as well, but warns that it is deprecated. */
export function handleOf(socket: Socket): Handle | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')
  const state = symbol && (socket as unknown as Record<symbol, { readonly handle?: Partial<Handle> | null }>)[symbol]
  const handle = state?.handle
  if (typeof handle?.recvStart !== 'function' || typeof handle.recvStop !== 'function') return undefined
  return typeof handle.fd === 'number' ? (handle as Handle) : undefined
}
