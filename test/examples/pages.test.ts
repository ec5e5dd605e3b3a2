import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

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

t.test('the guide has every error code', async (t) => {
  const codes = Array.from(read('lib/errors.ts').matchAll(/^ {2}\| '([A-Z_]+)'$/gm), ([, code]) => code)
  const listed = Array.from(read('docs/guide.md').matchAll(/^\| `([A-Z_]+)` \|/gm), ([, code]) => code)
  t.ok(codes.length > 10)
  t.same(listed.toSorted(), codes.toSorted())
})

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
