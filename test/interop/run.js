// Installs the foreign peers, which `npm ci` at the top leaves out, and runs what talks to them.
// Arguments go to tap: `npm run test:interop -- dist/test/interop/zeromq.test.js`.
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

const here = import.meta.dirname
const root = join(here, '../..')
const compiled = join(root, 'dist/test/interop')

// Peers should come with their binaries: an install script wants a compiler. One that has none is built where it can be,
// and its tests say so where it cannot.
run('npm', ['ci', '--ignore-scripts'], here)
const { status: unbuilt } = start('npm', ['rebuild', 'nanomsg'], here)
if (unbuilt !== 0) console.error('nanomsg could not be built; what talks to it is skipped')

// Compiled tests stand under dist/, where Node would not look for the packages of this folder.
mkdirSync(compiled, { recursive: true })
rmSync(join(compiled, 'node_modules'), { recursive: true, force: true })
symlinkSync(join(here, 'node_modules'), join(compiled, 'node_modules'), 'junction')

run('npx', ['tsc', '-p', here], root)
run('node', ['tools/prune.js'], root)

const args = process.argv.slice(2)
const named = args.some((arg) => !arg.startsWith('-'))
run('npx', ['tap', '--exclude=', '--timeout=300', ...args, ...(named ? [] : [`dist/test/interop/**/*.test.js`])], root)

function start(command, args, cwd) {
  return spawnSync(command, args, { cwd, stdio: 'inherit', shell: process.platform === 'win32' })
}

function run(command, args, cwd) {
  const { status, error } = start(command, args, cwd)
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}
