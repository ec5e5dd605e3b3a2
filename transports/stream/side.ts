import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import type { OptionsOf } from '../../lib/options.js'
import { ConsumerSession } from '../../lib/session/consumer-session.js'
import { ProducerSession } from '../../lib/session/producer-session.js'
import type { Ending, Session } from '../../lib/session/session.js'
import type { Wire } from '../../lib/session/wire.js'
import type { ConsumerContext, ConsumerPort, Context, ProducerContext, ProducerPort } from '../../lib/transport.js'
import type { tcpConsumerOptions, tcpOptions } from './options.js'

/** What the transport's option table makes of the options. */
export type StreamOptions = OptionsOf<typeof tcpOptions>
type ConsumerStreamOptions = StreamOptions & OptionsOf<typeof tcpConsumerOptions>

/** A link of either kind, as far as who listens or dials must know it. */
export interface Port {
  readonly ended: boolean
  end(reason: Error | undefined): void
}

export interface SessionHooks<P extends Port> {
  readonly wire: Wire
  readonly remote: string
  /** Gives the session its port, once the peer has proved to be of the right kind. */
  readonly claim: () => P
  readonly opened?: () => void
  readonly flowing?: () => void
  readonly closed: (ending: Ending, reason: Error | undefined) => void
}

/** Producer or consumer: what listeners and diallers do for one they do for the other. */
export interface Side<P extends Port = Port> {
  readonly context: Context
  readonly options: StreamOptions
  open(remote: string, origin: 'accepted' | 'dialled'): P
  session(hooks: SessionHooks<P>): Session
}

export function producerSide(context: ProducerContext): Side<ProducerPort> {
  const options = context.options as unknown as StreamOptions
  const log = context.log(zmtpFraming)
  return {
    context,
    options,
    open: (remote, origin) => log.open(remote, origin),
    session: ({ wire, claim, ...hooks }) => new ProducerSession(wire, { context, options, ...hooks }, log, claim),
  }
}

export function consumerSide(context: ConsumerContext): Side<ConsumerPort> {
  const options = context.options as unknown as ConsumerStreamOptions
  return {
    context,
    options,
    open: (remote, origin) => context.open(remote, origin),
    session: ({ wire, claim, ...hooks }) =>
      new ConsumerSession(wire, { context, options, ...hooks }, options.dataFrame, claim),
  }
}
