import type { Transport } from '../../lib/transport.js'
import { openConsumer, openProducer } from './end.js'
import { tcpConsumerOptions, tcpOptions } from './options.js'
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
