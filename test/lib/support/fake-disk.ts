import type { SpillFile, SpillFiles } from '../../../lib/platform.js'

/** A disk that does what it is asked only when a test says so, one thing after the other. */
export class FakeDisk implements SpillFiles {
  /** What it answers to writes from now on. */
  fullAt = Infinity
  unreadable = false
  /** Files that are open. */
  readonly files = new Set<object>()
  written = 0
  read = 0
  readonly #asked: (() => void)[] = []

  get pending(): number {
    return this.#asked.length
  }

  /** Does the first thing that it was asked for. False when there is none. */
  async step(): Promise<boolean> {
    const first = this.#asked.shift()
    first?.()
    // What waits for it goes on, and asks for more.
    for (let i = 0; i < 10; i++) await undefined
    return first !== undefined
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 10; i++) await undefined
    while (await this.step());
  }

  prepare(): Promise<void> {
    return this.#ask(() => undefined)
  }

  open(): Promise<SpillFile> {
    return this.#ask(() => {
      let content = new Uint8Array(0)
      const file: SpillFile = {
        write: (parts, at) =>
          this.#ask(() => {
            const bytes = concat(parts)
            if (this.written + bytes.length > this.fullAt) throw new Error('no space left on device')
            this.written += bytes.length
            const grown = new Uint8Array(Math.max(content.length, at + bytes.length))
            grown.set(content)
            grown.set(bytes, at)
            content = grown
          }),
        read: (parts, at) =>
          this.#ask(() => {
            if (this.unreadable) throw new Error('input/output error')
            let from = at
            for (const part of parts) {
              if (from + part.length > content.length) throw new Error('it was never written')
              part.set(content.subarray(from, from + part.length))
              from += part.length
            }
            this.read += from - at
          }),
        close: () => void this.files.delete(file),
      }
      this.files.add(file)
      return file
    })
  }

  #ask<T>(act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#asked.push(() => {
        try {
          resolve(act())
        } catch (error) {
          reject(error)
        }
      })
    })
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
