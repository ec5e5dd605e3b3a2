import { type PacketFlaw, PacketReader } from '../../lib/framing/moldudp64/packet.js'
import type { MessageReader } from '../../lib/message-reader.js'
import type { ConsumerCarrier, ConsumerContext, ConsumerPort } from '../../lib/transport.js'
import { type Line, rejectTooLong, type Talker } from './incoming-line.js'
import type { Remote } from './socket.js'

/** For so long after an end of session its sender may repeat itself; then it has begun anew under its old name. */
export const OVER_MS = 1_000

const NOTHING = new Uint8Array(0)

/** What is wrong with a packet, in words. */
const FLAWS: Readonly<Record<PacketFlaw, string>> = {
  runt: 'a datagram shorter than the header of MoldUDP64',
  zeroSequence: 'a packet with the number 0; numbers begin with 1',
  tooLarge: 'a packet with a number that is not below 2^53',
  countMismatch: 'a packet with fewer messages than its header counts',
  truncated: 'a packet that ends within a message',
  trailing: 'a packet with bytes behind its last message',
  extra: 'a heartbeat or end of session with bytes behind its header',
}

/** What a sender has said of the end of its session. */
export interface Over {
  readonly next: number
  /** When it said so first, and last. */
  readonly since: number
  readonly at: number
}

/** Counts what is wrong with a packet, if anything is. */
export function rejectFlaw(line: Line<never>, flaw: PacketFlaw | undefined, remote: Remote): void {
  if (flaw !== undefined) line.reject(flaw, FLAWS[flaw], remote)
}

/** One sender's MoldUDP64 session on one line. */
export class SessionFeed implements Talker, ConsumerCarrier {
  readonly #packets = new PacketReader()
  /** The packet that is being read. */
  #packet: Uint8Array = NOTHING
  #full = false
  #ended = false
  /** What the last end of session said, and when. */
  #over: Over | undefined

  constructor(
    readonly session: Uint8Array,
    readonly remote: Remote,
    private readonly line: Line<SessionFeed>,
    readonly port: ConsumerPort,
    private readonly messages: MessageReader,
    private readonly context: ConsumerContext,
    private readonly mostBytes: number,
    /** Asks the request servers; absent where there are none. */
    readonly request: ((from: number, count: number) => void) | undefined,
  ) {}

  get over(): Over | undefined {
    return this.#over
  }

  receive(bytes: Uint8Array, remote: Remote): void {
    if (this.#ended) return
    const packets = this.#packets
    const usable = packets.read(bytes)
    rejectFlaw(this.line as Line<never>, packets.flaw, this.remote)
    if (!usable) return
    const { kind, sequence, next } = packets
    if (this.#over !== undefined && this.#strays(this.#over, bytes, remote)) return
    if (kind === 'endOfSession') {
      const now = this.context.platform.now()
      this.#over = { next, since: this.#over?.since ?? now, at: now }
      this.port.finished(next)
      return
    }
    if (packets.longest > this.mostBytes) {
      rejectTooLong(this.line as Line<never>, this.context, this.remote)
      return
    }
    this.port.numbered(sequence, 'line', next)
    this.#packet = bytes
    this.#read()
  }

  /** An answer to {@link request}. While there is no room it is as good as lost, and asked for again. */
  answer(bytes: Uint8Array): void {
    const answer = new PacketReader()
    if (this.#ended || !answer.read(bytes) || answer.kind !== 'data') return
    if (answer.longest > this.mostBytes) return
    const { sequence } = answer
    // Asked for by whoever has begun after it under its name.
    if (this.#over !== undefined && answer.next > this.#over.next) return
    if (this.#full) {
      this.port.answered(sequence, sequence)
      return
    }
    this.port.numbered(sequence, 'answer')
    let next = sequence
    while (!this.#full && answer.advance()) {
      next++
      if (!this.messages.message(this.port, bytes, answer.start, answer.end)) this.#stop()
    }
    this.port.answered(sequence, next)
  }

  resume(): void {
    this.#full = false
    // The reader may hold a packet that was turned down.
    if (this.#packet !== NOTHING) this.#read()
    if (!this.#full) this.line.roomy(this)
  }

  end(reason: Error | undefined): void {
    this.#ended = true
    // Who has said goodbye may be silent.
    this.port.end(this.#over === undefined ? reason : undefined)
  }

  close(): void {
    this.#ended = true
    this.line.closed(this)
  }

  // Nobody hears what a receiver of datagrams has to say.
  subscribe(): void {}
  unsubscribe(): void {}
  acknowledge(): void {}

  /** It has ended its session, and this packet is not of it: its sender has begun anew by now, or may not say it. */
  #strays({ next: end, at }: Over, bytes: Uint8Array, remote: Remote): boolean {
    const { kind, sequence, next } = this.#packets
    if (sequence >= end && next <= end) return false
    if (this.context.platform.now() - at >= OVER_MS) {
      this.line.replaced(this, bytes, remote)
      return true
    }
    // What comes again of what was before the end is no news, and no harm.
    if (next <= end && kind !== 'endOfSession') return false
    this.line.reject('afterEnd', 'a packet that goes beyond the end of its session, or ends it anew', this.remote)
    return true
  }

  #read(): void {
    const packets = this.#packets
    while (!this.#ended && packets.advance()) {
      if (this.messages.message(this.port, this.#packet, packets.start, packets.end)) continue
      this.#stop()
      return
    }
    this.#packet = NOTHING
  }

  #stop(): void {
    this.#full = true
    this.line.full(this)
  }
}
