import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Consumer, Message } from 'fanwire'
import type { Test } from 'tap'
import type { Publisher, Pull, Push, Socket, Subscriber, XPublisher, XSubscriber } from 'zeromq'
import { ownHost } from '../support/host.js'

/** How the two ends meet. */
export interface Meeting {
  readonly scheme: 'tcp' | 'ipc'
  /** What fanwire does; zeromq does the other. */
  readonly role: 'listen' | 'dial'
}

export const meetings: readonly Meeting[] = [
  { scheme: 'tcp', role: 'listen' },
  { scheme: 'tcp', role: 'dial' },
  { scheme: 'ipc', role: 'listen' },
  { scheme: 'ipc', role: 'dial' },
]

/** `zeromq` drops what is above its limit, so that publishers here have none. */
export const PUBLISHER = { linger: 0, sendHighWaterMark: 0 }
export const SUBSCRIBER = { linger: 0, receiveTimeout: 10_000 }

/** Opens a fanwire end that meets `socket`, and closes both when the test is over. */
export async function meet<End extends FanwireEnd>(
  t: Test,
  socket: Publisher | XPublisher | Subscriber | XSubscriber | Push | Pull,
  { scheme, role }: Meeting,
  open: (url: string, role: Meeting['role']) => Promise<End>,
): Promise<End> {
  t.teardown(() => socket.close())
  const url = freshUrl(t, scheme)
  if (role === 'dial') await socket.bind(url)
  const end = await open(role === 'dial' ? endpointOf(socket) : url, role)
  t.teardown(() => end.close())
  if (role === 'listen') socket.connect(end.urls[0] as string)
  return end
}

interface FanwireEnd {
  readonly urls: readonly string[]
  close(): Promise<unknown>
}

/** An address that nobody uses. */
export function freshUrl(t: Test, scheme: Meeting['scheme']): string {
  if (scheme === 'tcp') return `tcp://${ownHost}:0`
  const folder = mkdtempSync(join(tmpdir(), 'fanwire-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return `ipc://${folder}/socket`
}

function endpointOf(socket: Socket): string {
  if (socket.lastEndpoint === null) throw new Error('the socket is not bound')
  return socket.lastEndpoint
}

export function subscribe(socket: Subscriber | XSubscriber, topic: string): Promise<void> {
  if ('subscribe' in socket) return Promise.resolve(socket.subscribe(topic))
  return socket.send(`\x01${topic}`)
}

export function unsubscribe(socket: Subscriber | XSubscriber, topic: string): Promise<void> {
  if ('unsubscribe' in socket) return Promise.resolve(socket.unsubscribe(topic))
  return socket.send(`\x00${topic}`)
}

/** What an XPUB socket reads next: a subscription or its end. */
export async function request(publisher: XPublisher): Promise<string> {
  return String((await publisher.receive())[0])
}

/** Lets sockets and timers have their turn: a `send()` of zeromq.js resolves without one. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** The consumer's messages, for as long as any test here should take. */
export function messagesOf(consumer: Consumer): AsyncIterableIterator<Message> {
  return consumer.messages({ signal: AbortSignal.timeout(20_000) })
}

const PROBE = 'probe'

/**
 * Waits until `consumer` hears a PUB socket, which cannot tell who subscribes: it publishes until something arrives.
 * {@link isProbe} knows what was sent.
 */
export async function heard(publisher: Publisher | XPublisher, topic: string, consumer: Consumer): Promise<void> {
  const messages = messagesOf(consumer)
  let silent = true
  const first = messages.next().finally(() => {
    silent = false
  })
  while (silent) {
    await publisher.send([topic, PROBE])
    await Promise.race([first, new Promise((resolve) => setTimeout(resolve, 5))])
  }
  await messages.return?.()
}

export function isProbe(message: Message): boolean {
  return message.text() === PROBE
}

/** What was seen so far, and who waits for more. */
export class Sightings {
  readonly numbers = new Map<string, number[]>()
  readonly #waiting = new Set<() => void>()

  of(topic: string): readonly number[] {
    return this.numbers.get(topic) ?? []
  }

  add(topic: string, number: number): void {
    const numbers = this.numbers.get(topic)
    if (numbers === undefined) this.numbers.set(topic, [number])
    else numbers.push(number)
    for (const check of this.#waiting) check()
  }

  /** Resolves once `count` more messages of `topic` are seen. */
  more(topic: string, count: number): Promise<void> {
    const goal = this.of(topic).length + count
    return new Promise((resolve) => {
      const check = () => {
        if (this.of(topic).length < goal) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
    })
  }
}

/** `publisher.ts` in a process of its own. */
export class PublisherProcess {
  readonly #process: ChildProcess

  private constructor(args: readonly string[]) {
    this.#process = fork(new URL('publisher.js', import.meta.url), args, { execArgv: [] })
  }

  /** Resolves with the address that it uses. */
  static async start(how: 'bind' | 'connect', url: string, round: number, prefixes: readonly string[]) {
    const publisher = new PublisherProcess([how, url, `${round}`, ...prefixes])
    return { publisher, url: (await publisher.next()) as string }
  }

  /** The next that it tells: the subscriptions that it has read, once those that it waits for are among them. */
  async next(): Promise<unknown> {
    const [said] = await once(this.#process, 'message', { signal: AbortSignal.timeout(20_000) })
    return said
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
  }
}
