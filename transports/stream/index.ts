import type { OptionsOf } from '../../lib/options.js'
import type { Context, Transport } from '../../lib/transport.js'
import { openConsumer, openProducer } from './end.js'
import { linesConsumer, linesProducer } from './lines.js'
import {
  linesConsumerOptions,
  linesOptions,
  linesProducerOptions,
  spConsumerOptions,
  spOptions,
  spProducerOptions,
  tcpConsumerOptions,
  tcpOptions,
} from './options.js'
import { securityOptions } from './security.js'
import { spConsumer, spProducer } from './sp.js'
import { Tls, tlsOptions } from './tls.js'
import { zmtpConsumer, zmtpProducer } from './zmtp.js'

/** ZMTP 3.1 over TCP and UNIX sockets: fanwire peers, and everybody who speaks ZeroMQ. */
export const zmtp: Transport = {
  schemes: ['tcp', 'ipc'],
  traits: {
    ordered: true,
    reliable: true,
    flowControlled: true,
    filtersAtProducer: true,
    numbers: 'counted',
    tailLoss: true,
    maxMessageBytes: Number.MAX_SAFE_INTEGER,
    shares: true,
  },
  listens: 'producer',
  options: { ...tcpOptions, ...securityOptions },
  consumerOptions: tcpConsumerOptions,
  produce: async (addresses, context) => openProducer(addresses, await zmtpProducer(context)),
  consume: async (address, context) => openConsumer(address, await zmtpConsumer(context)),
}

/** The same over TLS. */
export const zmtpOverTls: Transport = {
  ...zmtp,
  schemes: ['tls'],
  options: { ...zmtp.options, ...tlsOptions },
  produce: async (addresses, context) => openProducer(addresses, await zmtpProducer(context), tlsOf(context)),
  consume: async (address, context) => openConsumer(address, await zmtpConsumer(context), tlsOf(context)),
}

/** SP, the protocol of nanomsg and NNG, over TCP and UNIX sockets: whoever publishes sends everything to everybody. */
export const sp: Transport = {
  schemes: ['sp+tcp', 'sp+ipc'],
  traits: {
    ordered: true,
    reliable: true,
    flowControlled: true,
    filtersAtProducer: false,
    numbers: 'stamp',
    tailLoss: false,
    maxMessageBytes: Number.MAX_SAFE_INTEGER,
    shares: true,
  },
  listens: 'producer',
  options: spOptions,
  producerOptions: spProducerOptions,
  consumerOptions: spConsumerOptions,
  produce: async (addresses, context) => openProducer(addresses, spProducer(addresses, context)),
  async consume(address, context) {
    const side = spConsumer(context)
    return { ...(await openConsumer(address, side)), counts: () => ({ ...side.counts }) }
  },
}

/** The same over TLS. */
export const spOverTls: Transport = {
  ...sp,
  schemes: ['sp+tls'],
  options: { ...sp.options, ...tlsOptions },
  produce: async (addresses, context) => openProducer(addresses, spProducer(addresses, context), tlsOf(context)),
  async consume(address, context) {
    const side = spConsumer(context)
    return { ...(await openConsumer(address, side, tlsOf(context))), counts: () => ({ ...side.counts }) }
  },
}

/** Records of data alone over TCP, for whoever speaks nothing else: each a line, or with its size in front. */
export const lines: Transport = {
  schemes: ['lines+tcp'],
  traits: {
    ordered: true,
    reliable: true,
    flowControlled: true,
    filtersAtProducer: false,
    // Of records that have their size in front; there is none in a line.
    numbers: 'stamp',
    tailLoss: false,
    maxMessageBytes: Number.MAX_SAFE_INTEGER,
  },
  listens: 'producer',
  options: linesOptions,
  producerOptions: linesProducerOptions,
  consumerOptions: linesConsumerOptions,
  async produce(addresses, context) {
    const side = linesProducer(context)
    return { ...(await openProducer(addresses, side)), counts: () => ({ ...side.counts }) }
  },
  async consume(address, context) {
    const side = linesConsumer(context)
    return { ...(await openConsumer(address, side)), counts: () => ({ ...side.counts }) }
  },
}

function tlsOf({ options, role }: Context): Tls {
  return new Tls(options as OptionsOf<typeof tlsOptions>, role)
}
