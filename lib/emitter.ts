/** The arguments of every event, by name: `{ gap: [gap: Gap] }`. */
export type EventTable<Events> = { [Name in keyof Events]: unknown[] }

export type Listener<Arguments extends unknown[]> = (...event: Arguments) => void

interface Entry {
  readonly listener: Listener<never>
  readonly once: boolean
}

/**
 * The part of Node's `EventEmitter` that applications use, without Node. A listener that throws stops neither the other
 * listeners nor the end that emits: what it threw is thrown again in a microtask of its own, where it is an uncaught
 * exception as with any other emitter, but finds all counts in order.
 */
export class Emitter<Events extends EventTable<Events>> {
  // Arrays are replaced, never changed: who is told of an event is settled when it is emitted.
  readonly #entries = new Map<PropertyKey, readonly Entry[]>()

  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, { listener, once: false })
  }

  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, { listener, once: true })
  }

  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    const entries = this.#entries.get(name)
    // The youngest of equals goes first, as Node does it.
    const at = entries?.findLastIndex((entry) => entry.listener === listener) ?? -1
    if (entries !== undefined && at >= 0) this.#replace(name, entries.toSpliced(at, 1))
    return this
  }

  /** What `events.once()` and `events.on()` of Node call instead of {@link off} once they have what they waited for. */
  removeListener<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.off(name, listener)
  }

  /** Somebody would be told: ask before making an event that costs something. */
  protected listens(name: keyof Events): boolean {
    return this.#entries.has(name)
  }

  protected emit<Name extends keyof Events>(name: Name, ...event: Events[Name]): void {
    const entries = this.#entries.get(name)
    if (entries === undefined) return
    for (const entry of entries) {
      if (entry.once) this.#drop(name, entry)
      try {
        ;(entry.listener as Listener<Events[Name]>)(...event)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  #add(name: keyof Events, entry: Entry): this {
    if (typeof entry.listener !== 'function') throw new TypeError(`A listener of ${String(name)} must be a function`)
    this.#entries.set(name, [...(this.#entries.get(name) ?? []), entry])
    return this
  }

  #drop(name: keyof Events, entry: Entry): void {
    const entries = this.#entries.get(name)
    if (entries !== undefined) {
      this.#replace(
        name,
        entries.filter((other) => other !== entry),
      )
    }
  }

  #replace(name: keyof Events, entries: readonly Entry[]): void {
    if (entries.length === 0) this.#entries.delete(name)
    else this.#entries.set(name, entries)
  }
}
