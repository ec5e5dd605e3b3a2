// A process needs half a second of a processor before its first test runs, and runs most of its code for the first time.
// So many files of tests share one: this writes files that import them, and which tap runs in the order of their names.
// Each file can still be run by itself.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const tests = join(import.meta.dirname, '../dist/test')
const suites = join(tests, 'suites')

/** So that several run side by side to the end, and a failure is one of few. */
const MOST_FILES = 20

rmSync(suites, { recursive: true, force: true })
const files = filesIn('')
const [lonely, shared] = [files.filter(isLonely), files.filter((path) => !isLonely(path))]

// They take longest, and begin first: else the last would run on a machine that has nothing else to do.
for (const path of lonely) write('1-alone', nameOf(path), [path])
// The upper floors take longest, and what ends last should be short.
for (const [rank, floor] of [...new Set(shared.map(floorOf))].toReversed().entries()) {
  for (const [at, part] of partsOf(shared.filter((path) => floorOf(path) === floor)).entries())
    write('2-shared', `${rank + 1}-${floor}-${at + 1}`, part)
}

function filesIn(folder) {
  return readdirSync(join(tests, folder), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) return ['interop', 'load'].includes(path) ? [] : filesIn(path)
      return path.endsWith('.test.js') ? [path] : []
    })
}

/** Who asks for a time of its own at its top level gets a process of its own, as that time is the process's. */
function isLonely(path) {
  return /^t\.setTimeout\(/m.test(readFileSync(join(tests, path), 'utf8'))
}

/** The folder of the source that is tested: `lib` */
function floorOf(path) {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : 'all'
}

/** As few parts as may be, and as equal. */
function partsOf(members) {
  const count = Math.ceil(members.length / MOST_FILES)
  const size = Math.ceil(members.length / count)
  return Array.from({ length: count }, (_, at) => members.slice(at * size, (at + 1) * size))
}

function nameOf(path) {
  return path.replaceAll('/', '-').replace('.test.js', '')
}

function write(folder, name, members) {
  mkdirSync(join(suites, folder), { recursive: true })
  const imports = members.map((path) => `import '../../${path}'\n`)
  writeFileSync(join(suites, folder, `${name}.test.js`), imports.join(''))
}
