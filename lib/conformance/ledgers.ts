import type { Consumer, Source } from '../consumer.js'
import { balanceLink, balanceProducer, balanceShare, balanceStream, countDropped } from '../ledger.js'
import type { Producer } from '../producer.js'
import type { Link } from '../producer-face.js'

/** Both ends of one connection between fanwire peers. */
export interface Connection {
  readonly producer: Producer
  readonly consumer: Consumer
  readonly link: Link
  readonly source: Source
}

/** @returns undefined, or a sentence that names the first sum of an end that does not hold at this moment */
export function imbalance(end: Producer | Consumer): string | undefined {
  return 'trySend' in end ? producerImbalance(end) : consumerImbalance(end)
}

/** The connections that are open at both ends, found by the names that peers tell each other. */
export function connectionsOf(producers: readonly Producer[], consumers: readonly Consumer[]): Connection[] {
  const found: Connection[] = []
  for (const producer of producers) {
    for (const link of producer.links) {
      const consumer = consumers.find(({ id }) => id === link.peer?.id)
      const source = consumer?.links.find(({ stream, state }) => stream === producer.stream && state === 'open')
      if (link.state !== 'open' || consumer === undefined || source === undefined) continue
      found.push({ producer, consumer, link, source })
    }
  }
  return found
}

/**
 * Whether the two ends tell the same of one connection, once all is handed and acknowledged.
 *
 * @returns undefined, or a sentence that names what differs
 */
export function disagreement({ link, source }: Connection): string | undefined {
  const sent = link.ledger()
  const got = source.ledger()
  const dropped = countDropped(sent.dropped)
  const told = `producer ${JSON.stringify(sent)}, consumer ${JSON.stringify(got)}`
  if (sent.waiting + sent.inFlight > 0) return `something is still on its way: ${told}`
  if (sent.handed !== got.received) return `handed = received does not hold: ${told}`
  if (sent.acknowledged !== undefined && sent.acknowledged !== sent.handed) {
    return `something is handed and not acknowledged: ${told}`
  }
  if (sent.acknowledged !== got.acknowledged) return `acknowledged differs: ${told}`
  // What was passed over since the last message need not have been told.
  if (got.filtered > sent.filtered || got.declared > dropped) return `the consumer was told too much: ${told}`
  return undefined
}

/** As {@link disagreement}, when the last message was one that the consumer got: then it has been told everything. */
export function finalDisagreement(connection: Connection): string | undefined {
  const sent = connection.link.ledger()
  const got = connection.source.ledger()
  const told = `producer ${JSON.stringify(sent)}, consumer ${JSON.stringify(got)}`
  if (sent.filtered !== got.filtered) return `filtered differs: ${told}`
  if (countDropped(sent.dropped) !== got.declared) return `what was dropped differs: ${told}`
  return disagreement(connection)
}

function producerImbalance(producer: Producer): string | undefined {
  const stats = producer.stats()
  const { used, limit } = stats.memory
  if (used < 0 || used > limit) return `memory.used is ${used}, which is not within 0 and ${limit}`
  const links = [...stats.links, ...stats.ended]
  const share = stats.waiting === undefined ? undefined : balanceShare(stats, links)
  const sums = [balanceProducer(stats), share, ...links.map(balanceLink)]
  const wrong = sums.find((sum) => sum !== undefined)
  return wrong === undefined ? undefined : `${wrong} in ${JSON.stringify(stats)}`
}

function consumerImbalance(consumer: Consumer): string | undefined {
  const stats = consumer.stats()
  const { inbox, links, streams, unsequenced } = stats
  const wrong =
    streams.map(balanceStream).find((sum) => sum !== undefined) ??
    [inbox, ...links, ...unsequenced].map(notCounts).find((sum) => sum !== undefined)
  return wrong === undefined ? undefined : `${wrong} in ${JSON.stringify(stats)}`
}

function notCounts(ledger: object): string | undefined {
  for (const [name, count] of Object.entries(ledger)) {
    if (typeof count === 'number' && !(Number.isSafeInteger(count) && count >= 0)) return `${name} is not a count`
  }
  return undefined
}
