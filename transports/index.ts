import type { Transport } from '../lib/transport.js'
import type {
  RawConsumerOptions,
  RawProducerOptions,
  UdpConsumerOptions,
  UdpProducerOptions,
} from './datagram/options.js'
import type {
  LinesConsumerOptions,
  LinesOptions,
  SpConsumerOptions,
  SpOptions,
  TcpConsumerOptions,
  TcpOptions,
} from './stream/options.js'
import type { SecurityOptions } from './stream/security.js'
import type { Pem, TlsOptions } from './stream/tls.js'

export type {
  LinesConsumerOptions,
  LinesOptions,
  Pem,
  RawConsumerOptions,
  RawProducerOptions,
  SecurityOptions,
  SpConsumerOptions,
  SpOptions,
  TcpConsumerOptions,
  TcpOptions,
  TlsOptions,
  UdpConsumerOptions,
  UdpProducerOptions,
}

/** By scheme, what a producer takes beside `ProducerOptions`. */
export interface OwnProducerOptions {
  readonly inproc: Readonly<Record<never, never>>
  readonly tcp: TcpOptions
  readonly ipc: TcpOptions
  readonly tls: TcpOptions & TlsOptions
  readonly 'sp+tcp': SpOptions
  readonly 'sp+ipc': SpOptions
  readonly 'sp+tls': SpOptions & TlsOptions
  readonly 'lines+tcp': LinesOptions
  readonly udp: UdpProducerOptions
  readonly multicast: UdpProducerOptions
  readonly 'raw+udp': RawProducerOptions
  readonly 'raw+multicast': RawProducerOptions
}

/** By scheme, what a consumer takes beside `ConsumerOptions`. */
export interface OwnConsumerOptions {
  readonly inproc: Readonly<Record<never, never>>
  readonly tcp: TcpConsumerOptions
  readonly ipc: TcpConsumerOptions
  readonly tls: TcpConsumerOptions & TlsOptions
  readonly 'sp+tcp': SpConsumerOptions
  readonly 'sp+ipc': SpConsumerOptions
  readonly 'sp+tls': SpConsumerOptions & TlsOptions
  readonly 'lines+tcp': LinesConsumerOptions
  readonly udp: UdpConsumerOptions
  readonly multicast: UdpConsumerOptions
  readonly 'raw+udp': RawConsumerOptions
  readonly 'raw+multicast': RawConsumerOptions
}

/** Every scheme that comes with fanwire. A transport is loaded when a URL first names it, and not before. */
const table: Readonly<Record<keyof OwnProducerOptions, () => Promise<Transport>>> = {
  inproc: async () => (await import('./inproc/index.js')).inproc,
  tcp: async () => (await import('./stream/index.js')).zmtp,
  ipc: async () => (await import('./stream/index.js')).zmtp,
  tls: async () => (await import('./stream/index.js')).zmtpOverTls,
  'sp+tcp': async () => (await import('./stream/index.js')).sp,
  'sp+ipc': async () => (await import('./stream/index.js')).sp,
  'sp+tls': async () => (await import('./stream/index.js')).spOverTls,
  'lines+tcp': async () => (await import('./stream/index.js')).lines,
  udp: async () => (await import('./datagram/index.js')).numbered,
  multicast: async () => (await import('./datagram/index.js')).numbered,
  'raw+udp': async () => (await import('./datagram/index.js')).raw,
  'raw+multicast': async () => (await import('./datagram/index.js')).raw,
}

export const schemes: readonly string[] = Object.keys(table)

/** The transport of a scheme; undefined where none comes with fanwire. */
export async function loadTransport(scheme: string): Promise<Transport | undefined> {
  return Object.hasOwn(table, scheme) ? await table[scheme as keyof typeof table]() : undefined
}
