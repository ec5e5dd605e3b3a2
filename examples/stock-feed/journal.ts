import { closeSync, ftruncateSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import type { Resume } from 'fanwire'
import { records, TruncatedFileError } from 'fanwire/itch'
import type { Passes } from './reports.js'

/** Where in a stream a viewer is, and what it knows of the passes before. */
export interface Place {
  readonly from: Resume
  readonly passes: Passes
}

const LENGTH_BYTES = 2
const NUMBER_BYTES = 8

/**
 * A viewer's memory: a file that holds at any moment what is needed to go on, were the process killed. It is a BinaryFILE,
 * too: first the place where it begins, as JSON, then of each message its number and itself.
 */
export class Journal {
  readonly #path: string
  #file: number | undefined
  #pending: Uint8Array[] = []

  constructor(path: string) {
    this.#path = path
  }

  /**
   * Reads what an earlier process has left, and goes on behind it. What that process was just writing is cut off.
   *
   * @param take gets the messages, in their order
   * @returns where it was; undefined where there was none
   */
  recover(take: (message: Uint8Array) => void): Place | undefined {
    const bytes = read(this.#path)
    if (bytes === undefined) return undefined
    const [first, ...entries] = wholeRecords(bytes)
    if (first === undefined) return undefined
    const { from, passes }: Place = JSON.parse(first.toString())
    let { next } = from
    let length = framedSize(first)
    for (let i = 0; i + 1 < entries.length; i += 2) {
      const number = entries[i] as Buffer
      const message = entries[i + 1] as Uint8Array
      take(message)
      next = Number(number.readBigUInt64BE()) + 1
      length += framedSize(number) + framedSize(message)
    }
    this.#file = openSync(this.#path, 'a')
    ftruncateSync(this.#file, length)
    return { from: { ...from, next }, passes }
  }

  /** Begins anew: what was taken before is of no more use. At no moment is there no journal. */
  begin(place: Place): void {
    this.close()
    const draft = `${this.#path}.draft`
    const start = Buffer.from(JSON.stringify(place))
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt16BE(start.length)
    writeFileSync(draft, Buffer.concat([length, start]))
    renameSync(draft, this.#path)
    this.#file = openSync(this.#path, 'a')
  }

  add(number: number, message: Uint8Array): void {
    const head = Buffer.allocUnsafe(LENGTH_BYTES + NUMBER_BYTES + LENGTH_BYTES)
    head.writeUInt16BE(NUMBER_BYTES)
    head.writeBigUInt64BE(BigInt(number), LENGTH_BYTES)
    head.writeUInt16BE(message.length, LENGTH_BYTES + NUMBER_BYTES)
    this.#pending.push(head, message)
  }

  /** Writes what was added. */
  write(): void {
    if (this.#file === undefined || this.#pending.length === 0) return
    const bytes = Buffer.concat(this.#pending)
    this.#pending = []
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at)
  }

  close(): void {
    this.#pending = []
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function wholeRecords(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  try {
    for (const record of records(bytes)) found.push(record as Buffer)
  } catch (error) {
    if (!(error instanceof TruncatedFileError)) throw error
  }
  return found
}

function framedSize(record: Uint8Array): number {
  return LENGTH_BYTES + record.length
}
