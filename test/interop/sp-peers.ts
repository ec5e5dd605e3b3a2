import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Fault } from 'fanwire'
import type { Test } from 'tap'

/** How the two ends meet. */
export interface Meeting {
  readonly scheme: 'tcp' | 'ipc'
  /** What fanwire does; the peer does the other. */
  readonly role: 'listen' | 'dial'
}

export const meetings: readonly Meeting[] = [
  { scheme: 'tcp', role: 'listen' },
  { scheme: 'tcp', role: 'dial' },
  { scheme: 'ipc', role: 'listen' },
  { scheme: 'ipc', role: 'dial' },
]

/** A program that speaks SP. */
export interface Tool {
  readonly name: string
  /** Why it cannot run here; `false` where it can. */
  readonly missing: string | false
  /** Hangs up on a body of more than 1 MiB. */
  readonly limited: boolean
  /** How often it can publish, in seconds. */
  readonly interval: number
  /** The command line of a subscriber that prints what it receives in hex. */
  subscriber(role: Meeting['role'], url: string, prefix: string): readonly [string, ...string[]]
  /** That of a publisher of the same content again and again. */
  publisher(role: Meeting['role'], url: string, content: Content): readonly [string, ...string[]]
  /** The same of sockets that hand each body to one peer. */
  puller(role: Meeting['role'], url: string): readonly [string, ...string[]]
  pusher(role: Meeting['role'], url: string, content: Content): readonly [string, ...string[]]
}

/** What a publisher publishes. */
export interface Content {
  readonly file: string
  readonly isEmpty: boolean
}

const PROGRAM = fileURLToPath(new URL('nanomsg-peer.js', import.meta.url))

const nanomsg: Tool = {
  name: 'nanomsg of npm',
  missing: nanomsgMissing(),
  limited: true,
  interval: 0.02,
  subscriber: (role, url, prefix) => [process.execPath, PROGRAM, 'sub', socketWord(role), url, prefix],
  publisher: (role, url, { file }) => [process.execPath, PROGRAM, 'pub', socketWord(role), url, file, '0.02'],
  puller: (role, url) => [process.execPath, PROGRAM, 'pull', socketWord(role), url],
  pusher: (role, url, { file }) => [process.execPath, PROGRAM, 'push', socketWord(role), url, file, '0.02'],
}

const nanocat: Tool = {
  name: 'nanocat',
  missing: programMissing('nanocat', 'nanomsg-utils'),
  limited: true,
  interval: 0.02,
  subscriber: (role, url, prefix) => ['nanocat', '--sub', `--${socketWord(role)}`, url, '--hex', '--subscribe', prefix],
  publisher: (role, url, content) => ['nanocat', '--pub', ...nanocatSends(role, url, content)],
  puller: (role, url) => ['nanocat', '--pull', `--${socketWord(role)}`, url, '--hex'],
  pusher: (role, url, content) => ['nanocat', '--push', ...nanocatSends(role, url, content)],
}

const nngcat: Tool = {
  name: 'nngcat',
  missing: programMissing('nngcat', 'nng-utils'),
  limited: false,
  interval: 1,
  subscriber: (role, url, prefix) => ['nngcat', '--sub', `--${role}`, url, '--hex', '--subscribe', prefix],
  publisher: (role, url, { file }) => ['nngcat', '--pub', `--${role}`, url, '--file', file, '--interval', '1'],
  puller: (role, url) => ['nngcat', '--pull', `--${role}`, url, '--hex'],
  pusher: (role, url, { file }) => ['nngcat', '--push', `--${role}`, url, '--file', file, '--interval', '1'],
}

export const tools: readonly Tool[] = [nanomsg, nanocat, nngcat]

/** An address for the peer that nobody uses; fanwire's has `sp+` in front. */
export async function freshUrl(t: Test, scheme: Meeting['scheme']): Promise<string> {
  if (scheme === 'ipc') return `ipc://${freshFolder(t)}/socket`
  // libnanomsg does not tell which port the system has chosen.
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `tcp://127.0.0.1:${address.port}`
}

export function contentOf(t: Test, data: Uint8Array): Content {
  const file = join(freshFolder(t), 'content')
  writeFileSync(file, data)
  return { file, isEmpty: data.length === 0 }
}

/** The command line of a publisher that uses libnanomsg: `topic`, a zero, and numbers from 0 on, some every millisecond. */
export function counter(
  role: Meeting['role'],
  url: string,
  topic: string,
  atOnce: number,
): readonly [string, ...string[]] {
  return [process.execPath, PROGRAM, 'count', socketWord(role), url, topic, `${atOnce}`]
}

/** Why {@link counter} cannot run here; `false` where it can. */
export const counterMissing = nanomsg.missing

interface Faulty {
  on(name: 'fault', listener: (fault: Fault) => void): unknown
  off(name: 'fault', listener: (fault: Fault) => void): unknown
}

/** The next fault with this code. */
export function faultOf(end: Faulty, code: string): Promise<Fault> {
  return new Promise((resolve) => {
    const listener = (fault: Fault) => {
      if (fault.code !== code) return
      end.off('fault', listener)
      resolve(fault)
    }
    end.on('fault', listener)
  })
}

function freshFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'fanwire-sp-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** What the peer does where fanwire does `role`. */
export function other(role: Meeting['role']): Meeting['role'] {
  return role === 'listen' ? 'dial' : 'listen'
}

/** A tool at work. */
export class Peer {
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #bodies: string[] = []
  #wake: (() => void) | undefined
  #complaints = ''

  /** Ends with the test. */
  constructor(t: Test, [command, ...args]: readonly [string, ...string[]]) {
    this.#process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#ended = once(this.#process, 'exit')
    this.#process.stderr?.on('data', (said) => {
      this.#complaints += said
    })
    createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.#bodies.push(line.replace(/["\\x]/g, ''))
      this.#wake?.()
    })
    t.teardown(() => this.kill())
  }

  get alive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** What it has said on its standard error. */
  get complaints(): string {
    return this.#complaints
  }

  /** The next bodies that a subscriber has received, in hex. */
  async bodies(count: number): Promise<string[]> {
    const patience = AbortSignal.timeout(20_000)
    await new Promise<void>((resolve, reject) => {
      this.#wake = () => {
        if (this.#bodies.length >= count) resolve()
      }
      patience.addEventListener('abort', () => {
        reject(new Error(`${this.#bodies.length} of ${count} bodies have come. ${this.#complaints}`))
      })
      this.#wake()
    })
    return this.#bodies.splice(0, count)
  }

  async kill(): Promise<void> {
    if (!this.alive) return
    this.#process.kill('SIGKILL')
    await this.#ended
  }
}

function nanocatSends(role: Meeting['role'], url: string, { file, isEmpty }: Content): string[] {
  // It dies of an empty file.
  const content = isEmpty ? ['--data', ''] : ['--file', file]
  return [`--${socketWord(role)}`, url, ...content, '--interval', '0.02']
}

function socketWord(role: Meeting['role']): 'bind' | 'connect' {
  return role === 'listen' ? 'bind' : 'connect'
}

function nanomsgMissing(): string | false {
  try {
    createRequire(import.meta.url)('nanomsg')
    return false
  } catch {
    return 'nanomsg is not built; it needs a C++ compiler, make and Python'
  }
}

function programMissing(program: string, debian: string): string | false {
  const { error } = spawnSync(program, ['--help'])
  return error === undefined ? false : `${program} is not installed; on Debian: apt-get install ${debian}`
}
