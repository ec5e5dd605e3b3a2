// Installs the foreign peers where they are missing, which `npm ci` at the top leaves out, compiles, and runs a bench.
// Everything after the name of the bench goes to it: `npm run bench -- tcp --quick`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

const here = import.meta.dirname
const root = join(here, '..')
const compiled = join(root, 'dist/bench')

// Peers must come with their binaries: an install script would want a compiler.
if (!existsSync(join(here, 'node_modules/.package-lock.json'))) run('npm', ['ci', '--ignore-scripts'], here)

// The compiled bench stands under dist/, where Node would not look for the packages of this folder.
mkdirSync(compiled, { recursive: true })
rmSync(join(compiled, 'node_modules'), { recursive: true, force: true })
symlinkSync(join(here, 'node_modules'), join(compiled, 'node_modules'), 'junction')

run('npx', ['tsc', '-p', here], root)
run('node', ['tools/prune.js'], root)
run('node', [join(compiled, 'main.js'), ...process.argv.slice(2)], process.cwd(), 'inherit')

/** What installs and compiles says nothing on stdout, which belongs to the bench. */
function run(command, args, cwd, stdout = 2) {
  const shell = process.platform === 'win32' && command !== 'node'
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['inherit', stdout, 'inherit'], shell })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}
