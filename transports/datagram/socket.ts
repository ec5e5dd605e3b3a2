import { impairmentRule } from '../../lib/impairment.js'
import { boolean, bytes, integer, type OptionRule, rate, refuse, text } from '../../lib/options.js'
import { plainAddress } from './interfaces.js'

export type { SocketContext } from './bind.js'
export type { Destination, OutboxCounts } from './outbox.js'
export {
  formatRemote,
  type OnDatagram,
  Receiver,
  type ReceiverCounts,
  type ReceiverSetup,
  type Remote,
} from './receiver.js'
export { Sender, type SenderCounts, type SenderHooks, type SenderSetup } from './sender.js'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

const interfaceRule = text(/^\S+$/, "an interface's name or address, such as 'eth0' or '127.0.0.1'")

/** The options of a receiving socket, as a transport's table has them. */
export const receiverOptions = {
  /** The interface to join a group on, by name or address. */
  interface: interfaceRule,
  /** The only sender of a group to hear (source-specific multicast). */
  source: addressRule(),
  /** The receive buffer to ask the system for. Linux cuts it down to `net.core.rmem_max`, which is reported. */
  receiveBufferBytes: bytes(4 * KIB, GIB, 4 * MIB),
  /** What to do to datagrams on purpose before they are read. */
  impair: impairmentRule(),
}

/** The options of a sending socket. */
export const senderOptions = {
  /** The interface to leave by, by name or address. */
  interface: interfaceRule,
  /** How many routers a datagram may pass; 1 keeps a group on its own network, which is the default there. */
  ttl: integer(0, 255),
  /** Whether receivers on this machine get a group's datagrams, too; by default on a loopback interface. */
  loopback: boolean(),
  /** The send buffer to ask the system for; without it the system's default. */
  sendBufferBytes: bytes(4 * KIB, GIB),
  /** Bytes a second at most, as a number or as `'50MB/s'`; without it as fast as the system takes them. */
  rateLimit: rate(1_000, 1e12),
  /** What to do to datagrams on purpose before they are sent. */
  impair: impairmentRule(),
}

function addressRule(): OptionRule<string | undefined> {
  return {
    fallback: undefined,
    check: (value, name) =>
      (typeof value === 'string' ? plainAddress(value) : undefined) ??
      refuse(name, "an IP address such as '10.0.0.5'", value),
    read: (given) => given,
  }
}
