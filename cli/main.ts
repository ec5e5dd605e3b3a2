#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { bridge } from './bridge.js'
import { type Command, columns, common, helpOf, readArguments, toggle, UsageError } from './command.js'
import { publish } from './feed/publish.js'
import { watch } from './feed/watch.js'
import { keygen } from './keygen.js'
import { note } from './notes.js'
import { pub } from './pub.js'
import { sub } from './sub.js'

/** How long after a signal whatever still hangs, such as a reader of stdout that takes nothing, is left behind. */
const LEAVE_MS = 10_000
/** The longest timer there is. */
const LONG_MS = 2 ** 31 - 1

const commands: readonly Command[] = [sub, pub, bridge, keygen, publish, watch]

const usage = `Usage: fanwire COMMAND [options]

Commands:
${listOf(commands)}

Options:
  -h, --help     print this; after a command, what that takes, as does fanwire help COMMAND
  -v, --version  print the version of the package
`

const args = spelledOut(process.argv.slice(2))
const stop = new AbortController()

process.stdout.on('error', fail)
// There is no place left to say so.
process.stderr.on('error', () => undefined)
await main().catch(fail)

async function main(): Promise<void> {
  const command = findCommand()
  if (command === undefined) describe()
  else await perform(command)
}

/** What people type before they know what there is. */
function spelledOut([first, ...rest]: readonly string[]): readonly string[] {
  if (first === undefined) return []
  if (first === 'help') return [...rest, '--help']
  return [{ '-h': '--help', '-v': '--version' }[first] ?? first, ...rest]
}

function describe(): void {
  const { words, values } = readArguments('', { help: toggle(''), version: toggle('') }, args)
  const [word = '', second] = words
  const family = commands.filter(({ name }) => name.startsWith(`${word} `))
  if (family.length > 0 && second === undefined && values.help) {
    process.stdout.write(`Usage: fanwire ${word} COMMAND [options]\n\nCommands:\n${listOf(family)}\n`)
    return
  }
  if (words.length > 0) {
    const tried = family.length > 0 ? words.slice(0, 2).join(' ') : word
    const known = (family.length > 0 ? family : commands).map(({ name }) => name).join(', ')
    throw new UsageError(`there is no command ${tried}; there are ${known}`)
  }
  if (values.version) process.stdout.write(`${readVersion()}\n`)
  else if (values.help) process.stdout.write(usage)
  else {
    process.stderr.write(usage)
    process.exitCode = 2
  }
}

/** A name may have several words. */
function findCommand(): Command | undefined {
  return commands.find(({ name }) => name === args.slice(0, lengthOf(name)).join(' '))
}

function lengthOf(name: string): number {
  return name.split(' ').length
}

function listOf(some: readonly Command[]): string {
  return columns(some.map(({ name, summary }) => [name, summary])).join('\n')
}

async function perform(command: Command): Promise<void> {
  const { words, values } = readArguments(
    command.name,
    { ...command.flags, ...common },
    args.slice(lengthOf(command.name)),
  )
  if (values.help) {
    process.stdout.write(helpOf(command))
    return
  }
  // A second signal of the same name ends the process at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, leave)
  // What waits for another process of this machine may have nothing open that keeps this one alive.
  const alive = setInterval(() => undefined, LONG_MS)
  try {
    await command.run(words, values, stop.signal)
  } finally {
    clearInterval(alive)
  }
}

function leave(): void {
  stop.abort()
  setTimeout(() => {
    note('left what could not be ended in time')
    process.exit(1)
  }, LEAVE_MS).unref()
}

/** Wrong usage ends with 2, all else that fails with 1. */
function fail(error: unknown): void {
  const isWanted = stop.signal.aborted && error instanceof Error && error.name === 'AbortError'
  stop.abort()
  // Nobody reads on, as behind `| head -1`: that is an end like any other.
  if (isWanted || hasCode(error, 'EPIPE')) return
  process.exitCode ??= isWrongUsage(error) ? 2 : 1
  const message = error instanceof Error ? error.message : String(error)
  const hint =
    error instanceof UsageError ? `; see ${['fanwire', findCommand()?.name ?? []].flat().join(' ')} --help` : ''
  if (args.includes('--debug')) process.stderr.write(`fanwire: ${inspect(error)}\n`)
  else note(message + hint)
}

function isWrongUsage(error: unknown): boolean {
  return error instanceof UsageError || ['BAD_OPTION', 'BAD_ADDRESS', 'BAD_TOPIC'].some((code) => hasCode(error, code))
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code
}

function readVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return manifest.version
}
