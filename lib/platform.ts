/**
 * What the core needs from its surroundings, injected so that `lib/` runs in Node, in browsers and under a fake clock.
 * `lib/node/platform.ts` is the one for Node.
 */
export interface Platform {
  /** Memory of `size` bytes whose content is undefined. */
  allocate(size: number): Uint8Array
  /** The number of bytes that `text` takes as UTF-8. */
  textSize(text: string): number
  /** Writes `text` as UTF-8 at `at`; the caller has made sure that it fits. Returns the bytes written. */
  writeText(target: Uint8Array, at: number, text: string): number
  /** Reads UTF-8; what is not UTF-8 becomes U+FFFD. */
  readText(source: Uint8Array, from: number, to: number): string
  /** A view on `size` bytes of `memory`: a `Buffer` in Node, a `Uint8Array` elsewhere. */
  view(memory: ArrayBufferLike, at: number, size: number): Uint8Array
  /** Whether two ranges of memory have the same bytes. */
  equal(first: Uint8Array, second: Uint8Array): boolean
  /** Runs `callback` at the end of this turn, before the next socket event (`process.nextTick`). */
  defer(callback: () => void): void
  /** A promise that resolves after timers and sockets have had their turn (`setImmediate`). */
  breathe(): Promise<void>
  /** Milliseconds of a clock that never goes back. */
  now(): number
  /** Microseconds since 1970, a whole number, by the clock that people set. */
  time(): number
  /** Runs `callback` once after `delayMs`. A timer does not keep the process alive unless `ref()` is called. */
  timer(delayMs: number, callback: () => void): Timer
  /** Files for what memory has no room for; undefined where there are none. */
  readonly spill?: SpillFiles | undefined
  /** Fills `target` with random bytes. */
  random(target: Uint8Array): Uint8Array
  /** Publishes to the diagnostics channel `fanwire:<name>` when somebody listens; `message` is made only then. */
  diagnose(name: string, message: () => object): void
}

/** Where files are made for what memory has no room for. */
export interface SpillFiles {
  /** Makes sure that `directory` is there and takes files, and clears what producers that are no more have left. */
  prepare(directory: string): Promise<void>
  open(directory: string): Promise<SpillFile>
}

/** A file that nobody else sees, and that is gone once it is closed, or its process has ended. */
export interface SpillFile {
  /** Writes all of `parts`, one behind the other, from offset `at` on. */
  write(parts: readonly Uint8Array[], at: number): Promise<void>
  /** Fills all of `parts` with what was written there. */
  read(parts: readonly Uint8Array[], at: number): Promise<void>
  /** Closes it when what was begun is done. */
  close(): void
}

export interface Timer {
  cancel(): void
  ref(): void
}
