import {
  balanceLink,
  balanceProducer,
  type CloseOptions,
  createProducer,
  FanwireError,
  type Fault,
  type Link,
  type LinkedOptions,
  type Producer,
  type ProducerLinkLedger,
  type ProducerOptions,
  type ProducerStats,
} from '../../../lib/index.js'
import { answer } from '../program.js'
import { topicOf } from '../topics.js'

/** Names of topics that are made once and kept. */
const MOST_NAMES = 10_000

export interface Order {
  readonly count: number
  /** Bytes of data in each message. */
  readonly bytes: number
  /** How many topics take turns, see {@link topicOf}. @default 1 */
  readonly topics?: number
  /** Whenever so many messages are sent, all links have them before it goes on, but for those in `stalled`. */
  readonly paceEvery?: number
  /** How often the sums are checked, in messages. @default 500 */
  readonly checkEvery?: number
  /** Links, by their remotes, that nobody waits for, and which are closed when a send is refused because of them. */
  readonly stalled?: readonly string[]
}

export interface Report {
  readonly seconds: number
  /** Calls of `send` that were refused. */
  readonly refused: number
  /** Sums that did not hold. */
  readonly unbalanced: readonly string[]
  /** Bytes by which the memory of this process has grown at most, since the first link. */
  readonly grown: number
  readonly stats: ProducerStats
}

export interface Grown {
  /** What the system has given to the process, and the engine may not have given back. */
  readonly total: number
  /** What is in use. */
  readonly alive: number
}

export interface EndedLink {
  readonly remote: string
  readonly reason: string | undefined
  readonly ledger: ProducerLinkLedger
}

let producer: Producer
let number = 1
let atRest: Grown = { total: 0, alive: 0 }
const ended: EndedLink[] = []
const faults: { readonly code: string; readonly message: string; readonly remote: string | undefined }[] = []

/** A producer in a process of its own, whose memory can be measured. */
const calls = {
  async open({ url, options }: { readonly url: string; readonly options?: ProducerOptions }): Promise<string> {
    producer = await createProducer(url, options)
    producer.on('unlink', (link, reason) => {
      ended.push({ remote: link.remote, reason: reason?.message, ledger: link.ledger() })
    })
    producer.on('fault', ({ code, message, remote }: Fault) => faults.push({ code, message, remote }))
    atRest = rest()
    return producer.urls[0] as string
  },
  linked: (options: LinkedOptions): Promise<void> => producer.linked(options),
  /** Resolves when each of `topics` is wanted by somebody. */
  async wanted(topics: readonly string[]): Promise<void> {
    await Promise.all(topics.map((topic) => producer.linked({ topic })))
  },
  async publish({ count, bytes, topics = 1, paceEvery, checkEvery = 500, stalled }: Order): Promise<Report> {
    const data = Buffer.alloc(bytes, 'x')
    const apart = new Set(stalled)
    const names = Array.from({ length: Math.min(topics, MOST_NAMES) }, (_, i) => topicOf(i))
    const unbalanced = new Set<string>()
    const began = performance.now()
    let refused = 0
    for (const last = number + count; number < last; number++) {
      data.writeUInt32BE(number)
      refused += await sendOnce(names[number % topics] ?? topicOf(number % topics), data, apart)
      if (paceEvery !== undefined && number % paceEvery === 0) await othersHaveAll(apart)
      if (number % checkEvery === 0) check(unbalanced)
    }
    check(unbalanced)
    const seconds = (performance.now() - began) / 1_000
    return { seconds, refused, unbalanced: [...unbalanced], grown: peakBytes() - atRest.total, stats: producer.stats() }
  },
  flush: (): Promise<void> => producer.flush(),
  stats: (): ProducerStats => producer.stats(),
  /** Links that have ended, and what was wrong with them. */
  ended: (): readonly EndedLink[] => ended,
  faults: () => faults,
  /** Bytes that this process has more than before the first link, after collecting garbage. */
  grown(): Grown {
    const { total, alive } = rest()
    return { total: total - atRest.total, alive: alive - atRest.alive }
  },
  close: (options: CloseOptions): Promise<ProducerStats> => producer.close(options),
}

export type ProducerProgram = typeof calls

/** Sends until it is accepted; a refusal is answered by closing the links of `stalled`. */
async function sendOnce(topic: string, data: Uint8Array, stalled: ReadonlySet<string>): Promise<number> {
  for (let refused = 0; ; refused++) {
    try {
      await producer.send(topic, data)
      return refused
    } catch (error) {
      if (!(error instanceof FanwireError) || !['BUFFER_FULL', 'TIMEOUT'].includes(error.code)) throw error
      for (const link of producer.links) if (stalled.has(link.remote)) link.close()
    }
  }
}

async function othersHaveAll(apart: ReadonlySet<string>): Promise<void> {
  const lacks = (link: Link) => {
    if (apart.has(link.remote)) return false
    const { waiting, inFlight } = link.ledger()
    return waiting + inFlight > 0
  }
  while (producer.links.some(lacks)) await new Promise((resolve) => setImmediate(resolve))
}

function check(unbalanced: Set<string>): void {
  const stats = producer.stats()
  const wrong = [balanceProducer(stats), ...stats.links.map(balanceLink)]
  for (const sentence of wrong) if (sentence !== undefined) unbalanced.add(sentence)
}

function rest(): Grown {
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { total: rss, alive: heapUsed + external }
}

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}

answer(calls)
