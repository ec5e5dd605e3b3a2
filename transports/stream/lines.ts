import { lineFraming, sizedFraming } from '../../lib/framing/lines/message.js'
import { MessageReader } from '../../lib/message-reader.js'
import { badOption, type OptionsOf } from '../../lib/options.js'
import { LinesConsumerSession, RecordCounts } from '../../lib/session/lines/consumer-session.js'
import { IgnoredBytes, LinesProducerSession } from '../../lib/session/lines/producer-session.js'
import type { ConsumerContext, ConsumerPort, ProducerContext, ProducerPort } from '../../lib/transport.js'
import type { linesConsumerOptions, linesOptions, linesProducerOptions } from './options.js'
import type { Side } from './side.js'

type LinesSettings = OptionsOf<typeof linesOptions>
type LinesProducerSettings = LinesSettings & OptionsOf<typeof linesProducerOptions>
type LinesConsumerSettings = LinesSettings & OptionsOf<typeof linesConsumerOptions>

/** A producer that sends records. */
export function linesProducer(context: ProducerContext): Side<ProducerPort> & { readonly counts: IgnoredBytes } {
  const options = context.options as unknown as LinesProducerSettings
  const { frame, body, sequence } = options
  if (sequence === true && (frame === 'newline' || body === 'raw')) {
    throw badOption(
      `sequence cannot be true with frame: '${frame}' and body: '${body}', which leave no room for a number; ` +
        "it needs frame: 'u32' and body: 'topic'",
    )
  }
  const { stream, platform } = context
  const stamping = sequence === true ? { stream: Buffer.from(stream), time: () => platform.time() } : undefined
  const log = context.log(frame === 'newline' ? lineFraming(body) : sizedFraming(body, stamping))
  const counts = new IgnoredBytes()
  return {
    context,
    options,
    counts,
    open: (_, remote, origin) => log.open(remote, origin),
    converse: (_, { wire, claim, ...hooks }) =>
      new LinesProducerSession(wire, { context, options, ...hooks }, frame, counts, claim),
  }
}

/** A consumer of records. */
export function linesConsumer(context: ConsumerContext): Side<ConsumerPort> & { readonly counts: RecordCounts } {
  const options = context.options as unknown as LinesConsumerSettings
  const counts = new RecordCounts()
  const readerOf = (remote: string) =>
    new MessageReader(options, context.platform, counts, ({ message, ...fault }) =>
      context.fault({ ...fault, message: `${remote}: ${message}`, remote }),
    )
  return {
    context,
    options,
    counts,
    open: (_, remote, origin) => context.open(remote, origin),
    converse: (_, { wire, claim, ...hooks }) => {
      const setup = { context, options, ...hooks }
      return new LinesConsumerSession(wire, setup, options, readerOf(hooks.remote), counts, claim)
    },
  }
}
