import { readFileSync } from 'node:fs'
import { pid } from 'node:process'

const WAIT_MS = 1

export interface Lateness {
  readonly timers: number
  /** Milliseconds by which the latest came late through the doing of this process. */
  readonly worst: number
  /** The same by the clock on the wall: with what the system gave to other processes meanwhile. */
  readonly worstByClock: number
}

/**
 * Starts one timer after the other, and notes how late they come, until it is told to stop. On a machine with more to do
 * than it has processors, a timer is late by tens of milliseconds in a process that does nothing at all. So what counts
 * is the time for which this thread had a processor while a timer was due, where the system tells it (Linux).
 */
export function watchTimers(): () => Lateness {
  let timers = 0
  let worst = 0
  let worstByClock = 0
  let timer: NodeJS.Timeout
  const start = () => {
    const ran = runningMs()
    const started = performance.now()
    timer = setTimeout(() => {
      const late = performance.now() - started - WAIT_MS
      timers++
      worstByClock = Math.max(worstByClock, late)
      if (late > worst) worst = Math.max(worst, Math.min(late, runningMs() - ran))
      start()
    }, WAIT_MS)
  }
  start()
  return () => {
    clearTimeout(timer)
    return { timers, worst, worstByClock }
  }
}

/** For how long the main thread of this process has had a processor, in milliseconds; else what the clock says. */
function runningMs(): number {
  try {
    const [ranNs] = readFileSync(`/proc/self/task/${pid}/schedstat`, 'latin1').split(' ')
    return Number(ranNs) / 1e6
  } catch {
    return performance.now()
  }
}
