import { type PacketFlaw, PacketReader } from '../../lib/framing/moldudp64/packet.js'
import type { MessageReader } from '../../lib/message-reader.js'
import type { ConsumerCarrier, ConsumerContext, ConsumerPort } from '../../lib/transport.js'
import { type Line, rejectTooLong, type Talker } from './incoming-line.js'
import type { Remote } from './socket.js'

/** For so long after an end of session nothing new may come, but for a sender that has begun anew under its old name. */
const OVER_MS = 1_000

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
  #over: { readonly next: number; readonly at: number } | undefined

  constructor(
    readonly session: Uint8Array,
    private readonly remote: Remote,
    private readonly line: Line<SessionFeed>,
    private readonly port: ConsumerPort,
    private readonly messages: MessageReader,
    private readonly context: ConsumerContext,
    private readonly mostBytes: number,
    /** Asks the request servers; absent where there are none. */
    readonly request: ((from: number, count: number) => void) | undefined,
  ) {}

  isFrom({ address, port }: Remote): boolean {
    return this.remote.address === address && this.remote.port === port
  }

  receive(bytes: Uint8Array): void {
    if (this.#ended) return
    const packets = this.#packets
    const usable = packets.read(bytes)
    rejectFlaw(this.line as Line<never>, packets.flaw, this.remote)
    if (!usable) return
    if (packets.kind === 'endOfSession') {
      this.#over = { next: packets.sequence, at: this.context.platform.now() }
      this.port.finished(packets.sequence)
      return
    }
    if (this.#isOver(packets.next)) {
      this.line.reject('afterEnd', 'a packet that goes beyond the end of its session', this.remote)
      return
    }
    if (packets.longest > this.mostBytes) {
      rejectTooLong(this.line as Line<never>, this.context, this.remote)
      return
    }
    this.port.numbered(packets.sequence, 'line')
    this.#packet = bytes
    this.#read()
  }

  /** An answer to {@link request}. While there is no room it is as good as lost, and asked for again. */
  answer(bytes: Uint8Array): void {
    const answer = new PacketReader()
    if (this.#ended || this.#full || !answer.read(bytes) || answer.kind !== 'data') return
    if (answer.longest > this.mostBytes) return
    const { sequence } = answer
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
    this.#read()
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

  #isOver(next: number): boolean {
    const over = this.#over
    return over !== undefined && next > over.next && this.context.platform.now() - over.at < OVER_MS
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
