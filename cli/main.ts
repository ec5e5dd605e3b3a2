#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const usage = `Usage: fanwire [options]

Options:
  --help     print this
  --version  print the version of the package
`

process.exitCode = main(process.argv.slice(2))

/** @returns the exit code: 0 done, 2 wrong usage */
function main(args: readonly string[]): number {
  let options: { help?: boolean | undefined; version?: boolean | undefined }
  try {
    options = parseArgs({
      args: [...args],
      options: { help: { type: 'boolean' }, version: { type: 'boolean' } },
    }).values
  } catch (error) {
    process.stderr.write(`fanwire: ${error instanceof Error ? error.message : error}\n`)
    return 2
  }
  if (options.version) {
    process.stdout.write(`${readVersion()}\n`)
    return 0
  }
  const stream = options.help ? process.stdout : process.stderr
  stream.write(usage)
  return options.help ? 0 : 2
}

function readVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return manifest.version
}
