import { readdirSync, readFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type TypeScript from 'typescript'

// An import would search its nine megabytes for names first, which takes longer than all that is done with it.
const ts: typeof TypeScript = createRequire(import.meta.url)('typescript')

const root = dirname(fileURLToPath(import.meta.resolve('fanwire/package.json')))

const timers = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']
const streams = ['fetch', 'WebSocket', 'ReadableStream', 'WritableStream', 'TransformStream']
const impure = new Set([...timers, ...streams, 'process', 'Date', 'performance', 'crypto'])

const parsed = new Map<string, TypeScript.SourceFile>()

t.test('every import of the source points down', async (t) => {
  const files = readSources()
  t.ok(files.size > 0, `${files.size} files read`)
  t.same(findViolations(files), [])
})

t.test('every package that is imported by what users install is declared', async (t) => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
  t.same(findUndeclared(readSources(), declared), [])
  t.same(findUndeclared(new Map([['transports/websocket/index.ts', "import 'ws/lib/receiver.js'"]]), []), [
    'transports/websocket/index.ts imports ws, which package.json does not declare',
  ])
})

t.test('what the rules forbid is found', async (t) => {
  const forbidden: readonly (readonly [file: string, text: string, imported: string])[] = [
    ['lib/log.ts', "import { connect } from 'node:net'", 'node:net'],
    ['lib/log.ts', "import type { Socket } from 'node:net'", 'node:net'],
    ['lib/log.ts', "import { readFileSync } from 'fs'", 'node:fs'],
    ['lib/log.ts', "const net = await import('node:net')", 'node:net'],
    ['lib/log.ts', "export * from 'node:net'", 'node:net'],
    ['lib/log.ts', "let socket: import('node:net').Socket", 'node:net'],
    ['lib/log.ts', 'await import(name)', 'a name made at run time'],
    ['lib/log.ts', "import WebSocket from 'ws'", 'npm:ws'],
    ['lib/log.ts', "import { createProducer } from 'fanwire'", 'fanwire'],
    ['lib/log.ts', "import { spill } from './node/spill.js'", 'lib/node/spill.ts'],
    ['lib/log.ts', "import { createProducer } from './index.js'", 'lib/index.ts'],
    ['lib/log.ts', "import { transports } from '../transports/index.js'", 'transports/index.ts'],
    ['lib/framing/sp.ts', "import timers from 'node:timers/promises'", 'node:timers/promises'],
    ['lib/node/spill.ts', "import { transports } from '../../transports/index.js'", 'transports/index.ts'],
    ['lib/index.ts', "import tcp from '../transports/stream/index.js'", 'transports/stream/index.ts'],
    ['lib/index.ts', "import { client } from '../statsd/client.js'", 'statsd/client.ts'],
    ['transports/index.ts', "import tcp from './stream/index.js'", 'transports/stream/index.ts'],
    ['transports/index.ts', "import { Server } from 'node:net'", 'node:net'],
    ['transports/websocket/index.ts', "import { listen } from '../stream/listen.js'", 'transports/stream/listen.ts'],
    ['transports/websocket/index.ts', "import { transports } from '../index.js'", 'transports/index.ts'],
    ['transports/websocket/index.ts', "import { createProducer } from '../../lib/index.js'", 'lib/index.ts'],
    ['transports/statsd/index.ts', "import { parse } from '../../statsd/parse.js'", 'statsd/parse.ts'],
    ['statsd/client.ts', "import { main } from '../cli/main.js'", 'cli/main.ts'],
    ['itch/book.ts', "import { createConsumer } from '../lib/index.js'", 'lib/index.ts'],
    ['itch/book.ts', "import { feed } from '../cli/feed.js'", 'cli/feed.ts'],
    ['cli/main.ts', "import { play } from '../examples/stock-feed/play.js'", 'examples/stock-feed/play.ts'],
    ['cli/main.ts', "import { Book } from '../itch/book.js'", 'itch/book.ts'],
    ['examples/hello.ts', "import { createProducer } from '../lib/index.js'", 'lib/index.ts'],
  ]
  for (const [file, text, imported] of forbidden) {
    t.same(findViolations(new Map([[file, text]])), [`${file} imports ${imported}`], `${file}: ${text}`)
  }
})

t.test('a framing that reaches a clock, a timer or randomness is found, however far away', async (t) => {
  for (const use of [
    'Date.now()',
    'setTimeout(later)',
    'queueMicrotask(later)',
    'Math.random()',
    'crypto.randomUUID()',
  ]) {
    const files = new Map([
      ['lib/framing/sp.ts', "import { helper } from '../bytes.js'"],
      ['lib/bytes.ts', `export const helper = () => ${use}`],
    ])
    const name = use.startsWith('Math') ? 'Math.random' : /^\w+/.exec(use)?.[0]
    t.same(findViolations(files), [`lib/framing/sp.ts reaches ${name} by way of lib/bytes.ts`])
  }
})

t.test('what the rules allow is left alone', async (t) => {
  const allowed = new Map([
    ['lib/bytes.ts', 'export const link = { crypto: 1, Date: Math.max(1, 2) }, b = link.crypto'],
    ['lib/clock.ts', 'export type Clock = () => number\nexport const now = Date.now()'],
    ['lib/framing/sp.ts', "import { link } from '../bytes.js'\nimport type { Clock } from '../clock.js'"],
    ['lib/node/spill.ts', "import { open } from 'node:fs/promises'\nimport { link } from '../bytes.js'"],
    ['lib/index.ts', "import { transports } from '../transports/index.js'\nimport { spill } from './node/spill.js'"],
    [
      'transports/index.ts',
      "export const tcp = () => import('./stream/index.js')\nimport type { A } from './stream/index.js'",
    ],
    ['transports/stream/index.ts', "import { Server } from 'node:net'\nimport { a } from './listen.js'\nimport 'ws'"],
    ['statsd/client.ts', "import { createProducer } from '../lib/index.js'"],
    ['itch/book.ts', "import { createHash } from 'node:crypto'\nimport { Orders } from './orders.js'"],
    ['cli/main.ts', "import { createProducer } from '../lib/index.js'\nimport { parseArgs } from 'node:util'"],
    ['cli/feed/watch.ts', "import { Book } from '../../itch/index.js'"],
    [
      'examples/hello/main.ts',
      "import { createProducer } from 'fanwire'\nimport { testTransport } from 'fanwire/conformance'",
    ],
  ])
  t.same(findViolations(allowed), [])
})

interface Import {
  /** `lib/log.ts`, `node:net`, `npm:ws`, or `fanwire` for the package by its own name. */
  readonly target: string
  /** Gone after compilation: only types are taken. */
  readonly erased: boolean
  /** `import()`: nothing is loaded until it runs. */
  readonly lazy: boolean
}

/** The import rules: paths and file names as the imports name them, `.ts` for `.js`. */
function allowedFor(file: string): RegExp {
  if (file === 'lib/index.ts') return /^(lib\/|transports\/index\.ts$|node:)/
  if (file.startsWith('lib/node/')) return /^(lib\/(?!index\.ts$)|node:)/
  if (file.startsWith('lib/')) return /^lib\/(?!index\.ts$|node\/)/
  if (file === 'transports/index.ts') return /^(lib\/(?!index\.ts$|node\/)|transports\/)/
  const [floor, room] = file.split('/')
  if (floor === 'transports') return new RegExp(`^(lib/(?!index\\.ts$)|transports/${room}/|node:|npm:)`)
  if (floor === 'itch') return /^(itch\/|node:)/
  if (floor === 'cli') return /^(cli\/|lib\/|transports\/|itch\/index\.ts$|node:|npm:)/
  if (floor === 'examples') return /^(examples\/|fanwire$|node:|npm:)/
  return new RegExp(`^(${floor}/|lib/|transports/|node:|npm:)`)
}

function findViolations(files: ReadonlyMap<string, string>): string[] {
  const found: string[] = []
  for (const [file, text] of files) {
    const allowed = allowedFor(file)
    for (const { target, erased, lazy } of readImports(file, text)) {
      const loadsRoom = file === 'transports/index.ts' && target.startsWith('transports/') && !erased && !lazy
      if (!allowed.test(target) || loadsRoom) found.push(`${file} imports ${target}`)
    }
    if (file.startsWith('lib/framing/')) found.push(...findImpurity(file, files))
  }
  return found
}

/** Follows what is loaded, not what is only named as a type, from one framing on. */
function findImpurity(framing: string, files: ReadonlyMap<string, string>): string[] {
  const found: string[] = []
  const reached = new Set([framing])
  for (const file of reached) {
    const text = files.get(file)
    if (text === undefined) continue
    const way = file === framing ? '' : ` by way of ${file}`
    for (const name of readImpureNames(file, text)) found.push(`${framing} reaches ${name}${way}`)
    for (const { target, erased } of readImports(file, text)) if (!erased) reached.add(target)
  }
  return found
}

function findUndeclared(files: ReadonlyMap<string, string>, declared: readonly string[]): string[] {
  const found: string[] = []
  for (const [file, text] of files) {
    if (file.startsWith('examples/')) continue
    for (const { target } of readImports(file, text)) {
      const name = /^npm:((?:@[^/]+\/)?[^/]+)/.exec(target)?.[1]
      if (name !== undefined && !declared.includes(name)) {
        found.push(`${file} imports ${name}, which package.json does not declare`)
      }
    }
  }
  return found
}

function readImports(file: string, text: string): Import[] {
  const imports: Import[] = []
  const add = (specifier: TypeScript.Node | undefined, erased: boolean, lazy: boolean) => {
    const literal = specifier !== undefined && ts.isStringLiteralLike(specifier)
    imports.push({ target: literal ? resolve(file, specifier.text) : 'a name made at run time', erased, lazy })
  }
  walk(parse(file, text), (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword, false)
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      add(node.moduleSpecifier, node.isTypeOnly, false)
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true, false)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false, true)
    }
  })
  return imports
}

function readImpureNames(file: string, text: string): string[] {
  const names: string[] = []
  walk(parse(file, text), (node) => {
    if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') names.push('Math.random')
    if (!ts.isIdentifier(node) || !impure.has(node.text)) return
    const { parent } = node
    const isMember =
      (ts.isPropertyAccessExpression(parent) && parent.name === node && parent.expression.getText() !== 'globalThis') ||
      ((ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent)) && parent.name === node)
    if (!isMember) names.push(node.text)
  })
  return names
}

/** Most files are read on many ways. */
function parse(file: string, text: string): TypeScript.SourceFile {
  const known = parsed.get(file)
  if (known?.text === text) return known
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  parsed.set(file, source)
  return source
}

function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts')
  if (isBuiltin(specifier)) return specifier.startsWith('node:') ? specifier : `node:${specifier}`
  return /^fanwire(\/|$)/.test(specifier) ? 'fanwire' : `npm:${specifier}`
}

function walk(node: TypeScript.Node, visit: (node: TypeScript.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => walk(child, visit))
}

function readSources(): Map<string, string> {
  const files = new Map<string, string>()
  const present = readdirSync(root)
  for (const floor of ['lib', 'transports', 'statsd', 'itch', 'cli', 'examples'].filter((name) =>
    present.includes(name),
  )) {
    for (const path of readdirSync(join(root, floor), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts') || path.includes('node_modules')) continue
      const file = posix.join(floor, ...path.split(/[\\/]/))
      files.set(file, readFileSync(join(root, file), 'utf8'))
    }
  }
  return files
}
