// Packs once, then asks of the tarball: does it hold what a user needs and nothing else, do publint and
// "are the types wrong" agree, and does it work where it is installed?
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'

const root = join(import.meta.dirname, '..')
const shipped = ['lib', 'transports', 'itch', 'cli']
const scratch = mkdtempSync(join(tmpdir(), 'fanwire-package-'))

/** Prints what an end says that would need the optional packages. */
const WITHOUT_PEERS = `
  import { createCurveKeys, createProducer } from 'fanwire'
  const { secretKey } = createCurveKeys()
  await createProducer('tcp://127.0.0.1:0', { curve: 'server', secretKey, clientKeys: 'any' }).catch((error) => {
    console.log(error.code, error.message)
  })`

try {
  run('npm', ['run', 'build'], root)
  const [{ filename, files }] = JSON.parse(
    // Its own scripts would print into the JSON; the build above is all that they do.
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch], { cwd: root }),
  )
  const tarball = join(scratch, filename)
  const packed = files.map(({ path }) => path)
  checkContents(packed)
  checkLinks(packed)
  checkFace()
  run('npx', ['publint', tarball, '--strict'], root)
  run('npx', ['attw', tarball, '--profile', 'esm-only'], root)
  checkInstalled(tarball)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

/** Every source file must be there with its types, its map and nothing beside. */
function checkContents(packed) {
  const expected = ['package.json', 'LICENSE', 'README.md', 'CHANGELOG.md']
  for (const floor of shipped.filter((name) => existsSync(join(root, name)))) {
    for (const path of readdirSync(join(root, floor), { recursive: true })) {
      if (!path.endsWith('.ts')) continue
      const stem = join('dist', floor, path.slice(0, -'.ts'.length)).replaceAll('\\', '/')
      expected.push(`${stem}.js`, `${stem}.js.map`, `${stem}.d.ts`)
    }
  }
  const missing = expected.filter((path) => !packed.includes(path))
  const foreign = packed.filter(
    (path) =>
      !expected.includes(path) &&
      !/^(docs\/.+\.(md|svg|png)|itch\/data\/.+|examples\/.+\.(ts|md)|bench\/README\.md)$/.test(path),
  )
  for (const path of missing) console.error(`missing from the package: ${path}`)
  for (const path of foreign) console.error(`has no place in the package: ${path}`)
  if (missing.length + foreign.length > 0) throw new Error('the package does not hold what it should')
  console.log(`the package holds ${packed.length} files, all expected`)
}

/** Whoever reads the pages where they are installed finds what they link to. */
function checkLinks(packed) {
  const dead = packed
    .filter((path) => path.endsWith('.md'))
    .flatMap((page) => {
      const text = readFileSync(join(root, page), 'utf8').replace(/^```.*?^```$/gms, '')
      return Array.from(text.matchAll(/\]\(([^)\s#]+)[^)\s]*\)/g), ([, target]) => target)
        .filter((target) => !/^https?:/.test(target))
        .map((target) => posix.join(posix.dirname(page), target))
        .filter((target) => !packed.some((path) => path === target || path.startsWith(`${target}/`)))
        .map((target) => `${page} links to ${target}, which is not in the package`)
    })
  if (dead.length > 0) throw new Error(dead.join('\n'))
  console.log('the pages link to what is in the package')
}

/** What the classes of the public face are made of is nobody's business: their types show what applications call. */
function checkFace() {
  const face = {
    Producer: 'stream urls links send trySend seesTopics hasSubscribers linked flush stats close unref',
    Consumer: 'id urls links subscribe unsubscribe messages batches linked stats close unref',
  }
  for (const [name, expected] of Object.entries(face)) {
    const types = readFileSync(join(root, 'dist/lib', `${name.toLowerCase()}.d.ts`), 'utf8')
    const [, body] = types.match(new RegExp(`export declare class ${name}<[^]*?\\{\\n([^]*?)\\n\\}`))
    const members = Array.from(body.matchAll(/^ {4}(?:get |readonly )?(\w+)[(:]/gm), ([, member]) => member)
    const shown = members.join(' ')
    if (shown !== expected) throw new Error(`${name} shows ${shown}, expected ${expected}`)
    console.log(`${name} shows what applications call, and nothing else`)
  }
}

/** Every entry loads, and every command tells its version, in a project that has nothing but the package. */
function checkInstalled(tarball) {
  const { exports, bin, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const user = join(scratch, 'user')
  mkdirSync(user)
  writeFileSync(join(user, 'package.json'), '{ "private": true, "type": "module" }')
  run('npm', ['install', '--no-package-lock', tarball], user)
  for (const entry of Object.keys(exports).filter((name) => !name.endsWith('.json'))) {
    run('node', ['--input-type=module', '-e', `await import('fanwire${entry.slice(1)}')`], user)
    console.log(`fanwire${entry.slice(1)} loads`)
  }
  const told = execFileSync('node', ['--input-type=module', '-e', WITHOUT_PEERS], { cwd: user, encoding: 'utf8' })
  if (!told.includes('npm install @noble/curves @noble/ciphers')) throw new Error(`curve without its packages: ${told}`)
  console.log('curve names the packages that it needs')
  for (const command of Object.keys(bin)) {
    const told = execFileSync(join(user, 'node_modules/.bin', command), ['--version'], { encoding: 'utf8' }).trim()
    if (told !== version) throw new Error(`${command} --version printed ${told} instead of ${version}`)
    console.log(`${command} --version prints ${told}`)
  }
}

function run(command, args, cwd) {
  execFileSync(command, args, { cwd, stdio: 'inherit' })
}
