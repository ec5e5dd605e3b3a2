/** One producer's memory, counted in bytes against the one bound that the user gave. */
export class Memory {
  used = 0
  /** Up to here messages may fill it; the rest is for what grows in small steps: positions, topics, gathered runs. */
  readonly messageLimit: number

  constructor(readonly limit: number) {
    this.messageLimit = limit - Math.min(Math.floor(limit / 4), 4 * 1024 * 1024)
  }

  /** Whether messages may take `bytes` more. */
  hasRoom(bytes: number): boolean {
    return this.used + bytes <= this.messageLimit
  }
}
