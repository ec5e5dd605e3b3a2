import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Test } from 'tap'
import { command, freePort, Started } from './fanwire.js'

/** A place where what is pasted from the documentation runs, without meeting what others have pasted. */
export class Shell {
  private constructor(
    private readonly t: Test,
    private readonly directory: string,
    private readonly places: readonly (readonly [written: string, own: string])[],
  ) {}

  static async open(t: Test): Promise<Shell> {
    const directory = mkdtempSync(join(tmpdir(), 'fanwire-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, 'fanwire')
    writeFileSync(file, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`, { mode: 0o755 })
    return new Shell(t, directory, [
      ['5555', `${await freePort()}`],
      ['6666', `${await freePort()}`],
      ['/tmp/prices.sock', join(directory, 'prices.sock')],
    ])
  }

  /** Runs a script in a process group of its own, with the ports and paths of its examples exchanged. */
  run(script: string, input?: string): Script {
    const own = this.places.reduce((text, [written, place]) => text.replaceAll(written, place), script)
    const PATH = `${this.directory}${delimiter}${process.env.PATH}`
    const child = spawn('bash', ['-c', own], { cwd: this.directory, env: { ...process.env, PATH }, detached: true })
    if (input !== undefined) child.stdin.end(input)
    const started = new Script(this.t, child)
    this.t.teardown(() => started.endAll('SIGKILL'))
    return started
  }
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
