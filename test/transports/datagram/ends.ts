import { createSocket, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import type { Test } from 'tap'
import { parseAddress } from '../../../lib/address.js'
import { checkImpairment } from '../../../lib/impairment.js'
import { nodePlatform } from '../../../lib/node/platform.js'
import { checkOptions } from '../../../lib/options.js'
import type { Fault } from '../../../lib/transport.js'
import {
  Receiver,
  type ReceiverSetup,
  type Remote,
  receiverOptions,
  Sender,
  type SenderSetup,
  type SocketContext,
  senderOptions,
} from '../../../transports/datagram/socket.js'
import { FakePlatform } from '../../lib/support/fake-platform.js'

export const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
export const NOTHING = new Uint8Array(0)

/** What has happened, in order, and a way to wait for what has not happened yet. */
export class Happened<E> {
  readonly all: E[] = []
  #waiting: { readonly count: number; readonly reached: (all: readonly E[]) => void }[] = []

  push(one: E): void {
    this.all.push(one)
    const reached = this.#waiting.filter(({ count }) => count <= this.all.length)
    this.#waiting = this.#waiting.filter(({ count }) => count > this.all.length)
    for (const waiting of reached) waiting.reached(this.all)
  }

  /** Settles when there are `count` or more. */
  reach(count: number): Promise<readonly E[]> {
    if (this.all.length >= count) return Promise.resolve(this.all)
    return new Promise((reached) => this.#waiting.push({ count, reached }))
  }
}

export interface Arrived {
  readonly text: string
  readonly bytes: Uint8Array
  readonly remote: Remote
}

/** A platform of which time alone is not real. */
export function stoppedClock(): { clock: FakePlatform; context: SocketContext; faults: Happened<Fault> } {
  const clock = new FakePlatform()
  const faults = new Happened<Fault>()
  const platform = {
    ...nodePlatform,
    now: () => clock.now(),
    timer: (delayMs: number, callback: () => void) => clock.timer(delayMs, callback),
  }
  return { clock, faults, context: { platform, signal: undefined, fault: (fault) => faults.push(fault) } }
}

export async function openReceiver(
  t: Test,
  url: string,
  setup: Partial<Record<keyof ReceiverSetup, unknown>> = {},
  surroundings = stoppedClock(),
  first?: (text: string, receiver: Receiver) => void,
) {
  const arrived = new Happened<Arrived>()
  let receiver: Receiver
  const onDatagram = (bytes: Uint8Array, remote: Remote) => {
    first?.(Buffer.from(bytes).toString('latin1'), receiver)
    arrived.push({ text: Buffer.from(bytes).toString('latin1'), bytes, remote })
  }
  const complete = checkOptions(receiverOptions, setup, undefined, 'a test')
  receiver = await Receiver.open(parseAddress(url), complete, surroundings.context, onDatagram)
  t.teardown(() => receiver.close())
  return { ...surroundings, receiver, arrived, port: receiver.port }
}

export async function openSender(
  t: Test,
  url: string,
  setup: Partial<Record<keyof SenderSetup, unknown>> = {},
  surroundings = stoppedClock(),
) {
  const drained = new Happened<number>()
  const answers = new Happened<Arrived>()
  const { impairAnswers, ...given } = setup
  const complete = {
    ...checkOptions(senderOptions, given, undefined, 'a test'),
    impairAnswers: impairAnswers === undefined ? undefined : checkImpairment(impairAnswers),
  }
  const sender = await Sender.open(parseAddress(url), complete, surroundings.context, {
    drained: () => drained.push(drained.all.length),
    onDatagram: (bytes, remote) => answers.push({ text: Buffer.from(bytes).toString('latin1'), bytes, remote }),
  })
  t.teardown(() => sender.close())
  return { ...surroundings, sender, drained, answers }
}

/** A plain socket of `node:dgram`, on a port of its own. */
export async function plainSocket(t: Test, address = '127.0.0.1', port = 0): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  await new Promise<void>((resolve, reject) => socket.once('error', reject).bind(port, address, resolve))
  t.teardown(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  return socket
}

export function bytes(text: string): Uint8Array {
  return Buffer.from(text)
}
