import type { Fault } from '../../lib/transport.js'

/** The same trouble is told again no sooner than this. */
const INTERVAL_MS = 10_000

/** Reports trouble that comes with every datagram without drowning anybody: each cause at once, then every 10 seconds. */
export class FaultNotices {
  readonly #causes = new Map<string, { at: number; more: number }>()

  constructor(
    private readonly now: () => number,
    private readonly report: (fault: Fault) => void,
  ) {}

  add(cause: string, fault: () => Fault): void {
    const known = this.#causes.get(cause)
    const now = this.now()
    if (known !== undefined && now - known.at < INTERVAL_MS) {
      known.more++
      return
    }
    this.#causes.set(cause, { at: now, more: 0 })
    const told = fault()
    const since = known === undefined || known.more === 0 ? '' : ` (and ${known.more} times since this was last told)`
    this.report({ ...told, message: told.message + since })
  }
}
