// tsc never deletes: what was compiled from a file since renamed or removed would still be run by tap and packed by npm.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

prune('')

/** Walks by hand: a recursive readdir follows links, and dist/test/interop has one to the installed foreign peers. */
function prune(folder) {
  for (const entry of readdirSync(join(root, 'dist', folder), { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) prune(path)
    else if (entry.isFile() && !path.endsWith('.tsbuildinfo') && !hasSource(path)) rmSync(join(root, 'dist', path))
  }
}

function hasSource(path) {
  return existsSync(join(root, path.replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts')))
}
