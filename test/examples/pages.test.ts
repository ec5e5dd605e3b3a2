import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { consumerOptions } from '../../lib/consumer-options.js'
import type { OptionTable } from '../../lib/options.js'
import { producerOptions } from '../../lib/producer-options.js'
import { lines, sp } from '../../transports/stream/index.js'
import { tcpConsumerOptions, tcpOptions } from '../../transports/stream/options.js'
import { securityOptions } from '../../transports/stream/security.js'
import { tlsOptions } from '../../transports/stream/tls.js'

const root = dirname(fileURLToPath(import.meta.resolve('fanwire/package.json')))
const pages = ['README.md', 'bench/README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter(
  (page) => page.endsWith('.md'),
)

for (const page of pages) {
  t.test(`${page} links to what is there`, async (t) => {
    t.ok(read(page).startsWith('# '), 'it is a page')
    for (const [, target = ''] of withoutBlocks(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : normalize(join(dirname(page), path))
      t.ok(existsSync(join(root, file)), `${target} is there`)
      if (anchor !== undefined) t.ok(anchorsOf(file).includes(anchor), `${target} is a heading`)
    }
  })

  // A block that names a file shows it, or lines of it; an output below the block is what the file prints.
  const blocks = read(page).matchAll(/^```ts (examples\/\S+)\n(.*?)^```\n(?:```text\n(.*?)^```$)?/gms)
  for (const [, file = '', shown = '', output] of blocks) {
    t.test(`${page} shows ${file} as it is`, async (t) => {
      t.ok(read(file).includes(shown))
      if (output !== undefined) t.equal(await outputOf(file), output)
    })
  }
}

t.test('pages of transports have the same headings', async (t) => {
  const shared = [
    'What it is for',
    'Addresses',
    'Options',
    'Limits',
    'What is lost, and when',
    'When something is wrong',
  ]
  for (const page of ['docs/tcp.md', 'docs/sp.md', 'docs/lines.md', 'docs/inproc.md']) {
    const headings = Array.from(read(page).matchAll(/^## (.*)$/gm), ([, heading]) => heading)
    t.same(
      headings.filter((heading) => shared.includes(`${heading}`)),
      shared,
      page,
    )
  }
})

t.test('the guide has every error code', async (t) => {
  const codes = Array.from(read('lib/errors.ts').matchAll(/^ {2}\| '([A-Z_]+)'$/gm), ([, code]) => code)
  const listed = Array.from(read('docs/guide.md').matchAll(/^\| `([A-Z_]+)` \|/gm), ([, code]) => code)
  t.ok(codes.length > 10)
  t.same(listed.toSorted(), codes.toSorted())
})

const optionsOf: Readonly<Record<string, OptionTable>> = {
  'docs/guide.md': { ...producerOptions, ...consumerOptions },
  'docs/tcp.md': { ...tcpOptions, ...tcpConsumerOptions },
  'docs/security.md': { ...securityOptions, ...tlsOptions },
  'docs/sp.md': { ...sp.options, ...sp.producerOptions, ...sp.consumerOptions },
  'docs/lines.md': { ...lines.options, ...lines.producerOptions, ...lines.consumerOptions },
}

for (const [page, options] of Object.entries(optionsOf)) {
  t.test(`${page} has every option, its default and its range`, async (t) => {
    const [, section = ''] = /^## Options\n(.*?)^## /ms.exec(read(page)) ?? []
    const rows = Array.from(section.matchAll(/^\| `(\w+)` \| (.*?) \| (.*?) \|/gm), ([, ...cells]) => cells)
    t.same(rows.map(([name]) => name).toSorted(), Object.keys(options).toSorted())
    for (const [name = '', shown, range = ''] of rows) {
      const rule = options[name]
      if (typeof rule?.fallback !== 'number') continue
      t.equal(shown, rule.fallback.toLocaleString('en-US'), `the default of ${name}`)
      const [least = Number.NaN, most = Number.NaN] = range
        .split(' to ')
        .map((bound) => Number(bound.replaceAll(',', '')))
      for (const inside of [least, most]) t.equal(rule.check(inside, name), inside)
      for (const outside of [least - 1, most + 1]) t.throws(() => rule.check(outside, name), { code: 'BAD_OPTION' })
    }
  })
}

t.test('the guide shows every one of its examples', async (t) => {
  for (const file of readdirSync(join(root, 'examples/guide'))) {
    t.match(read('docs/guide.md'), `\`\`\`ts examples/guide/${file}\n`)
  }
})

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

function withoutBlocks(markdown: string): string {
  return markdown.replace(/^```.*?^```$/gms, '')
}

/** As GitHub makes them. */
function anchorsOf(page: string): string[] {
  return Array.from(withoutBlocks(read(page)).matchAll(/^#+ (.*)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

async function outputOf(example: string): Promise<string> {
  const file = join(root, 'dist', example.replace(/\.ts$/, '.js'))
  return (await promisify(execFile)(process.execPath, [file])).stdout
}
