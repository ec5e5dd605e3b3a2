import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Day, readDay } from 'fanwire/itch'
import { type Channel, findObstacle, multicastChannel, unicastChannel } from './channel.js'
import { type Options, readOptions, UsageError, usage } from './options.js'
import { Play } from './play.js'
import { displayOn } from './show/display.js'
import { Spectator } from './show/scene.js'
import { Stage } from './stage.js'
import { judge } from './verdict.js'
import { feedNames, feedReaders, relayReader } from './viewers.js'

/** The user wants no more. */
class Interrupted extends Error {
  constructor(readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(`ended by ${signal}`)
  }
}

process.exitCode = await main(process.argv.slice(2))

/** @returns the exit code: 0 all is right, 1 something is wrong, 2 wrong usage */
async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args)
    if (options.help) {
      process.stdout.write(usage)
      return 0
    }
    const day = await readDay(options.file).catch((error: Error) => {
      throw new Error(`cannot read ${options.file}: ${error.message}`)
    })
    if (day.truncatedAt !== undefined) {
      complain(`${options.file} ends within the record at byte ${day.truncatedAt}: all before it is published`)
    }
    return await perform(options, await openChannel(options), day)
  } catch (error) {
    if (error instanceof Interrupted) return 128 + constants.signals[error.signal]
    complain(error instanceof Error ? error.message : String(error))
    return error instanceof UsageError ? 2 : 1
  }
}

/** Multicast, or the next best where this machine has none. */
async function openChannel({ unicast }: Options): Promise<Channel> {
  const hears = [relayReader, ...feedNames.map((name) => feedReaders[name])].map((reader) => reader.hears)
  if (unicast) return await unicastChannel(hears)
  const channel = await multicastChannel(hears)
  const obstacle = await findObstacle(channel)
  if (obstacle === undefined) return channel
  complain(
    `there is no multicast on loopback here (${obstacle}): every receiver gets lines of its own, as by --unicast`,
  )
  return await unicastChannel(hears)
}

async function perform(options: Options, channel: Channel, day: Day): Promise<number> {
  const stage = new Stage()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => stage.fail(new Interrupted(signal)))
  }
  process.stdout.on('error', (error) => stage.fail(new Error(`nobody reads the output: ${error.message}`)))
  const directory = mkdtempSync(join(tmpdir(), 'fanwire-stock-feed-'))
  const play = new Play(options, channel, day, directory, stage)
  const display = displayOn(process.stdout, options.headless, new Spectator(play, day))
  try {
    const verdict = judge(await play.perform(), day)
    display.end(verdict)
    for (const failure of verdict.failures) complain(failure)
    return verdict.ok ? 0 : 1
  } finally {
    display.close()
    await stage.close()
    rmSync(directory, { recursive: true })
  }
}

function complain(sentence: string): void {
  process.stderr.write(`stock-feed: ${sentence}\n`)
}
