import assert from 'node:assert/strict'
import t from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer, type ProducerOptions } from '../../../lib/index.js'
import type { Transport } from '../../../lib/transport.js'

/** For both directions: what arrives has passed it twice. */
const impair = 'loss=5%,duplicate=2%,reorder=5%,delay=0..2ms,seed=3'

type Options = Readonly<Record<string, unknown>>

/**
 * Holds an address to the suite, as it is and impaired.
 *
 * @param options of both ends
 * @param producing of producers alone
 */
export function testAddress(transport: Transport, url: string, options: Options, producing: Options = {}): void {
  const produce = (to: string | readonly string[], given: ProducerOptions) =>
    createProducer(to, { ...producing, ...given })
  for (const [kind, impairment] of Object.entries({ 'as it is': {}, impaired: { impair } })) {
    t.test(`${url} ${kind}`, async (t) => {
      testTransport(
        { test: t.test.bind(t), assert, createProducer: produce, createConsumer },
        {
          transport,
          freshUrl: () => url,
          listeners: ['consumer'],
          shared: url.includes('multicast'),
          options: { ...options, ...impairment },
        },
      )
    })
  }
}
