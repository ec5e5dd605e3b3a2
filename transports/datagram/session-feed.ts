import { type PacketFlaw, PacketReader } from '../../lib/framing/moldudp64/packet.js'
import type { ConsumerCarrier, ConsumerPort } from '../../lib/transport.js'
import type { Line, Talker } from './incoming-line.js'
import type { MessageReader } from './message-reader.js'
import type { Remote } from './socket.js'

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

  constructor(
    readonly session: Uint8Array,
    private readonly remote: Remote,
    private readonly line: Line<SessionFeed>,
    private readonly port: ConsumerPort,
    private readonly messages: MessageReader,
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
      this.port.finished(packets.sequence)
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
    this.port.end(reason)
  }

  close(): void {
    this.#ended = true
    this.line.closed(this)
  }

  // Nobody hears what a receiver of datagrams has to say.
  subscribe(): void {}
  unsubscribe(): void {}
  acknowledge(): void {}

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
