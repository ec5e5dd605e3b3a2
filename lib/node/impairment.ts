import type { Socket } from 'node:dgram'
import { type Fate, Impairer, type ImpairmentCounts, type ImpairmentOptions } from '../impairment.js'
import { nodePlatform } from './platform.js'

export {
  type Fate,
  type ImpairmentCounts,
  type ImpairmentOptions,
  LOST,
  type Passage,
  UNHARMED,
} from '../impairment.js'

/** What befalls datagrams: options, their short text, or a function that decides over the `index`-th, counted from 0. */
export type AnyImpairment = ImpairmentOptions | string | ((index: number) => Fate)

/** A way on which datagrams are lost, doubled, reordered and delayed, on purpose and repeatably. */
export interface ImpairedWay<T> {
  readonly counts: ImpairmentCounts
  /** Sends one on its way. What is unharmed has arrived when this returns. */
  push(datagram: T): void
  /** Loses what waits, and takes nothing any more. */
  close(): void
}

/**
 * Stands between whoever has datagrams and whoever wants them: for tests of how a program bears a bad network.
 *
 *     const way = impair('loss=5%,reorder=2%,seed=7', (datagram: Buffer) => receive(datagram))
 *     socket.on('message', (datagram) => way.push(datagram))
 *
 * @throws {FanwireError} `BAD_OPTION`
 */
export function impair<T>(impairment: AnyImpairment, pass: (datagram: T) => void): ImpairedWay<T> {
  return new Impairer(impairment, nodePlatform, pass)
}

/** What befalls datagrams under a socket: those that it sends, those that it receives, or both. */
export interface SocketImpairment {
  readonly send?: AnyImpairment | undefined
  readonly receive?: AnyImpairment | undefined
}

export interface ImpairedSocket {
  readonly sent: ImpairmentCounts | undefined
  readonly received: ImpairmentCounts | undefined
}

type Send = (...args: unknown[]) => void

/**
 * Puts a bad network under a socket of `node:dgram`, whoever uses it: its `send()` and its `message` event are as
 * before, but not everything arrives. A datagram that is lost on purpose counts as sent, as on a network. What waits when
 * the socket is closed is lost.
 *
 * @throws {FanwireError} `BAD_OPTION`
 */
export function impairSocket(socket: Socket, { send, receive }: SocketImpairment): ImpairedSocket {
  const emit = socket.emit.bind(socket) as (...args: unknown[]) => boolean
  const incoming = receive === undefined ? undefined : impair<unknown[]>(receive, (args) => emit(...args))
  if (incoming !== undefined) {
    const replaced = (...args: unknown[]) => {
      if (args[0] !== 'message') return emit(...args)
      incoming.push(args)
      return true
    }
    socket.emit = replaced as Socket['emit']
  }
  const original = socket.send.bind(socket) as Send
  const outgoing = send === undefined ? undefined : impair<unknown[]>(send, (args) => original(...args))
  if (outgoing !== undefined) socket.send = ((...args) => push(outgoing, args)) as Send as Socket['send']
  socket.once('close', () => {
    incoming?.close()
    outgoing?.close()
  })
  return {
    get sent() {
      return outgoing?.counts
    },
    get received() {
      return incoming?.counts
    },
  }
}

/** The caller hears at once that its datagram was sent, and may use its memory again. */
function push(outgoing: ImpairedWay<unknown[]>, [message, ...rest]: unknown[]): void {
  const last = rest.at(-1)
  const told = typeof last === 'function' ? (last as (error: null, bytes: number) => void) : undefined
  const bytes = bytesOf(message)
  // Node's own send takes a part of the message where two numbers follow it, as in send(message, offset, length, port).
  const cut = ArrayBuffer.isView(message) && typeof rest[0] === 'number' && typeof rest[1] === 'number'
  const [part, to] = cut
    ? [bytes.subarray(rest[0] as number, (rest[0] as number) + (rest[1] as number)), rest.slice(2)]
    : [bytes, rest]
  outgoing.push([part, ...(told === undefined ? to : to.slice(0, -1))])
  if (told !== undefined) process.nextTick(told, null, part.length)
}

function bytesOf(message: unknown): Buffer {
  if (Array.isArray(message)) return Buffer.concat(message.map(bytesOf))
  if (typeof message === 'string') return Buffer.from(message)
  const { buffer, byteOffset, byteLength } = message as ArrayBufferView
  return Buffer.from(new Uint8Array(buffer, byteOffset, byteLength))
}
