import { EventEmitter, once } from 'node:events'
import type { Order } from './reports.js'

const INTERVAL_MS = 100

/** A process that the stage has started, as the process itself sees it. */
export class Part<Report extends object> {
  /** Emits every order by its name; `leash` with the number. */
  readonly orders = new EventEmitter()
  /** Settled once the order has been given. */
  readonly start = once(this.orders, 'start')
  readonly flush = once(this.orders, 'flush')
  readonly close = once(this.orders, 'close')
  readonly #report: () => Report
  readonly #timer: NodeJS.Timeout

  /** Reports at once, and ten times a second from now on. */
  constructor(report: () => Report) {
    if (process.send === undefined) throw new Error('this process reports to the one that starts it: run main.js')
    this.#report = report
    this.#timer = setInterval(() => this.report(), INTERVAL_MS)
    process.on('message', (order: Order) => {
      if (typeof order === 'string') this.orders.emit(order)
      else this.orders.emit('leash', order.leash)
    })
    // Without the one that started it there is nothing to live for.
    process.once('disconnect', () => process.exit())
    // Ctrl-C reaches all processes of a terminal. The one that started this one sees to it that all end.
    process.on('SIGINT', () => undefined)
    this.report()
  }

  report(): void {
    process.send?.(this.#report())
  }

  /** Reports for the last time, and ends the process once that is said. */
  end(): void {
    clearInterval(this.#timer)
    process.send?.(this.#report(), undefined, undefined, () => process.disconnect())
  }
}

export function readTask<Task>(): Task {
  return JSON.parse(process.argv[2] ?? 'null')
}
