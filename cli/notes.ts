import type { ConsumerEvents } from '../lib/consumer.js'
import type { Emitter } from '../lib/emitter.js'
import { FanwireError } from '../lib/errors.js'
import type { Link, ProducerEvents, ProducerStats } from '../lib/producer-face.js'
import type { Fault } from '../lib/transport.js'
import { visible } from './format.js'

/** Faults that are remembered as told, so that endless strangers do not take all memory. */
const MOST_TOLD = 1_000

/** A line on stderr. */
export function note(line: string): void {
  process.stderr.write(`fanwire: ${visible(line)}\n`)
}

export function printStats(stats: unknown): void {
  process.stderr.write(`${JSON.stringify(stats)}\n`)
}

/** What nobody got must not go unnoticed, be it that the end came too early or that all had left. */
export function tellLeft({ links, unheard }: ProducerStats, say = note): void {
  for (const { remote, waiting, inFlight } of links) {
    if (waiting + inFlight > 0) say(`${remote} did not take ${messages(waiting + inFlight)} in time`)
  }
  if (unheard > 0) say(`sent ${messages(unheard)} while nobody was linked`)
}

/**
 * Tells what goes wrong at a producer. Only the first of a kind: an absent peer is dialled many times, and thousands of
 * strangers may call. `verbose` tells of links, losses and waits, too.
 */
export function watchProducer(producer: Emitter<ProducerEvents>, verbose: boolean, say = note): void {
  const faults = new Faults(say)
  producer.on('fault', (fault) => faults.tell(fault))
  producer.on('link', ({ remote }) => faults.forget(remote))
  producer.on('unlink', (link, reason) => {
    const { stalled, exhausted } = link.ledger().dropped
    if (isCut(reason)) say(`${reason.message}; dropped ${messages(stalled + exhausted)} for it`)
  })
  if (!verbose) return
  producer.on('link', (link) => say(describeLink(link)))
  producer.on('unlink', (link, reason) => tellEnd(link, reason, say))
  producer.on('drop', (drop) => say(describeDrop(drop)))
  producer.on('slow', ({ remote }) => say(`${remote} is slow, so that sending waits`))
}

/** The same for a consumer. */
export function watchConsumer(consumer: Emitter<ConsumerEvents>, verbose: boolean, say = note): void {
  const faults = new Faults(say)
  consumer.on('fault', (fault) => faults.tell(fault))
  consumer.on('link', ({ remote }) => faults.forget(remote))
  consumer.on('unlink', ({ remote }, reason) => {
    if (isCut(reason)) say(`${reason.message} (${remote})`)
  })
  if (!verbose) return
  consumer.on('link', (link) => say(describeLink(link)))
  consumer.on('unlink', (link, reason) => tellEnd(link, reason, say))
  consumer.on('stream', ({ stream, first, link }) => say(`${link.remote} sends stream ${stream} from number ${first}`))
  consumer.on('gap', (gap) => say(describeGap(gap)))
  consumer.on('drop', ({ reason, count }) => say(`dropped ${messages(count)} on arrival (${reason})`))
  consumer.on('slow', ({ message }) => say(message))
}

type Say = (line: string) => void

class Faults {
  /** Messages, each with its peer. */
  readonly #told = new Map<string, string | undefined>()

  constructor(private readonly say: Say) {}

  tell({ code, message, remote }: Fault): void {
    if (this.#told.has(message)) return
    if (this.#told.size === MOST_TOLD) this.#told.clear()
    this.#told.set(message, remote)
    const coded = `[${code}] ${message}`
    this.say(remote === undefined || message.includes(remote) ? coded : `${coded} (${remote})`)
  }

  /** A peer that was there in the meantime is worth a word when it is gone again. */
  forget(remote: string): void {
    for (const [message, peer] of this.#told) if (peer === remote) this.#told.delete(message)
  }
}

type End = Pick<Link, 'remote' | 'peer'>

function tellEnd({ remote }: End, reason: Error | undefined, say: Say): void {
  if (!isCut(reason)) say(`no longer linked with ${remote}${reason === undefined ? '' : `: ${reason.message}`}`)
}

/** This end itself cut a link that was too slow; all other reasons come as faults. */
function isCut(reason: Error | undefined): reason is FanwireError {
  return reason instanceof FanwireError && (reason.code === 'STALLED' || reason.code === 'BUFFER_FULL')
}

function describeLink({ remote, peer }: End): string {
  return `linked with ${remote} (${peer?.kind})`
}

function describeDrop(drop: ProducerEvents['drop'][0]): string {
  if (drop.link !== undefined) return `dropped ${messages(drop.count)} for ${drop.link.remote} (${drop.reason})`
  const { cause, count } = drop
  return `refused ${messages(count)}: ${cause instanceof Error ? cause.message : cause}`
}

function describeGap({ stream, from, to, missing, state }: ConsumerEvents['gap'][0]): string {
  return `gap in stream ${stream}: ${messages(missing)} from number ${from} to ${to - 1}, ${state}`
}

function messages(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`
}
