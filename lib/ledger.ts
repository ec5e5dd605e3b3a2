/** What became of everything that was offered to a producer: `offered = accepted + refused`. */
export interface ProducerLedger {
  /** Calls of `send` and `trySend` that are settled, those among them whose topic or data was refused. */
  readonly offered: number
  /** Those that took a number. */
  readonly accepted: number
  /**
   * Those that nobody got: a link was full, the waiting room was full, the caller gave up, the producer was closed, or
   * the topic or the data cannot be sent.
   */
  readonly refused: number
  /** Accepted while there was no link at all; where links share the messages these wait instead. */
  readonly unheard: number
  /** With pattern `'share'` only, as the next two: those that wait for a link, whether they are new or have come back. */
  readonly waiting?: number
  /** How often a message came back, since the link that it was given to ended before its peer had acknowledged it. */
  readonly returned?: number
  /** Those of `returned` that were given to a link again. */
  readonly redelivered?: number
}

/**
 * What became of every message that a link passed on its way, in one connection:
 * `considered = filtered + dropped + waiting + inFlight + handed`.
 */
export interface ProducerLinkLedger {
  /** Numbers from where this connection began. */
  readonly considered: number
  /** Passed over because the peer did not subscribe to their topic. */
  readonly filtered: number
  readonly dropped: Dropped
  /** In the log, not yet given to the carrier. */
  readonly waiting: number
  /** Those of `waiting` that have left the window in memory; only where links may use a disk: `spill`. */
  readonly spilled?: number | undefined
  /** Given to the carrier, not yet taken by it. */
  readonly inFlight: number
  /** Out of this process: in the inbox (inproc), in the kernel (sockets), answered 2xx (webhook). */
  readonly handed: number
  /** Those of `handed` that the peer says it has; undefined for peers that never say so. */
  readonly acknowledged?: number | undefined
  /**
   * At a link's end: in flight or handed, but not acknowledged; undefined for peers that never acknowledge, but with
   * pattern `'share'`, where it is what was in flight to such a peer.
   */
  readonly unknown?: number | undefined
  /** At a link's end, with pattern `'share'`: not acknowledged, so that another link is given it. */
  readonly returned?: number | undefined
}

/** What became of the messages of connections that have ended, added up: {@link ProducerLinkLedger} holds for the sums. */
export interface EndedLedger extends ProducerLinkLedger {
  readonly connections: number
}

/** Why a producer dropped a message that the peer wanted. */
export type DropReason = keyof Dropped

/** Dropped messages by reason. */
export interface Dropped {
  /** Made room for newer ones: `keep: 'newest'`. */
  readonly newest: number
  /** Came while the link had closed its ears: `keep: 'oldest'`. */
  readonly oldest: number
  /** A newer one of the same topic stood behind it: `keep: 'latest-per-topic'`. */
  readonly superseded: number
  /** Its slab left the memory before the link had come to it. */
  readonly evicted: number
  /** Waited for a link that was cut off because it made no progress. */
  readonly stalled: number
  /** Was kept as long as was asked for, by transports that keep messages on disk: none of this version does. */
  readonly expired: number
  /** Waited for a link that was cut off at the limit of its buffer. */
  readonly exhausted: number
}

/**
 * What became of one stream at its consumer: `next - first = received + filtered + declared + missing + lost` and
 * `received = delivered + unwanted + inboxDropped + inboxWaiting + undecodable`. Of a stream that is shared with others:
 * `next - first + redelivered = received + elsewhere`, and the rest is 0.
 */
export interface StreamLedger {
  /** The first number of the span. */
  readonly first: number
  /** The number after the last one of the span. */
  readonly next: number
  readonly received: number
  /** Passed over by the producer because nobody here subscribed to their topic, as it says itself. */
  readonly filtered: number
  /** Dropped by the producer's policy, as it says itself. */
  readonly declared: number
  /** In gaps that may still be filled. */
  readonly missing: number
  /** In gaps that were given up. */
  readonly lost: number
  /** Taken by the application. */
  readonly delivered: number
  /** Arrived, and passed over by this consumer's own filter. */
  readonly unwanted: number
  /** Arrived, and dropped by this consumer's policy. */
  readonly inboxDropped: number
  readonly inboxWaiting: number
  /** Arrived, and refused by the codec. */
  readonly undecodable: number
  /** Copies of numbers that had arrived before; outside the sums. */
  readonly duplicates: number
  /** Came after their gap had been given up; outside the sums. */
  readonly late: number
  /** The stream ended without saying where: messages after `next` may have been lost. */
  readonly tail?: 'unknown'
  /**
   * Of a producer that shares its messages among links: those of `received` that another link had been given before. They
   * have their numbers a second time, so that `next - first + redelivered` is the sum of the others then.
   */
  readonly redelivered?: number
  /** Of a producer that shares: numbers that went to other links, or still may come. */
  readonly elsewhere?: number
}

/** @returns undefined, or a sentence that names the sum that does not hold */
export function balanceProducer(ledger: ProducerLedger): string | undefined {
  const { offered, accepted, refused, unheard, returned = 0, redelivered = 0 } = ledger
  return (
    notCounts(ledger) ??
    sum('offered', offered, { accepted, refused }) ??
    atMost('unheard', unheard, 'accepted', accepted) ??
    atMost('redelivered', redelivered, 'returned', returned)
  )
}

/**
 * Of a producer that shares its messages among links: each is with one of them, or waits.
 *
 * @returns undefined, or a sentence that names the sum that does not hold
 */
export function balanceShare(ledger: ProducerLedger, links: readonly ProducerLinkLedger[]): string | undefined {
  const { accepted, waiting = 0, returned = 0 } = ledger
  const considered = links.reduce((total, link) => total + link.considered, 0)
  return sum('accepted + returned', accepted + returned, { waiting, considered })
}

/** @returns undefined, or a sentence that names the sum that does not hold */
export function balanceLink(ledger: ProducerLinkLedger): string | undefined {
  const { considered, filtered, waiting, inFlight, handed, acknowledged, unknown, returned = 0 } = ledger
  const dropped = countDropped(ledger.dropped)
  return (
    notCounts(ledger) ??
    notCounts(ledger.dropped, 'dropped.') ??
    sum('considered', considered, { filtered, dropped, waiting, inFlight, handed }) ??
    (acknowledged === undefined ? undefined : atMost('acknowledged', acknowledged, 'handed', handed)) ??
    (acknowledged === undefined || unknown === undefined
      ? undefined
      : sum('inFlight + handed', inFlight + handed, { acknowledged, unknown, ...(returned > 0 && { returned }) }))
  )
}

/** @returns undefined, or a sentence that names the sum that does not hold */
export function balanceStream(ledger: StreamLedger): string | undefined {
  const { first, next, received, filtered, declared, missing, lost } = ledger
  const { delivered, unwanted, inboxDropped, inboxWaiting, undecodable, redelivered, elsewhere } = ledger
  const span =
    redelivered === undefined || elsewhere === undefined
      ? sum('next - first', next - first, { received, filtered, declared, missing, lost })
      : sum('next - first + redelivered', next - first + redelivered, { received, elsewhere })
  return (
    notCounts(ledger) ??
    span ??
    sum('received', received, { delivered, unwanted, inboxDropped, inboxWaiting, undecodable })
  )
}

export function countDropped(dropped: Dropped): number {
  return Object.values(dropped).reduce((total, count) => total + count, 0)
}

export function noneDropped(): Record<DropReason, number> {
  return { newest: 0, oldest: 0, superseded: 0, evicted: 0, stalled: 0, expired: 0, exhausted: 0 }
}

/** A sum can be right by two mistakes, such as a count below zero. */
function notCounts(ledger: object, prefix = ''): string | undefined {
  for (const [name, count] of Object.entries(ledger)) {
    if (typeof count === 'number' && !(Number.isSafeInteger(count) && count >= 0)) {
      return `${prefix}${name} is ${count}, which is not a count`
    }
  }
  return undefined
}

function sum(name: string, total: number, parts: Readonly<Record<string, number>>): string | undefined {
  const counts = Object.values(parts)
  const added = counts.reduce((so, count) => so + count, 0)
  if (total === added) return undefined
  return `${name} = ${Object.keys(parts).join(' + ')} does not hold: ${total} = ${counts.join(' + ')} (${added})`
}

function atMost(name: string, count: number, ofName: string, of: number): string | undefined {
  return count <= of ? undefined : `${name} ≤ ${ofName} does not hold: ${count} ≤ ${of}`
}
