import type { Task } from './contender.js'

/**
 * How a row is measured: as fast as possible, at a rate that all can keep up with, one there and back at a time, or
 * within one process and as fast as possible.
 */
export type Work = 'flood' | 'pace' | 'ping' | 'alone'

/** One who takes part in a row. */
export interface Entry {
  readonly name: string
  /** The module of its contender, beside the rows. */
  readonly contender: string
  readonly manner?: string
  /** See {@link Task.rate}. */
  readonly rate?: number
  /** How many messages are sent: for a flood as many as take one to two seconds. */
  readonly messages: number
}

/** Messages per second; microseconds; nanoseconds for each message; how many of all were lost. */
export type Measure = 'rate' | 'p50' | 'p99' | 'ns' | 'lost'

/** What must hold. */
export interface Target {
  readonly of: string
  readonly measure: Measure
  /** The entry that it is compared with; without one the value itself must reach the bound. */
  readonly against?: string
  /** The bound: a ratio, or in the unit of the measure. Rates must be at least as high, all others at most. */
  readonly bound: number
}

export interface Row {
  readonly name: string
  readonly title: string
  readonly work: Work
  /** Messages per second, for `pace`. */
  readonly rate?: number
  /** Messages may get lost: the sender has sent all, and no more come. */
  readonly lossy?: boolean
  readonly task: Omit<Task, 'manner' | 'rate'>
  readonly entries: readonly Entry[]
  readonly targets: readonly Target[]
}
