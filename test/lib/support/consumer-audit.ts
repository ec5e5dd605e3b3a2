import type { Consumer, ConsumerSettings, ConsumerStats } from '../../../lib/consumer.js'
import { balanceStream } from '../../../lib/ledger.js'
import type { Arrival } from '../../../lib/message.js'
import type { Tally } from '../../../lib/tally.js'
import { type FakeLine, type FakeStream, readTold, type Told } from './fake-line.js'

/** Who is audited: a consumer, and all that is known about it from outside. */
export interface Audited {
  readonly settings: ConsumerSettings
  readonly consumer: Consumer<Told>
  readonly streams: readonly FakeStream[]
  readonly lines: readonly FakeLine[]
  /** How each number ended that was told to be lost or dropped. */
  readonly fates: ReadonlyMap<Tally, ReadonlyMap<number, 'lost' | 'dropped'>>
  /** Delivered, and not acknowledged by the application. */
  readonly unacknowledged: readonly Arrival<Told>[]
}

/** What the application knows of a stream, or of a link without numbers. */
interface Known {
  last: Arrival<Told> | undefined
  missed: number
  /** Loops that had ended with `LOST` when the last message came. */
  lost: number
}

/** Holds what a consumer delivers and counts against what is known from outside. */
export class Audit {
  delivered = 0
  /** Loops that ended with `LOST`. */
  lost = 0
  /** Gaps that were open. */
  gaps = 0
  readonly #known = new Map<Tally, Known>()

  constructor(private readonly of: Audited) {}

  /** A message was delivered. */
  message(message: Arrival<Told>): void {
    this.delivered++
    const { tally } = message.source
    const { run, number, broken } = readTold(message.data)
    const known = this.#known.get(tally) ?? { last: undefined, missed: 0, lost: 0 }
    this.#known.set(tally, known)
    if (broken && this.of.settings.codec !== undefined) throw new Error(`${number} was delivered, but is undecodable`)
    if (this.of.settings.codec !== undefined && message.value?.number !== number) throw new Error('a value is missing')
    const content = this.#contentOf(message.stream, run, number)
    if (content !== undefined && content.topic !== message.topic) throw new Error(`${number} came as ${message.topic}`)
    const acknowledged = acknowledgedBy(message)
    if (this.of.settings.acknowledge === 'manual' && acknowledged !== undefined && acknowledged > message.place) {
      throw new Error(`${number} was acknowledged before it was delivered`)
    }
    const { last } = known
    if (last !== undefined && readTold(last.data).number >= number && readTold(last.data).run === run) {
      throw new Error(`${number} came after ${readTold(last.data).number}`)
    }
    known.last = message
    if (message.sequence === undefined) {
      if (message.missed > 0) throw new Error('missed without numbers')
      return
    }
    if (message.sequence !== number) throw new Error(`${number} came as ${message.sequence}`)
    known.missed += message.missed
    if (this.#conflates) return
    let missed = 0
    for (const lost of this.of.fates.get(tally)?.keys() ?? []) {
      if (lost < number && lost > (last?.number ?? 0)) missed++
    }
    if (missed !== message.missed) throw new Error(`${message.missed} told missed before ${number}, it was ${missed}`)
    if (missed > 0 && this.of.settings.onLoss === 'fail' && this.lost === known.lost) {
      throw new Error(`no loop ended with LOST before ${number}`)
    }
    known.lost = this.lost
  }

  get #conflates(): boolean {
    const { overflow } = this.of.settings
    return overflow.policy === 'drop' && overflow.keep === 'latest-per-topic'
  }

  #contentOf(stream: string | undefined, run: number, number: number) {
    const of = this.of.streams.find(({ name, run: life }) => name === stream && life === run)
    return of?.messages[number - 1]
  }

  /** @param closed the consumer's connections are gone, and with them what they are held to */
  check(stats: ConsumerStats, closed: boolean): void {
    const sum = balance(stats)
    if (sum !== undefined) throw new Error(sum)
    this.#checkDelivered(stats)
    this.#checkLosses(stats)
    if (closed) return
    this.#checkInbox(stats)
    this.#checkStreams(stats)
    for (const line of this.of.lines) if (line.connected) this.#checkLine(line, stats)
    this.#checkUnacknowledged()
  }

  /** When nothing moves any more: nothing waits, all is acknowledged, and every loss was told. */
  checkQuiet({ streams }: ConsumerStats): void {
    for (const line of this.of.lines) {
      if (line.connected && line.paused) throw new Error(`${line.remote} waits although there is room`)
      if (line.connected && line.kind === 'fanwire' && line.acknowledged !== line.sizes.length) {
        throw new Error(`${line.acknowledged} of ${line.sizes.length} acknowledged`)
      }
    }
    for (const { stream, run, live, missing, inboxWaiting } of streams) {
      if (missing > 0 || inboxWaiting > 0) throw new Error(`${missing} missing, ${inboxWaiting} waiting`)
      const source = this.of.streams.find(({ name, run: life }) => name === stream && life === run)
      if (!live || source === undefined) continue
      for (const [tally, { last, missed }] of this.#known) {
        if (last?.stream !== stream || readTold(last.data).run !== run) continue
        const fates = this.of.fates.get(tally)?.size ?? 0
        if (last.number + 1 === source.next && missed !== fates)
          throw new Error(`${missed} of ${fates} losses were told`)
      }
    }
  }

  #checkDelivered({ streams, unsequenced }: ConsumerStats): void {
    const delivered = [...streams, ...unsequenced].reduce((total, tally) => total + tally.delivered, 0)
    if (delivered !== this.delivered) throw new Error(`${delivered} counted delivered, ${this.delivered} were`)
  }

  #checkLosses({ streams }: ConsumerStats): void {
    let settledAs = 0
    for (const fates of this.of.fates.values()) settledAs += fates.size
    const counted = streams.reduce((total, { lost, declared }) => total + lost + declared, 0)
    if (counted !== settledAs) throw new Error(`${settledAs} told lost or dropped, ${counted} counted`)
    for (const [tally, { missed }] of this.#known) {
      const fates = this.of.fates.get(tally)?.size ?? 0
      if (missed > fates) throw new Error(`messages told of ${missed} missed, ${fates} were`)
    }
  }

  #checkStreams({ streams, inbox, links }: ConsumerStats): void {
    const { lines: way, overflow } = this.of.settings
    const numbered = this.of.lines.filter(({ connected, kind }) => connected && kind === 'fanwire')
    const lines = numbered.filter(({ remote }) => this.of.consumer.links.find((link) => link.remote === remote)?.stream)
    const live = streams.filter((stream) => stream.live)
    const expected = way === 'separate' ? lines : [...new Set(lines.map(({ stream }) => stream))]
    if (overflow.policy !== 'buffer' && live.length !== expected.length) throw new Error(`${live.length} live streams`)
    for (const { stream, run, next, missing } of live) {
      const carriers = lines.filter((line) => line.stream.name === stream && line.stream.run === run)
      if (carriers.length === 0) throw new Error(`nobody carries ${stream} ${run}`)
      const passed = carriers.every((line) => {
        const received = links.find(({ remote }) => remote === line.remote)?.received
        return line.position - (waitsOutside(line, received) ? 1 : 0) >= next
      })
      if (passed && way === 'arbitrate' && missing > 0) throw new Error(`${missing} missing that all have passed`)
    }
    const held = streams.reduce((sum, { inboxWaiting }) => sum + inboxWaiting, 0) - inbox.messages
    if (held > overflow.limit.messages * streams.length) throw new Error(`${held} wait behind gaps`)
  }

  #checkInbox({ inbox }: ConsumerStats): void {
    const { overflow } = this.of.settings
    const { messages, bytes } = overflow.limit
    if (inbox.messages === 0 ? inbox.bytes !== 0 : inbox.bytes <= 0) {
      throw new Error(`${inbox.messages} messages in ${inbox.bytes} bytes`)
    }
    const drops = overflow.policy === 'drop' || overflow.then === 'drop'
    const within = inbox.bytes <= bytes || inbox.messages <= 1
    if (this.#conflates || (drops && !(overflow.policy === 'drop' && overflow.keep === 'oldest'))) {
      if (!within) throw new Error(`${inbox.bytes} bytes in the inbox`)
      if (!this.#conflates && inbox.messages > messages) throw new Error(`${inbox.messages} messages in the inbox`)
      return
    }
    // Every line may bring the one message that fills it, and a gap that closes what waited behind it.
    const more = this.gaps === 0 ? this.of.lines.length : messages * this.of.streams.length + this.of.lines.length
    if (inbox.messages > messages + more) throw new Error(`${inbox.messages} messages in the inbox`)
  }

  #checkLine(line: FakeLine, { links }: ConsumerStats): void {
    const link = links.find(({ remote }) => remote === line.remote)
    // Refused, and cut off before the turn ends.
    if (link?.state === 'starting' && this.of.settings.overflow.policy === 'buffer') return
    if (link?.state !== 'open') throw new Error(`${line.remote} is ${link?.state}`)
    const { sizes, filtered, declared, acknowledged } = line
    const waits = waitsOutside(line, link.received)
    if (link.received !== sizes.length && !waits) throw new Error(`${link.received} of ${sizes.length} received`)
    if (link.filtered !== filtered || link.declared !== declared) throw new Error('SKIPs are not counted right')
    if (line.kind === 'foreign') return
    if (link.acknowledged !== acknowledged) throw new Error(`${link.acknowledged} of ${acknowledged} acknowledged`)
    if (this.of.settings.acknowledge === 'manual') return
    const open = waits ? 0 : sizes.slice(acknowledged).reduce((total, size) => total + size, 0)
    if (open >= line.allowance / 4) throw new Error(`${open} bytes are not acknowledged`)
  }

  /** Nobody is told of a message that the application has not acknowledged. */
  #checkUnacknowledged(): void {
    if (this.of.settings.acknowledge !== 'manual') return
    for (const message of this.of.unacknowledged) {
      if ((acknowledgedBy(message) ?? 0) > message.place) throw new Error(`${message.number} is not acknowledged`)
    }
  }
}

/** The first message of a connection is not in the inbox yet when that was full already. */
function waitsOutside({ paused, sizes }: FakeLine, received: number | undefined): boolean {
  return paused && sizes.length === 1 && received === 0
}

function acknowledgedBy(message: Arrival<Told>): number | undefined {
  return (message.source as unknown as { ledger(): { acknowledged: number | undefined } }).ledger().acknowledged
}

/** The first sum that does not hold. */
export function balance({ streams, unsequenced, inbox }: ConsumerStats): string | undefined {
  for (const ledger of streams) {
    const sum = balanceStream(ledger)
    if (sum !== undefined) return `${sum} in ${JSON.stringify(ledger)}`
  }
  for (const { received, delivered, unwanted, inboxDropped, inboxWaiting, undecodable } of unsequenced) {
    const sum = delivered + unwanted + inboxDropped + inboxWaiting + undecodable
    if (received !== sum) return `${received} received, ${sum} in all`
  }
  const waiting = [...streams, ...unsequenced].reduce((sum, { inboxWaiting }) => sum + inboxWaiting, 0)
  const holds = streams.some(({ missing }) => missing > 0)
  if (holds ? waiting < inbox.messages : waiting !== inbox.messages) {
    return `${waiting} waiting, ${inbox.messages} in the inbox`
  }
  return undefined
}
