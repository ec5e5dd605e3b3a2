/** The arguments of every event, by name: `{ gap: [gap: Gap] }`. */
export type EventTable<Events> = { [Name in keyof Events]: unknown[] }

export type Listener<Arguments extends unknown[]> = (...event: Arguments) => void

interface Entry {
  readonly listener: Listener<never>
  readonly once: boolean
}

/**
 * Node's `EventEmitter` without Node, with typed events: whole, so that `once()` and `on()` of `node:events` and all else
 * that is written for one takes it. A listener that throws stops neither the other listeners nor the end that emits: what
 * it threw is thrown again in a microtask of its own, where it is an uncaught exception as with any other emitter, but
 * finds all counts in order.
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

  /** Removes one registration of `listener`, the last of them. */
  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    const entries = this.#entries.get(name)
    const at = entries?.findLastIndex((entry) => entry.listener === listener) ?? -1
    if (entries !== undefined && at >= 0) this.#replace(name, entries.toSpliced(at, 1))
    return this
  }

  /** The same as {@link on}. */
  addListener<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.on(name, listener)
  }

  /** The same as {@link off}. */
  removeListener<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.off(name, listener)
  }

  /** As {@link on}, before those that are there already. */
  prependListener<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, { listener, once: false }, 'first')
  }

  /** As {@link once}, before those that are there already. */
  prependOnceListener<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, { listener, once: true }, 'first')
  }

  /** Removes all listeners of one event, or of all events. */
  removeAllListeners(name?: keyof Events): this {
    if (name === undefined) this.#entries.clear()
    else this.#entries.delete(name)
    return this
  }

  /** The events that somebody listens to. */
  eventNames(): (keyof Events & (string | symbol))[] {
    return [...this.#entries.keys()] as (keyof Events & (string | symbol))[]
  }

  listenerCount(name: keyof Events): number {
    return this.#entries.get(name)?.length ?? 0
  }

  listeners<Name extends keyof Events>(name: Name): Listener<Events[Name]>[] {
    return (this.#entries.get(name) ?? []).map(({ listener }) => listener as Listener<Events[Name]>)
  }

  /** The same as {@link listeners}: nothing is wrapped here. */
  rawListeners<Name extends keyof Events>(name: Name): Listener<Events[Name]>[] {
    return this.listeners(name)
  }

  /** Any number of listeners is fine, and none is warned of. */
  getMaxListeners(): number {
    return Infinity
  }

  /** Changes nothing: see {@link getMaxListeners}. */
  setMaxListeners(_most: number): this {
    return this
  }

  /** Tells all listeners of an event. For what emits it, not for applications. True when there was one. */
  emit<Name extends keyof Events>(name: Name, ...event: Events[Name]): boolean {
    const entries = this.#entries.get(name)
    if (entries === undefined) return false
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
    return true
  }

  #add(name: keyof Events, entry: Entry, place: 'first' | 'last' = 'last'): this {
    if (typeof entry.listener !== 'function') throw new TypeError(`A listener of ${String(name)} must be a function`)
    const others = this.#entries.get(name) ?? []
    this.#entries.set(name, place === 'first' ? [entry, ...others] : [...others, entry])
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
