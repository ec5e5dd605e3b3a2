import type { Address } from '../../lib/address.js'
import { badOption } from '../../lib/options.js'
import type { ConsumerEnd, ProducerEnd } from '../../lib/transport.js'
import { Dialler } from './dialler.js'
import { Guests, Listener } from './listener.js'
import type { Port, Side } from './side.js'
import type { Tls } from './tls.js'

/** Opens a producer's end; its links outlive it, and are closed by the core. */
export async function openProducer(addresses: readonly Address[], side: Side, tls?: Tls): Promise<ProducerEnd> {
  const end = await openEnd(addresses, side, tls)
  return { kind: 'log', urls: end.urls, close: () => end.close(false), unref: end.unref }
}

/** Opens a consumer's end. */
export async function openConsumer(address: Address, side: Side, tls?: Tls): Promise<ConsumerEnd> {
  const end = await openEnd([address], side, tls)
  return { urls: end.urls, close: () => end.close(true), unref: end.unref }
}

interface StreamEnd {
  readonly urls: readonly string[]
  close(all: boolean): Promise<void>
  unref(): void
}

async function openEnd<P extends Port>(
  addresses: readonly Address[],
  side: Side<P>,
  tls: Tls | undefined,
): Promise<StreamEnd> {
  const { signal, role } = side.context
  const { reconnectMinMs, reconnectMaxMs } = side.options
  if (reconnectMaxMs < reconnectMinMs) {
    throw badOption(`reconnectMaxMs must be at least reconnectMinMs (${reconnectMinMs}), got ${reconnectMaxMs}`)
  }
  signal?.throwIfAborted()
  if (role === 'dial') return dialAll(addresses, side, tls)
  const guests = new Guests(side)
  const listeners: Listener[] = []
  const close = async (all: boolean) => {
    for (const listener of listeners) listener.close()
    await guests.close(all)
  }
  try {
    for (const address of addresses) {
      listeners.push(await Listener.open(address, side, guests, tls))
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

function dialAll<P extends Port>(addresses: readonly Address[], side: Side<P>, tls: Tls | undefined): StreamEnd {
  const diallers = addresses.map((address) => new Dialler(side, address, tls))
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
