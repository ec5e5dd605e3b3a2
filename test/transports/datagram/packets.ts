import { writeEndOfSession, writeHeader, writeHeartbeat, writeRequest } from '../../../lib/framing/moldudp64/header.js'
import { sessionBytes } from '../../../lib/framing/moldudp64/session.js'
import { STREAM } from './scene.js'

/** Packets as a feed of whatever make sends them, their messages as text. */
export class Feed {
  readonly session: Uint8Array

  constructor(name = STREAM) {
    this.session = sessionBytes(name)
  }

  data(first: number, ...messages: readonly string[]): Uint8Array {
    return Buffer.concat([writeHeader(this.session, first, messages.length), ...messages.map(block)])
  }

  /** The messages `first` to `last`, each its own number as text. */
  numbers(first: number, last: number): Uint8Array {
    return this.data(first, ...Array.from({ length: last - first + 1 }, (_, i) => `${first + i}`))
  }

  heartbeat(next: number): Uint8Array {
    return writeHeartbeat(this.session, next)
  }

  end(next: number): Uint8Array {
    return writeEndOfSession(this.session, next)
  }

  request(first: number, count: number): Uint8Array {
    return writeRequest(this.session, first, count)
  }
}

function block(text: string): Uint8Array {
  const body = Buffer.from(text, 'latin1')
  return Buffer.concat([Buffer.from([body.length >> 8, body.length & 0xff]), body])
}
