import type { PeerCertificate } from '../../lib/authentication.js'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import type { OptionsOf } from '../../lib/options.js'
import { ConsumerSession } from '../../lib/session/consumer-session.js'
import { Gate } from '../../lib/session/gate.js'
import { ProducerSession } from '../../lib/session/producer-session.js'
import type { Wire } from '../../lib/session/wire.js'
import type { ConsumerContext, ConsumerPort, Context, ProducerContext, ProducerPort } from '../../lib/transport.js'
import type { tcpConsumerOptions, tcpOptions } from './options.js'
import { admissionOf, type SecuritySettings } from './security.js'
import type { Side } from './side.js'

type TcpSettings = OptionsOf<typeof tcpOptions> & SecuritySettings
type TcpConsumerSettings = TcpSettings & OptionsOf<typeof tcpConsumerOptions>

/** A producer that speaks ZMTP. */
export async function zmtpProducer(context: ProducerContext): Promise<Side<ProducerPort>> {
  const options = context.options as unknown as TcpSettings
  const log = context.log(zmtpFraming)
  const gateOf = await gates(options, context)
  return {
    context,
    options,
    open: (_, remote, origin) => log.open(remote, origin),
    converse(_, { wire, claim, certificate, ...hooks }) {
      const gate = gateOf(wire, hooks.remote, certificate)
      return new ProducerSession(gate ?? wire, { context, options, greets: true, gate, ...hooks }, log, claim)
    },
  }
}

/** A consumer that speaks ZMTP. */
export async function zmtpConsumer(context: ConsumerContext): Promise<Side<ConsumerPort>> {
  const options = context.options as unknown as TcpConsumerSettings
  const gateOf = await gates(options, context)
  return {
    context,
    options,
    open: (_, remote, origin) => context.open(remote, origin),
    converse(_, { wire, claim, certificate, ...hooks }) {
      const gate = gateOf(wire, hooks.remote, certificate)
      const setup = { context, options, greets: true, gate, ...hooks }
      return new ConsumerSession(gate ?? wire, setup, options.dataFrame, claim)
    },
  }
}

type GateOf = (wire: Wire, remote: string, certificate: PeerCertificate | undefined) => Gate | undefined

/** Puts a gate before each connection, where there is something to ask or to say before READY. */
async function gates(options: SecuritySettings, { platform }: Context): Promise<GateOf> {
  const admission = await admissionOf(options, platform)
  return (wire, remote, certificate) => admission && new Gate(wire, admission, platform, { remote, certificate })
}
