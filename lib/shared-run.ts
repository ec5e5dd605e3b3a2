/** What a run takes beside its bytes, in bytes. */
const OVERHEAD_BYTES = 256
const END_BYTES = 4

/** Neighbouring messages that one link was given together, in memory of their own, until each is done. */
export class SharedRun {
  /** Its messages that are done, from the first on. */
  #done = 0

  /**
   * @param bytes its messages, framed
   * @param ends where each of them ends in `bytes`
   * @param redelivered another link was given it before
   */
  constructor(
    private readonly number: number,
    readonly bytes: Uint8Array,
    readonly ends: Uint32Array,
    readonly redelivered: boolean,
  ) {}

  /** The number of the first that is not done. */
  get first(): number {
    return this.number + this.#done
  }

  /** How many are not done. */
  get count(): number {
    return this.ends.length - this.#done
  }

  /** Where the first that is not done begins in {@link bytes}. */
  get start(): number {
    return this.startOf(0)
  }

  /** Bytes of those that are not done. */
  get size(): number {
    return this.bytes.length - this.start
  }

  /** What it counts for against the memory bound, whatever is done. */
  get cost(): number {
    return this.bytes.length + this.ends.length * END_BYTES + OVERHEAD_BYTES
  }

  /** Where message `index` of those that are not done begins, or the last one ends. */
  startOf(index: number): number {
    const at = this.#done + index
    return at === 0 ? 0 : (this.ends[at - 1] as number)
  }

  /** How many of those that are not done fit into `bytes`. */
  countWithin(bytes: number): number {
    const limit = this.start + bytes
    let count = 0
    while (count < this.count && this.startOf(count + 1) <= limit) count++
    return count
  }

  /** The first `count` that were not done are. */
  settle(count: number): void {
    this.#done += count
  }
}
