import type { Platform, SpillFiles, Timer } from '../../../lib/platform.js'

interface Pending {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/**
 * A platform whose time stands still until a test moves it. Bytes are plain `Uint8Array`s; random bytes come from a
 * seed, so that a run can be repeated.
 */
export class FakePlatform implements Platform {
  /** What was published, by channel, in order. A test that wants to see `diagnose` unheard sets {@link listening} to false. */
  readonly diagnosed: { readonly name: string; readonly message: object }[] = []
  listening = true
  #now = 0
  #order = 0
  #seed: number
  #deferred: (() => void)[] = []
  #breaths: (() => void)[] = []
  readonly #timers = new Set<Pending>()
  readonly #encoder = new TextEncoder()
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  constructor(
    seed = 1,
    readonly spill?: SpillFiles,
  ) {
    this.#seed = seed
  }

  allocate(size: number): Uint8Array {
    // Undefined content is made visible: code that relies on zeros fails here.
    return new Uint8Array(size).fill(0xa5)
  }

  textSize(text: string): number {
    return this.#encoder.encode(text).length
  }

  writeText(target: Uint8Array, at: number, text: string): number {
    const bytes = this.#encoder.encode(text)
    target.set(bytes, at)
    return bytes.length
  }

  readText(source: Uint8Array, from: number, to: number): string {
    return this.#decoder.decode(source.subarray(from, to))
  }

  copy(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void {
    target.set(source.subarray(from, to), at)
  }

  view(memory: ArrayBufferLike, at: number, size: number): Uint8Array {
    return new Uint8Array(memory, at, size)
  }

  equal(first: Uint8Array, second: Uint8Array): boolean {
    return first.length === second.length && first.every((byte, i) => byte === second[i])
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback)
  }

  breathe(): Promise<void> {
    return new Promise((resolve) => this.#breaths.push(resolve))
  }

  now(): number {
    return this.#now
  }

  /** Begins with the year 2026. */
  time(): number {
    return 1_767_225_600_000_000 + Math.floor(this.#now * 1_000)
  }

  timer(delayMs: number, callback: () => void): Timer {
    const pending = { at: this.#now + delayMs, order: this.#order++, callback }
    this.#timers.add(pending)
    return { cancel: () => this.#timers.delete(pending), ref: () => {} }
  }

  random(target: Uint8Array): Uint8Array {
    // Marsaglia's xorshift: any bytes will do that differ from call to call and repeat from run to run.
    for (let i = 0; i < target.length; i++) {
      this.#seed ^= this.#seed << 13
      this.#seed ^= this.#seed >>> 17
      this.#seed ^= this.#seed << 5
      target[i] = this.#seed
    }
    return target
  }

  diagnose(name: string, message: () => object): void {
    if (this.listening) this.diagnosed.push({ name, message: message() })
  }

  /** How many timers are set and neither fired nor cancelled. */
  get timers(): number {
    return this.#timers.size
  }

  /** Ends the turn: runs what was deferred, and what that defers in its place. Returns how many callbacks ran. */
  turn(): number {
    let ran = 0
    while (this.#deferred.length > 0) {
      const callbacks = this.#deferred
      this.#deferred = []
      for (const callback of callbacks) callback()
      ran += callbacks.length
    }
    return ran
  }

  /** Ends the turn and resolves every promise that {@link breathe} gave out, those made meanwhile left aside. */
  breath(): number {
    this.turn()
    const resolves = this.#breaths
    this.#breaths = []
    for (const resolve of resolves) resolve()
    return resolves.length
  }

  /** Moves the clock, firing what falls due in the order in which it does; each callback's turn ends with it. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      let next: Pending | undefined
      for (const timer of this.#timers) {
        if (timer.at > end) continue
        if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer
      }
      if (next === undefined) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.callback()
      this.turn()
    }
    this.#now = end
  }
}

/** Lets promises that are already resolved run what waits for them. */
export async function settled(rounds = 10): Promise<void> {
  for (let i = 0; i < rounds; i++) await undefined
}
