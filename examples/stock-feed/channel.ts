import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createConsumer, createProducer } from 'fanwire'

export const LOOPBACK = '127.0.0.1'
/** How long the first datagram may take to come back before multicast counts as broken here. */
const PROBE_MS = 2_000

/** Where the feed is found: by the publisher, or by one of those who receive it. */
export interface Place {
  readonly lines: readonly string[]
  /** Where lost messages are asked for. */
  readonly requests: string
}

/** The lines between a publisher and its receivers. */
export interface Channel {
  readonly kind: 'multicast' | 'unicast'
  readonly publisher: Place
  /** One for each receiver. */
  readonly receivers: readonly Place[]
}

/**
 * Two groups that nobody else is likely to use: everybody hears the same two lines.
 *
 * @param hears how many of the lines each receiver hears
 */
export async function multicastChannel(hears: readonly number[]): Promise<Channel> {
  const group = `239.192.${randomInt(256)}`
  const last = randomInt(1, 254)
  const [a, b, requests] = await freePorts(3)
  const all = {
    lines: [`multicast://${group}.${last}:${a}`, `multicast://${group}.${last + 1}:${b}`],
    requests: `${LOOPBACK}:${requests}`,
  }
  const receivers = hears.map((count) => ({ ...all, lines: all.lines.slice(0, count) }))
  return { kind: 'multicast', publisher: all, receivers }
}

/** The same with lines of its own for each receiver, for machines without multicast. */
export async function unicastChannel(hears: readonly number[]): Promise<Channel> {
  const count = hears.reduce((sum, lines) => sum + lines, 0)
  const [server, ...ports] = await freePorts(1 + count)
  const requests = `${LOOPBACK}:${server}`
  const lines = ports.map((port) => `udp://${LOOPBACK}:${port}`)
  const rest = [...lines]
  const receivers = hears.map((own) => ({ lines: rest.splice(0, own), requests }))
  return { kind: 'unicast', publisher: { lines, requests }, receivers }
}

/** The options that a group needs, and others refuse. */
export function interfaceOf({ lines }: Place): { readonly interface?: string } {
  return lines.some((url) => url.startsWith('multicast:')) ? { interface: LOOPBACK } : {}
}

/** @returns why the lines of a channel carry nothing on this machine; undefined when they do */
export async function findObstacle({ publisher: { lines } }: Channel): Promise<string | undefined> {
  const urls = lines.map((url) => `${url}?interface=${LOOPBACK}&heartbeatMs=20`)
  const faults: string[] = []
  try {
    await using consumer = await createConsumer(urls)
    consumer.on('fault', ({ message }) => faults.push(message))
    await using producer = await createProducer(urls)
    producer.on('fault', ({ message }) => faults.push(message))
    await consumer.linked({ count: lines.length, signal: AbortSignal.timeout(PROBE_MS) })
    return undefined
  } catch (error) {
    return faults[0] ?? (error instanceof Error && error.name !== 'TimeoutError' ? error.message : 'nothing arrives')
  }
}

/** Ports that nobody uses at the moment. They are held together, so that they are different ones. */
async function freePorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4').bind(0, LOOPBACK))
  await Promise.all(sockets.map((socket) => once(socket, 'listening')))
  const ports = sockets.map((socket) => (socket.address() as AddressInfo).port)
  await Promise.all(sockets.map((socket) => once(socket.close(), 'close')))
  return ports
}
