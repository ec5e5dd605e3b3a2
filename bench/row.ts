import type { Task } from './contender.js'

/** How a row is measured: as fast as possible, at a rate that all can keep up with, or one there and back at a time. */
export type Work = 'flood' | 'pace' | 'ping'

/** One who takes part in a row. */
export interface Entry {
  readonly name: string
  /** The module of its contender, beside the rows. */
  readonly contender: string
  readonly manner?: string
  /** How many messages are sent: for a flood as many as take one to two seconds. */
  readonly messages: number
}

export type Measure = 'rate' | 'p50' | 'p99'

/** What must hold. */
export interface Target {
  readonly of: string
  readonly measure: Measure
  /** The entry that it is compared with; without one the value itself must reach the bound. */
  readonly against?: string
  /** The bound: a ratio, or messages per second. Rates must be at least as high, latencies at most. */
  readonly bound: number
}

export interface Row {
  readonly name: string
  readonly title: string
  readonly work: Work
  /** Messages per second, for `pace`. */
  readonly rate?: number
  readonly task: Omit<Task, 'manner'>
  readonly entries: readonly Entry[]
  readonly targets: readonly Target[]
}
