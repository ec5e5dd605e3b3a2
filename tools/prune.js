// tsc never deletes: what was compiled from a file since renamed or removed would still be run by tap and packed by npm.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

for (const entry of readdirSync(join(root, 'dist'), { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue
  const output = join(entry.parentPath, entry.name)
  const stem = output.slice(join(root, 'dist').length).replace(/(\.d\.ts|\.js)(\.map)?$/, '')
  if (!existsSync(`${join(root, stem)}.ts`)) rmSync(output)
}
