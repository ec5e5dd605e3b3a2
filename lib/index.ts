import { loadTransport, schemes } from '../transports/index.js'
import { parseAddress } from './address.js'
import { FanwireError } from './errors.js'
import { nodePlatform } from './node/platform.js'
import { Producer } from './producer.js'
import { checkProducerOptions, type ProducerOptions } from './producer-options.js'
import { Retention } from './retention.js'
import type { Transport } from './transport.js'

export { bytes, type Codec, json, text } from './codec.js'
export { type ErrorCode, FanwireError } from './errors.js'
export type { ProducerLedger, ProducerLinkLedger } from './ledger.js'
export type { CloseOptions, Drop, Link, LinkedOptions, ProducerEvents, ProducerStats, SendOptions } from './producer.js'
export { Producer } from './producer.js'
export type { ProducerOptions } from './producer-options.js'
export type * from './transport.js'

/**
 * Opens a producer at one address, or at several that share one log and one numbering. Resolves once every address is
 * bound, or once dialling has begun.
 *
 * @throws {FanwireError} `BAD_ADDRESS`, `BAD_OPTION`, `ADDRESS_IN_USE`, `OPEN_FAILED`, or the signal's reason
 */
export async function createProducer<T = string | Uint8Array>(
  url: string | readonly string[],
  options: ProducerOptions<T> = {},
): Promise<Producer<T>> {
  const addresses = (typeof url === 'string' ? [url] : url).map(parseAddress)
  const own = [options.transport ?? []].flat() as readonly Transport[]
  const found = await Promise.all(addresses.map(({ scheme }) => transportOf(scheme, own)))
  const transports = [...new Set(found)]
  const checked = checkProducerOptions(options, addresses, transports)
  const [common] = checked
  if (common === undefined) throw new FanwireError('BAD_ADDRESS', 'a producer needs at least one URL')
  const producer = new Producer<T>(nodePlatform, {
    ...common,
    stream: common.stream ?? randomName(),
    policy: common.overflow,
    overflow: common.overflowOf,
    memoryBytes: common.memory.bytes,
    retention: new Retention(common.retain),
  })
  try {
    for (const [i, transport] of transports.entries()) {
      const { role, signal, maxMessageBytes, own: ownOptions } = checked[i] ?? common
      producer.attach(
        await transport.produce(
          addresses.filter((_, at) => found[at] === transport),
          {
            platform: nodePlatform,
            role: role ?? (transport.listens === 'producer' ? 'listen' : 'dial'),
            options: ownOptions,
            maxMessageBytes,
            signal,
            fault: (fault) => producer.fault(fault),
            log: (framing) => producer.log(framing),
          },
        ),
      )
    }
  } catch (error) {
    await producer.close({ drainMs: 0 })
    throw error
  }
  return producer
}

async function transportOf(scheme: string, own: readonly Transport[]): Promise<Transport> {
  const transport = own.find((each) => each.schemes.includes(scheme)) ?? (await loadTransport(scheme))
  if (transport !== undefined) return transport
  throw new FanwireError('BAD_ADDRESS', `no transport for ${scheme}://; there are ${schemes.join(', ')}`)
}

/** 10 characters of `0-9A-Z`. */
function randomName(): string {
  const random = nodePlatform.random(new Uint8Array(10))
  return Array.from(random, (byte) => (byte % 36).toString(36).toUpperCase()).join('')
}
