import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url))
const fanwire = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })

t.test('--version prints the version of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(fileURLToPath(import.meta.resolve('fanwire/package.json')), 'utf8'))
  const { status, stdout, stderr } = fanwire('--version')
  t.same([status, stdout, stderr], [0, `${version}\n`, ''])
})

t.test('--help prints the usage on stdout', async (t) => {
  const { status, stdout, stderr } = fanwire('--help')
  t.same([status, stderr], [0, ''])
  t.match(stdout, /^Usage: fanwire /)
})

t.test(
  'nothing to do, an unknown option or an unknown word is wrong usage: exit 2 and nothing on stdout',
  async (t) => {
    for (const [args, said] of [
      [[], /^Usage: fanwire /],
      [['--nonsense'], /^fanwire: .*--nonsense/],
      [['nonsense'], /^fanwire: .*nonsense/],
    ] as const) {
      const { status, stdout, stderr } = fanwire(...args)
      t.same([status, stdout], [2, ''])
      t.match(stderr, said)
    }
  },
)
