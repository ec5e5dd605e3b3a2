import type { Address } from '../../lib/address.js'
import { badOption } from '../../lib/options.js'
import type { Transport } from '../../lib/transport.js'
import { Dialler } from './dialler.js'
import { Guests, Listener } from './listener.js'
import { tcpConsumerOptions, tcpOptions } from './options.js'
import { consumerSide, type Port, producerSide, type Side } from './side.js'

/** ZMTP 3.1 over TCP and UNIX sockets: fanwire peers, and everybody who speaks ZeroMQ. */
export const stream: Transport = {
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

  async produce(addresses, context) {
    const end = await openEnd(addresses, producerSide(context))
    return { kind: 'log', urls: end.urls, close: () => end.close(false), unref: end.unref }
  },

  async consume(address, context) {
    const end = await openEnd([address], consumerSide(context))
    return { urls: end.urls, close: () => end.close(true), unref: end.unref }
  },
}

interface StreamEnd {
  readonly urls: readonly string[]
  close(all: boolean): Promise<void>
  unref(): void
}

async function openEnd<P extends Port>(addresses: readonly Address[], side: Side<P>): Promise<StreamEnd> {
  const { signal, role } = side.context
  const { reconnectMinMs, reconnectMaxMs } = side.options
  if (reconnectMaxMs < reconnectMinMs) {
    throw badOption(`reconnectMaxMs must be at least reconnectMinMs (${reconnectMinMs}), got ${reconnectMaxMs}`)
  }
  signal?.throwIfAborted()
  if (role === 'dial') return dialAll(addresses, side)
  const guests = new Guests(side)
  const listeners: Listener[] = []
  const close = async (all: boolean) => {
    for (const listener of listeners) listener.close()
    await guests.close(all)
  }
  try {
    for (const address of addresses) {
      listeners.push(await Listener.open(address, side, guests))
      signal?.throwIfAborted()
    }
  } catch (error) {
    await close(true)
    throw error
  }
  return {
    urls: listeners.map(({ url }) => url),
    close,
    unref() {
      for (const listener of listeners) listener.unref()
      guests.unref()
    },
  }
}

function dialAll<P extends Port>(addresses: readonly Address[], side: Side<P>): StreamEnd {
  const diallers = addresses.map((address) => new Dialler(side, address))
  for (const dialler of diallers) dialler.dial()
  return {
    urls: addresses.map(({ url }) => url),
    async close(all) {
      await Promise.all(diallers.map((dialler) => dialler.close(all)))
    },
    unref() {
      for (const dialler of diallers) dialler.unref()
    },
  }
}
