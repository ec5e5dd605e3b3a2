import type { Socket } from 'node:net'
import { FanwireError, type Platform } from 'fanwire'
import { Records } from './records.js'

const HANDSHAKE_MS = 10_000
const LINGER_MS = 1_000

/** What one end does with its line. */
export interface LineEnd {
  readonly maxRecord: number
  /** Takes one record. False: keep what follows until {@link Line.resume}. What it throws costs the line. */
  read(record: Buffer): boolean
  /** The system has every byte of a write that was `'busy'`. */
  drained(): void
  /** The connection is gone. */
  closed(reason: Error | undefined): void
  /** The peer did something wrong. */
  failed(error: FanwireError): void
}

/** One connection, whichever side began it: records in, bytes out, and the end of both. */
export class Line {
  #end: LineEnd | undefined
  #records = new Records(0)
  #busy = false
  #paused = false
  #over = false
  #cause: Error | undefined
  readonly #deadline

  constructor(
    readonly socket: Socket,
    readonly remote: string,
    private readonly platform: Platform,
  ) {
    socket.on('error', (error) => {
      this.#cause ??= error
    })
    socket.on('close', () => this.#finish(this.#cause))
    this.#deadline = platform.timer(HANDSHAKE_MS, () => socket.destroy(new Error('the peer did not introduce itself')))
  }

  begin(end: LineEnd): void {
    this.#end = end
    this.#records = new Records(end.maxRecord)
    this.socket.on('data', (chunk: Buffer) => {
      if (this.#over) return
      this.#records.push(chunk)
      if (!this.#paused) this.#read()
    })
  }

  /** The peer has said all that a line begins with. */
  settled(): void {
    this.#deadline.cancel()
  }

  /** `'busy'`: the bytes stay as they are until `drained`. */
  write(bytes: Uint8Array): 'taken' | 'busy' {
    if (this.#over) return 'busy'
    this.socket.write(bytes, () => {
      if (!this.#busy || this.socket.writableLength > 0) return
      this.#busy = false
      if (!this.#over) this.#end?.drained()
    })
    // All in the kernel at once is the rule; else a callback tells.
    this.#busy = this.socket.writableLength > 0
    return this.#busy ? 'busy' : 'taken'
  }

  resume(): void {
    if (!this.#paused || this.#over) return
    this.#paused = false
    this.#read()
    if (!this.#paused) this.socket.resume()
  }

  /** With a reason at once; without one after what was written, and within a second. The core wants to hear no more. */
  close(reason?: Error): void {
    this.#cause ??= reason
    this.#finish(reason)
    if (reason !== undefined) {
      this.socket.destroy()
      return
    }
    this.socket.end()
    // A socket with unread bytes never closes.
    this.socket.resume()
    const timer = this.platform.timer(LINGER_MS, () => this.socket.destroy())
    this.socket.once('close', () => timer.cancel())
  }

  #read(): void {
    try {
      for (let record = this.#records.next(); record !== undefined; record = this.#records.next()) {
        if (this.#end?.read(record) === false) {
          this.#paused = true
          this.socket.pause()
          return
        }
        // Whoever was told something may have closed the line.
        if (this.#over) return
      }
    } catch (cause) {
      const error = cause instanceof FanwireError ? cause : new FanwireError('BAD_PEER', `${cause}`, { cause })
      this.#end?.failed(error)
      this.close(error)
    }
  }

  #finish(reason: Error | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#deadline.cancel()
    this.#end?.closed(reason)
  }
}
