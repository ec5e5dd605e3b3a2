import { readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Platform } from '../../lib/platform.js'

/** The file is made anew for every reader, by walking all sockets of the machine. */
const FRESH_MS = 250

/**
 * Datagrams that the system has thrown away because a socket's receive buffer was full. Linux shows them; elsewhere the
 * count is undefined.
 */
export class KernelDrops {
  #count: number | undefined
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined
  #closed = false

  private constructor(
    private readonly file: string,
    private readonly inode: string,
    private readonly platform: Pick<Platform, 'now'>,
  ) {}

  /** Follows the socket with this file descriptor. Undefined where the system does not show what it drops. */
  static of(fd: number, family: 4 | 6, platform: Pick<Platform, 'now'>): KernelDrops | undefined {
    if (process.platform !== 'linux') return undefined
    const inode = readInode(fd)
    if (inode === undefined) return undefined
    return new KernelDrops(family === 4 ? '/proc/self/net/udp' : '/proc/self/net/udp6', inode, platform)
  }

  /** The count as it was last read. Asking has it read again in the background, at most every 250 ms. */
  get count(): number | undefined {
    if (!this.#closed && this.platform.now() - this.#readAt >= FRESH_MS) void this.refresh()
    return this.#count
  }

  /** Reads the count. Settles when {@link count} is up to date; keeps the last one when the socket is gone. */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  /** Reads the count for the last time: another socket may get the inode of one that is gone. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#reading
    await this.refresh()
  }

  async #read(): Promise<void> {
    this.#readAt = this.platform.now()
    try {
      this.#count = findDrops(await readFile(this.file, 'latin1'), this.inode) ?? this.#count
    } catch {
      // A machine may hide the file: the last count is all there is to tell.
    }
  }
}

/** `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ref pointer drops` */
export function findDrops(table: string, inode: string): number | undefined {
  for (const line of table.split('\n')) {
    const fields = line.trim().split(/\s+/)
    if (fields[9] === inode) return Number(fields[12])
  }
  return undefined
}

function readInode(fd: number): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
  } catch {
    return undefined
  }
}
