/** What a process has used while it was measured. */
export interface Usage {
  /** Microseconds of all its threads, in the system too. */
  readonly cpu: number
  /** Bytes resident at the end. */
  readonly rss: number
}

let before = process.cpuUsage()

export function beginUsage(): void {
  before = process.cpuUsage()
}

export function readUsage(): Usage {
  const { user, system } = process.cpuUsage(before)
  return { cpu: user + system, rss: process.memoryUsage.rss() }
}

/** Microseconds of a clock that all processes of the machine share. */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e6 + nanoseconds / 1e3
}
