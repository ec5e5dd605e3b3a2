import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** So much leaves at once, in bytes or characters. */
const FULL = 65_536

/** Gathers what is written in one turn into one write, since every write is a system call. */
export class Output {
  #pieces: (string | Uint8Array)[] = []
  #size = 0
  #flushing: NodeJS.Immediate | undefined

  constructor(
    private readonly stream: Writable,
    private readonly stop: AbortSignal,
  ) {}

  /** @returns a promise when the reader is behind: write on once it is settled */
  write(piece: string | Uint8Array): Promise<unknown> | undefined {
    this.#pieces.push(piece)
    this.#size += piece.length
    if (this.#size >= FULL) return this.flush()
    this.#flushing ??= setImmediate(() => void this.flush()?.catch(() => undefined))
    return undefined
  }

  flush(): Promise<unknown> | undefined {
    clearImmediate(this.#flushing)
    this.#flushing = undefined
    if (this.#pieces.length === 0) return undefined
    const all = Buffer.concat(this.#pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)))
    this.#pieces = []
    this.#size = 0
    return this.stream.write(all) ? undefined : once(this.stream, 'drain', { signal: this.stop })
  }
}
