import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** So much leaves at once, in bytes or characters. */
const FULL = 65_536

/** Gathers what is written in one turn into one write, since every write is a system call. */
export class Output {
  #pieces: (string | Uint8Array)[] = []
  #size = 0
  #flushing: NodeJS.Immediate | undefined
  /** Settles when the reader has taken what it was given. */
  #behind: Promise<void> | undefined

  constructor(
    private readonly stream: Writable,
    private readonly stop: AbortSignal,
  ) {}

  /**
   * @returns a promise while the reader is behind: write on once it is settled. It is rejected when the stream fails, or
   *   with the reason of `stop`
   */
  write(piece: string | Uint8Array): Promise<void> | undefined {
    this.#pieces.push(piece)
    this.#size += piece.length
    if (this.#size >= FULL) this.flush()
    else this.#flushing ??= setImmediate(() => this.flush())
    return this.#behind
  }

  flush(): void {
    clearImmediate(this.#flushing)
    this.#flushing = undefined
    if (this.#pieces.length === 0) return
    const pieces = this.#pieces
    this.#pieces = []
    this.#size = 0
    // Of one kind, as a format makes them; text is joined first, since encoding costs most for each call.
    const all = typeof pieces[0] === 'string' ? pieces.join('') : Buffer.concat(pieces as Uint8Array[])
    if (!this.stream.write(all)) this.#behind ??= this.#caughtUp()
  }

  #caughtUp(): Promise<void> {
    const promise = once(this.stream, 'drain', { signal: this.stop }).then(() => {
      this.#behind = undefined
    })
    // There may be nothing more to write, and then nobody to look at it.
    promise.catch(() => undefined)
    return promise
  }
}
