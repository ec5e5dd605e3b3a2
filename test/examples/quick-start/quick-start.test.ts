import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const root = dirname(fileURLToPath(import.meta.resolve('fanwire/package.json')))
const names = ['producer', 'consumer'] as const

t.test('the README shows the files that are run here', async (t) => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  for (const name of names) {
    const source = readFileSync(join(root, 'examples/quick-start', `${name}.ts`), 'utf8')
    t.ok(readme.includes(`\`\`\`ts\n${source}\`\`\``), name)
  }
})

t.test('the producer of the README reaches its consumer, whichever of them starts first', async (t) => {
  for (const order of [names, names.toReversed()]) {
    const url = `ipc://${join(mkdtempSync(join(tmpdir(), 'fanwire-')), 'quick-start.sock')}`
    const outputs = await Promise.all(order.map((name) => run(name, url)))
    t.equal(outputs[order.indexOf('producer')], 'sent 5; taken 5\n')
    t.equal(outputs[order.indexOf('consumer')], [1, 2, 3, 4, 5].map((i) => `${i} trades.AAPL trade ${i} 0\n`).join(''))
  }
})

async function run(name: string, url: string): Promise<string> {
  const file = join(root, 'dist/examples/quick-start', `${name}.js`)
  return (await promisify(execFile)(process.execPath, [file, url])).stdout
}
