import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { ownHost } from '../../support/host.js'

const main = fileURLToPath(new URL('../../../cli/main.js', import.meta.url))

/** What runs `fanwire`. */
export const command = [process.execPath, main] as const

/** A process that a test has started; what it prints is kept. It is ended with the test at the latest. */
export class Started {
  stdout = ''
  stderr = ''
  /** The exit code, or the signal that has ended it, once all it printed is here. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** The same, although something that it has left behind may still hold its output open. */
  readonly exited: Promise<number | NodeJS.Signals>

  constructor(
    t: Test,
    readonly child: ChildProcess,
  ) {
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        this[name] += text
      })
    }
    this.ended = once(child, 'close').then(([code, signal]) => code ?? signal)
    this.exited = once(child, 'exit').then(([code, signal]) => code ?? signal)
    t.teardown(() => this.end('SIGKILL'))
  }

  /** Resolves once what it has printed matches. */
  async printed(pattern: RegExp, name: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    const stream = this.child[name]
    for (;;) {
      const match = pattern.exec(this[name])
      if (match !== null) return match
      if (stream === null || stream.readableEnded)
        throw new Error(`never printed ${pattern}: ${this.stdout}${this.stderr}`)
      await Promise.race([once(stream, 'data'), once(stream, 'end')])
    }
  }

  end(signal: NodeJS.Signals): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal)
  }

  /** The ledger that `--stats` prints. */
  get stats() {
    return JSON.parse(this.stderr.trimEnd().split('\n').at(-1) ?? '')
  }

  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1)
  }
}

/** Runs `fanwire`; `input` is its whole stdin, which stays open without it. */
export function fanwire(
  t: Test,
  args: readonly string[],
  input?: string | Uint8Array,
  options: SpawnOptions = {},
): Started {
  const [first, ...rest] = command
  const child = spawn(first, [...rest, ...args], options)
  if (input !== undefined) child.stdin?.end(input)
  return new Started(t, child)
}

/** Runs a producer on a port of the system's choice, and tells its URL. */
export async function listening(t: Test, args: readonly string[], input?: string | Uint8Array) {
  const started = fanwire(t, args, input)
  const [, url = ''] = await started.printed(/listening on (\S+).*\n/, 'stderr')
  return { started, url }
}

/** The URL of a socket in a directory of its own; the test's would be too long for the system. */
export function socketUrl(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'fanwire-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return `ipc://${join(directory, 's')}`
}

/** A port of {@link ownHost} that nobody uses, for those who must know it before anybody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, ownHost)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
