import type { Transport } from '../lib/transport.js'

/** Every scheme that comes with fanwire. A transport is loaded when a URL first names it, and not before. */
const table: Readonly<Record<string, () => Promise<Transport>>> = {
  inproc: async () => (await import('./inproc/index.js')).inproc,
  tcp: async () => (await import('./stream/index.js')).stream,
  ipc: async () => (await import('./stream/index.js')).stream,
  udp: async () => (await import('./datagram/index.js')).numbered,
  multicast: async () => (await import('./datagram/index.js')).numbered,
  'raw+udp': async () => (await import('./datagram/index.js')).raw,
  'raw+multicast': async () => (await import('./datagram/index.js')).raw,
}

export const schemes: readonly string[] = Object.keys(table)

/** The transport of a scheme; undefined where none comes with fanwire. */
export async function loadTransport(scheme: string): Promise<Transport | undefined> {
  return Object.hasOwn(table, scheme) ? await table[scheme]?.() : undefined
}
