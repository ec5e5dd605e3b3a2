import { execFile, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'tap'
import { ownHost } from '../../support/host.js'

const root = dirname(fileURLToPath(import.meta.resolve('fanwire/package.json')))

test('the page on UDP shows the files that are run here', async (t) => {
  const page = readFileSync(join(root, 'docs/udp.md'), 'utf8')
  for (const name of ['producer', 'consumer']) {
    const source = readFileSync(join(root, 'examples/multicast', `${name}.ts`), 'utf8')
    t.ok(page.includes(`\`\`\`ts\n${source}\`\`\``), name)
  }
})

test('what both lines lose is asked for, and nothing is lost', async (t) => {
  const hosts = ['multicast://239.192.36.1', 'multicast://239.192.36.2', `udp://${ownHost}`]
  const urls = await Promise.all(hosts.map(async (host) => `${host}:${await freePort()}`))
  const consumer = spawn(process.execPath, [fileOf('consumer'), ...urls], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(consumer.stdout, 'readable')
  const [{ stdout: sent }, told] = await Promise.all([
    promisify(execFile)(process.execPath, [fileOf('producer'), ...urls]),
    text(consumer.stdout),
  ])
  t.equal(sent, 'sent 1000\n')
  t.match(told, /^listening\n/)
  t.match(told, /taken 1000, lost 0\n$/)
})

function fileOf(name: string): string {
  return join(root, 'dist/examples/multicast', `${name}.js`)
}

/** A port for groups, of which several programs may have the same. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((bound) => socket.bind(0, bound))
  const { port } = socket.address()
  await new Promise<void>((closed) => socket.close(closed))
  return port
}
