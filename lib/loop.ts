import { FanwireError } from './errors.js'

/** Where a loop takes from. */
export interface LoopSource<Item> {
  /** What there is now; undefined when there is nothing. Throws what ends the loop. */
  take(): Item | undefined
  /** Nothing will come any more. */
  readonly ended: boolean
  /** The one loop that runs at the moment; it is woken when something has come, or has ended. */
  loop: Wakeable | undefined
}

export interface Wakeable {
  /** Something has come, or nothing will come any more. */
  wake(): void
}

export type LoopResult<Item> = IteratorResult<Item, undefined>

const DONE: LoopResult<never> = { done: true, value: undefined }

interface Waiting<Item> {
  readonly resolve: (result: LoopResult<Item>) => void
  readonly reject: (reason: unknown) => void
}

/**
 * One loop over what a consumer receives. Written by hand, since an async generator takes half as long again for each
 * message. It takes nothing before it is asked to, so that nothing is lost when it is left.
 */
export class Loop<Item> implements AsyncIterableIterator<Item, undefined>, Wakeable {
  #state: 'new' | 'running' | 'done' = 'new'
  /** Calls of `next` for which nothing has come yet. */
  #waiting: Waiting<Item>[] = []
  readonly #stop = () => this.#finish()

  constructor(
    private readonly source: LoopSource<Item>,
    private readonly signal: AbortSignal | undefined,
  ) {}

  [Symbol.asyncIterator](): this {
    return this
  }

  /** @throws {FanwireError} (as rejection) `BUSY` when another loop runs, `LOST` under `onLoss: 'fail'` */
  next(): Promise<LoopResult<Item>> {
    try {
      if (this.#state !== 'running' && !this.#begin()) return Promise.resolve(DONE)
      const value = this.#waiting.length === 0 ? this.source.take() : undefined
      if (value !== undefined) return Promise.resolve({ done: false, value })
    } catch (error) {
      this.#finish()
      return Promise.reject(error)
    }
    // What was taken may have ended it from within: a codec is the application's.
    if (this.source.ended || this.#state !== 'running') return this.return()
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Ends the loop; the consumer stays open. */
  return(): Promise<LoopResult<Item>> {
    this.#finish()
    return Promise.resolve(DONE)
  }

  /** A step was asked for and nothing has come yet: nobody has anything in hand. */
  get waits(): boolean {
    return this.#waiting.length > 0
  }

  /** Ends the loop; the first step that waits gets `error`. */
  fail(error: unknown): void {
    this.#waiting.shift()?.reject(error)
    this.#finish()
  }

  throw(error: unknown): Promise<LoopResult<Item>> {
    this.#finish()
    return Promise.reject(error)
  }

  wake(): void {
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        const value = this.source.take()
        if (value === undefined) break
        this.#waiting.shift()
        next.resolve({ done: false, value })
      }
    } catch (error) {
      this.fail(error)
    }
    if (this.source.ended) this.#finish()
  }

  /** False when the loop is over. */
  #begin(): boolean {
    const { source, signal } = this
    if (signal?.aborted) this.#state = 'done'
    if (this.#state === 'done') return false
    if (source.loop !== undefined) {
      throw new FanwireError('BUSY', 'another loop reads from this consumer; end it first, or open a second consumer')
    }
    source.loop = this
    signal?.addEventListener('abort', this.#stop)
    this.#state = 'running'
    return true
  }

  #finish(): void {
    this.#state = 'done'
    if (this.source.loop === this) this.source.loop = undefined
    this.signal?.removeEventListener('abort', this.#stop)
    const waiting = this.#waiting
    this.#waiting = []
    for (const { resolve } of waiting) resolve(DONE)
  }
}
