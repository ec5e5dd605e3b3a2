import { Consumer, type ConsumerSettings, type ConsumerStats, type Source } from '../../../lib/consumer.js'
import { FanwireError } from '../../../lib/errors.js'
import type { GapChange } from '../../../lib/gaps.js'
import type { Loop } from '../../../lib/loop.js'
import type { Arrival, Message } from '../../../lib/message.js'
import type { Stream } from '../../../lib/stream.js'
import type { Tally } from '../../../lib/tally.js'
import { Audit, type Audited, balance } from './consumer-audit.js'
import { FakeLine, FakeStream, type Told } from './fake-line.js'
import { FakePlatform, settled } from './fake-platform.js'

const NAMES = ['STREAM0001', 'STREAM0002']
export const HOLD_MS = 500
export const EVENTS = ['link', 'unlink', 'gap', 'drop', 'slow', 'stream', 'fault'] as const

/** Sees which stream a gap belongs to, of several that have the same name. */
class WatchedConsumer extends Consumer<Told> {
  readonly fates = new Map<Tally, Map<number, 'lost' | 'dropped'>>()
  losses = 0

  override gap(stream: Stream, change: GapChange): void {
    const { from, to, state } = change
    if (state === 'lost' || state === 'dropped') {
      const fates = this.fates.get(stream.tally) ?? new Map()
      this.fates.set(stream.tally, fates)
      for (let number = from; number < to; number++) {
        if (fates.has(number)) throw new Error(`the end of ${number} was told twice`)
        fates.set(number, state)
      }
    }
    super.gap(stream, change)
  }

  override lost(stream: Stream, change: GapChange): void {
    this.losses++
    super.lost(stream, change)
  }
}

export interface LineChoice {
  readonly origin: 'dialled' | 'accepted'
  readonly kind: 'fanwire' | 'foreign'
  readonly allowance: number
  /** Of so many messages one is dropped by the producer's policy. */
  readonly drops: number
  readonly stream: number
}

/** A consumer with its lines and its application, driven step by step. */
export class Scene implements Audited {
  readonly platform = new FakePlatform()
  readonly consumer: WatchedConsumer
  readonly streams = NAMES.map((name, i) => new FakeStream(name, 10 * i))
  readonly lines: FakeLine[] = []
  readonly unacknowledged: Arrival<Told>[] = []
  readonly #audit: Audit
  #loop: Loop<Message<Told>> | Loop<Message<Told>[]> | undefined
  #abort = new AbortController()
  /** Steps of loops that are not done. */
  #asked = 0
  #closed = false
  /** What went wrong where nobody would hear of it. */
  readonly #errors: unknown[] = []

  constructor(readonly settings: ConsumerSettings) {
    this.platform.listening = false
    this.consumer = new WatchedConsumer(this.platform, settings)
    this.#audit = new Audit(this)
    for (const name of EVENTS) this.consumer.on(name, () => this.#attempt(() => balance(this.consumer.stats())))
    const linked = new Set<Source>()
    this.consumer.on('link', (link) => {
      if (linked.has(link) || link.state !== 'open') this.#errors.push(new Error('linked twice, or when it was over'))
      linked.add(link)
    })
    this.consumer.on('unlink', (link) => {
      if (!linked.delete(link)) this.#errors.push(new Error('unlinked without having been linked'))
    })
    this.consumer.on('gap', ({ state }) => {
      if (state === 'open') this.#audit.gaps++
    })
  }

  get fates(): Audited['fates'] {
    return this.consumer.fates
  }

  open(line: LineChoice): void {
    const { origin, kind, allowance, stream, drops } = line
    const number = this.lines.length
    // Every line drops others.
    const isDropped = (message: number) => drops > 0 && (message + number) % drops === 0
    const of = this.streams[stream] as FakeStream
    this.lines.push(new FakeLine(this.consumer, `line ${number}`, origin, kind, allowance, isDropped, of))
    this.lines.at(-1)?.connect()
  }

  /** The producer of a stream ends, and begins anew under its old name. */
  restart(at: number): void {
    const old = this.streams[at] as FakeStream
    const fresh = new FakeStream(old.name, old.run + 1)
    this.streams[at] = fresh
    for (const line of this.lines) {
      if (line.stream !== old) continue
      line.cut()
      line.stream = fresh
    }
  }

  take(batches: boolean): void {
    const { consumer } = this
    const { signal } = this.#abort
    this.#loop ??= batches ? consumer.batches({ signal }) : consumer.messages({ signal })
    if (this.#asked === 3) return
    const loop = this.#loop
    this.#asked++
    loop.next().then(
      ({ done, value }) => {
        this.#asked--
        if (done && this.#loop === loop) this.#loop = undefined
        if (!done) for (const message of [value].flat()) this.#deliver(message as Arrival<Told>)
      },
      (error) => {
        this.#asked--
        if (this.#loop === loop) this.#loop = undefined
        if (!(error instanceof FanwireError && error.code === 'LOST')) this.#errors.push(error)
        this.#audit.lost++
      },
    )
  }

  /** A listener that does what applications may do while they are being told of something. */
  react(event: (typeof EVENTS)[number], how: 'close' | 'take' | 'acknowledge'): void {
    this.consumer.once(event, (...[subject]: unknown[]) => {
      const link = event === 'link' ? (subject as Source) : this.consumer.links[0]
      if (how === 'take') this.take(false)
      else if (how === 'close') link?.close()
      else for (const message of this.unacknowledged.splice(0)) message.ack()
    })
  }

  async leave(how: 'break' | 'abort'): Promise<void> {
    if (how === 'abort') {
      this.#abort.abort()
      this.#abort = new AbortController()
    } else {
      await this.#loop?.return()
    }
    this.#loop = undefined
  }

  #deliver(message: Arrival<Told>): void {
    this.unacknowledged.push(message)
    this.#attempt(() => this.#audit.message(message))
  }

  async check(): Promise<void> {
    await settled(3)
    if (this.#errors.length > 0) throw this.#errors[0]
    this.#audit.check(this.consumer.stats(), this.#closed)
  }

  /** Everybody brings all, and all is taken and acknowledged. */
  async settle(): Promise<void> {
    this.consumer.subscribe('')
    await this.#drain()
    // A message that tells of what was lost last.
    for (const stream of this.streams) stream.messages.push({ topic: 'a', size: 1 })
    await this.#drain()
    this.#audit.checkQuiet(this.consumer.stats())
    if (this.settings.onLoss === 'skip') return
    for (let i = 0; i < 10_000 && this.#audit.lost < this.consumer.losses; i++) {
      this.take(false)
      await settled(3)
    }
    const { lost } = this.#audit
    if (lost !== this.consumer.losses) throw new Error(`${lost} of ${this.consumer.losses} losses thrown`)
  }

  async close(): Promise<void> {
    const asked = this.#asked
    this.#closed = true
    const closing = this.consumer.close()
    const final = await closing
    await settled()
    const sum = balance(final)
    if (sum !== undefined) throw new Error(sum)
    if (asked > 0 && this.#asked > 0) throw new Error('a loop goes on')
    this.platform.turn()
    if (this.platform.timers > 0) throw new Error(`${this.platform.timers} timers are left`)
    for (const line of this.lines) if (line.connected) throw new Error(`${line.remote} is open`)
    this.platform.advance(10_000)
    const after = JSON.stringify(this.consumer.stats().streams.map(counts))
    if (after !== JSON.stringify(final.streams.map(counts))) throw new Error('the final ledger was not final')
    await this.check()
  }

  /** Lets all lines bring, and the application take and acknowledge, until nothing moves. */
  async #drain(): Promise<void> {
    for (let round = 0; round < 2_000; round++) {
      for (const line of this.lines) {
        // Who is cut off begins anew with every connection, unless it was dialled.
        if (round === 0 || line.origin === 'dialled') line.connect()
        line.hear()
        line.bring(3)
        line.checkpoint()
      }
      this.platform.turn()
      this.take(round % 2 === 0)
      await settled(3)
      for (const message of this.unacknowledged.splice(0)) message.ack()
      if (round % 10 < 9) continue
      // What was missing is given up in time.
      this.platform.turn()
      this.platform.advance(HOLD_MS + 20)
      await this.check()
      const { inbox, streams } = this.consumer.stats()
      const waits = streams.some(({ missing, inboxWaiting }) => missing > 0 || inboxWaiting > 0)
      if (inbox.messages === 0 && !waits && this.lines.every(({ isDone }) => isDone)) return
    }
    throw new Error('something is stuck')
  }

  #attempt(check: () => unknown): void {
    try {
      const wrong = check()
      if (typeof wrong === 'string') throw new Error(wrong)
    } catch (error) {
      this.#errors.push(error)
    }
  }
}

/** All but what tells that the lines have gone. */
function counts({ live, tail, ...ledger }: ConsumerStats['streams'][number]): object {
  return ledger
}
