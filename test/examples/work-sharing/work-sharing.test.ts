import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = dirname(fileURLToPath(import.meta.resolve('fanwire/package.json')))

function start(name: 'tasks' | 'worker', url: string): { process: ChildProcess; output: Promise<string> } {
  const file = join(root, 'dist/examples/work-sharing', `${name}.js`)
  const child = spawn(process.execPath, [file, url], { stdio: ['ignore', 'pipe', 'inherit'] })
  return { process: child, output: text(child.stdout) }
}

t.test('two workers do all of the tasks, each of them once', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fanwire-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const url = `ipc://${join(folder, 'tasks.sock')}`
  const workers = [start('worker', url), start('worker', url)]
  const tasks = start('tasks', url)
  t.teardown(() => {
    for (const { process } of [...workers, tasks]) process.kill()
  })
  t.equal(await tasks.output, '1000 tasks are done; 0 of them had to be given to another worker\n')
  const done: number[] = []
  for (const { process, output } of workers) {
    const [, count = '0', again] = /^did (\d+) tasks; (\d+) of them/.exec(await output) ?? []
    done.push(Number(count))
    t.equal(again, '0')
    if (process.exitCode === null) await once(process, 'exit')
    t.equal(process.exitCode, 0)
  }
  t.equal(
    done.reduce((sum, count) => sum + count, 0),
    1_000,
    `${done}`,
  )
})
