import type { Transport } from '../../lib/transport.js'
import { openConsumer, openProducer } from './end.js'
import { spConsumerOptions, spOptions, spProducerOptions, tcpConsumerOptions, tcpOptions } from './options.js'
import { spConsumer, spProducer } from './sp.js'
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
  },
  listens: 'producer',
  options: tcpOptions,
  consumerOptions: tcpConsumerOptions,
  produce: (addresses, context) => openProducer(addresses, zmtpProducer(context)),
  consume: (address, context) => openConsumer(address, zmtpConsumer(context)),
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
