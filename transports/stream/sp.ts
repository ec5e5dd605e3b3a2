import type { Address } from '../../lib/address.js'
import { type SpMapping, spFraming } from '../../lib/framing/sp/message.js'
import { BodyCounts, type BodySettings, MessageReader } from '../../lib/message-reader.js'
import { badOption, type OptionsOf } from '../../lib/options.js'
import { SpConsumerSession } from '../../lib/session/sp/consumer-session.js'
import { SpProducerSession } from '../../lib/session/sp/producer-session.js'
import type { ConsumerContext, ConsumerPort, LogPort, ProducerContext, ProducerPort } from '../../lib/transport.js'
import type { spConsumerOptions, spOptions, spProducerOptions } from './options.js'
import type { Side } from './side.js'

type SpSettings = OptionsOf<typeof spOptions>
type SpProducerSettings = SpSettings & OptionsOf<typeof spProducerOptions>
type SpConsumerSettings = SpSettings & OptionsOf<typeof spConsumerOptions>

/** A producer that speaks SP at `addresses`. */
export function spProducer(addresses: readonly Address[], context: ProducerContext): Side<ProducerPort> {
  const options = context.options as unknown as SpProducerSettings
  const { body, sequence } = options
  if (sequence === true && body === 'raw') {
    throw badOption("sequence cannot be true with body: 'raw', which leaves no room for a number")
  }
  const { stream, platform, pattern } = context
  if (sequence === true && pattern === 'share') {
    throw badOption("sequence cannot be true with pattern 'share' over sp: what others were given would look lost")
  }
  const stamping = sequence === true ? { stream: Buffer.from(stream), time: () => platform.time() } : undefined
  const mappings = new Set(addresses.map(mappingOf))
  // All of them before the first message: what comes later finds no log.
  const logs = new Map(Array.from(mappings, (mapping) => [mapping, context.log(spFraming(mapping, body, stamping))]))
  return {
    context,
    options,
    open: (address, remote, origin) => (logs.get(mappingOf(address)) as LogPort).open(remote, origin),
    converse: (address, { wire, claim, ...hooks }) =>
      new SpProducerSession(wire, { context, options, ...hooks }, mappingOf(address), claim),
  }
}

/** A consumer that speaks SP. */
export function spConsumer(context: ConsumerContext): Side<ConsumerPort> & { readonly counts: BodyCounts } {
  const options = context.options as unknown as SpConsumerSettings
  const settings: BodySettings = options
  const counts = new BodyCounts()
  const readerOf = (remote: string) =>
    new MessageReader(settings, context.platform, counts, ({ message, ...fault }) =>
      context.fault({ ...fault, message: `${remote}: ${message}`, remote }),
    )
  return {
    context,
    options,
    counts,
    open: (_, remote, origin) => context.open(remote, origin),
    converse: (address, { wire, claim, ...hooks }) => {
      const setup = { context, options, ...hooks }
      return new SpConsumerSession(wire, setup, mappingOf(address), readerOf(hooks.remote), claim)
    },
  }
}

function mappingOf({ path }: Address): SpMapping {
  return path === undefined ? 'tcp' : 'ipc'
}
