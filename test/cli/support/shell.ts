import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Test } from 'tap'
import { ownHost } from '../../support/host.js'
import { command, freePort, Started } from './fanwire.js'

/** A place where what is pasted from the documentation runs, without meeting what others have pasted. */
export class Shell {
  private constructor(
    private readonly t: Test,
    private readonly directory: string,
    private readonly places: Places,
  ) {}

  static async open(t: Test): Promise<Shell> {
    const directory = mkdtempSync(join(tmpdir(), 'fanwire-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, 'fanwire')
    const places = [
      ['127.0.0.1', ownHost],
      ['5555', `${await freePort()}`],
      ['6666', `${await freePort()}`],
      ['26400', `${await freePort()}`],
      ['26401', `${await freePort()}`],
      ['26402', `${await freePort()}`],
      ['239.192.26.', `239.192.${randomInt(256)}.`],
      ['/tmp/prices.sock', join(directory, 'prices.sock')],
    ] as const
    // What a feed takes by itself would be shared with everybody who runs the tests on this machine.
    const lines = 'multicast://239.192.26.1:26401 multicast://239.192.26.2:26402'
    const feed = [
      `case "$*" in feed*--help*) ;; feed*) case "$*" in *://*) ;; *) set -- "$@" ${lines} ;; esac`,
      `case "$*" in *--requests*) ;; *) set -- "$@" --requests 127.0.0.1:26400 ;; esac ;; esac`,
      // Whoever listens was there before.
      `case "$*" in *--linger*) ;; feed' 'publish*) set -- "$@" --linger 300ms ;; esac`,
    ].join('\n')
    const run = `exec ${command.map((word) => `'${word}'`).join(' ')} "$@"`
    writeFileSync(file, `#!/bin/sh\n${exchange(feed, places)}\n${run}\n`, { mode: 0o755 })
    return new Shell(t, directory, places)
  }

  /** What stands for a URL, or whatever else was written, here. */
  own(text: string): string {
    return exchange(text, this.places)
  }

  /** Runs a script in a process group of its own, with the ports and paths of its examples exchanged. */
  run(script: string, input?: string): Script {
    const own = this.own(script)
    const PATH = `${this.directory}${delimiter}${process.env.PATH}`
    const child = spawn('bash', ['-c', own], { cwd: this.directory, env: { ...process.env, PATH }, detached: true })
    if (input !== undefined) child.stdin.end(input)
    const started = new Script(this.t, child)
    this.t.teardown(() => started.endAll('SIGKILL'))
    return started
  }
}

type Places = readonly (readonly [written: string, own: string])[]

function exchange(text: string, places: Places): string {
  return places.reduce((so, [written, own]) => so.replaceAll(written, own), text)
}

export class Script extends Started {
  /** Sends the signal as a terminal does: to everything that the script has started. */
  endAll(signal: NodeJS.Signals): void {
    try {
      if (this.child.pid !== undefined) process.kill(-this.child.pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
