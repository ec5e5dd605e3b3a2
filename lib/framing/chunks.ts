/** Reads chunks until nothing more is wanted, and keeps what comes then for later. */
export abstract class ChunkReader {
  #stopped = false
  #closed = false
  /** What arrived, or was left, after it had stopped; the first counts from `#keptAt`. */
  #kept: Uint8Array[] = []
  #keptAt = 0

  /**
   * Reads `chunk`, which must never change again.
   *
   * @returns false when nothing more is wanted for now
   * @throws {FanwireError} `BAD_PEER`; the reader is of no use after that
   */
  push(chunk: Uint8Array): boolean {
    if (this.#closed) return false
    if (this.#stopped) {
      this.#kept.push(chunk)
      return false
    }
    return this.read(chunk, 0)
  }

  /** Goes on with what was kept. Returns and throws as {@link push} does. */
  resume(): boolean {
    this.#stopped = false
    while (this.#kept.length > 0) {
      const chunk = this.#kept.shift() as Uint8Array
      const at = this.#keptAt
      this.#keptAt = 0
      if (!this.read(chunk, at)) return false
    }
    return !this.#closed
  }

  /** Reads nothing more. May be called from within what is handed on. */
  close(): void {
    this.#closed = true
    this.#kept = []
    this.forget()
  }

  /** It holds what was not wanted yet. */
  get stopped(): boolean {
    return this.#stopped && !this.#closed
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Reads `chunk` from `from` on. Returns and throws as {@link push} does. */
  protected abstract read(chunk: Uint8Array, from: number): boolean
  /** Nobody wants what was begun. */
  protected abstract forget(): void

  /** Keeps `chunk` from `at` on. */
  protected stop(chunk: Uint8Array, at: number): false {
    if (this.#closed) return false
    this.#stopped = true
    this.#kept.unshift(chunk)
    this.#keptAt = at
    return false
  }
}
