import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { SpillFile } from '../platform.js'

/** `fanwire-<process>-<random>.spill`. */
const NAME = /^fanwire-(\d+)-[0-9a-f]{16}\.spill$/

/** Makes sure that `directory` is there and takes files, and clears what producers that are no more have left. */
export async function prepare(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  for (const name of await readdir(directory)) {
    const pid = NAME.exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) await unlink(join(directory, name)).catch(() => undefined)
  }
  const file = await openSpillFile(directory)
  file.close()
}

/** A new file without a name: the system takes it back when it is closed, however the process ends. */
export async function openSpillFile(directory: string): Promise<SpillFile> {
  const path = join(directory, `fanwire-${process.pid}-${randomBytes(8).toString('hex')}.spill`)
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    await unlink(path)
  } catch (error) {
    await handle.close()
    throw error
  }
  return {
    write: (parts, at) =>
      transfer(parts, at, (rest, place) => handle.writev(rest, place).then((done) => done.bytesWritten)),
    read: (parts, at) => transfer(parts, at, (rest, place) => handle.readv(rest, place).then((done) => done.bytesRead)),
    close: () => void close(handle),
  }
}

async function transfer(
  parts: readonly Uint8Array[],
  from: number,
  move: (rest: Uint8Array[], at: number) => Promise<number>,
): Promise<void> {
  let at = from
  let rest = parts.filter(({ length }) => length > 0)
  while (rest.length > 0) {
    const moved = await move(rest, at)
    if (moved === 0) throw new Error(`the file ends at ${at}`)
    at += moved
    rest = without(rest, moved)
  }
}

/** `parts` without their first `bytes`. */
function without(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let passed = bytes
  const rest: Uint8Array[] = []
  for (const part of parts) {
    if (passed >= part.length) passed -= part.length
    else {
      rest.push(part.subarray(passed))
      passed = 0
    }
  }
  return rest
}

async function close(handle: FileHandle): Promise<void> {
  // Nothing in it is needed any more, so that nobody would do anything about it.
  await handle.close().catch(() => undefined)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It is there, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
