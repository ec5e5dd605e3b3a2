import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import type { OptionsOf } from '../../lib/options.js'
import { ConsumerSession } from '../../lib/session/consumer-session.js'
import { ProducerSession } from '../../lib/session/producer-session.js'
import type { ConsumerContext, ConsumerPort, ProducerContext, ProducerPort } from '../../lib/transport.js'
import type { tcpConsumerOptions, tcpOptions } from './options.js'
import type { Side } from './side.js'

type TcpSettings = OptionsOf<typeof tcpOptions>
type TcpConsumerSettings = TcpSettings & OptionsOf<typeof tcpConsumerOptions>

/** A producer that speaks ZMTP. */
export function zmtpProducer(context: ProducerContext): Side<ProducerPort> {
  const options = context.options as unknown as TcpSettings
  const log = context.log(zmtpFraming)
  return {
    context,
    options,
    open: (_, remote, origin) => log.open(remote, origin),
    converse: (_, { wire, claim, ...hooks }) =>
      new ProducerSession(wire, { context, options, greets: true, ...hooks }, log, claim),
  }
}

/** A consumer that speaks ZMTP. */
export function zmtpConsumer(context: ConsumerContext): Side<ConsumerPort> {
  const options = context.options as unknown as TcpConsumerSettings
  return {
    context,
    options,
    open: (_, remote, origin) => context.open(remote, origin),
    converse: (_, { wire, claim, ...hooks }) =>
      new ConsumerSession(wire, { context, options, greets: true, ...hooks }, options.dataFrame, claim),
  }
}
