import assert from 'node:assert/strict'
import t from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { numbered, raw } from '../../../transports/datagram/index.js'

const listeners = ['consumer'] as const
const heartbeatMs = 20
const lo = { interface: '127.0.0.1' }
const impair = 'loss=5%,duplicate=2%,reorder=5%,delay=0..2ms,seed=3'

const subjects = {
  udp: { transport: numbered, url: 'udp://127.0.0.1:0', options: { heartbeatMs } },
  'udp, impaired': { transport: numbered, url: 'udp://127.0.0.1:0', options: { heartbeatMs, impair } },
  multicast: { transport: numbered, url: 'multicast://239.192.33.1:0', options: { heartbeatMs, ...lo } },
  'multicast, impaired': {
    transport: numbered,
    url: 'multicast://239.192.33.2:0',
    options: { heartbeatMs, impair, ...lo },
  },
  'raw+udp': { transport: raw, url: 'raw+udp://127.0.0.1:0', options: {} },
  'raw+udp, impaired': { transport: raw, url: 'raw+udp://127.0.0.1:0', options: { impair } },
  'raw+multicast': { transport: raw, url: 'raw+multicast://239.192.33.3:0', options: lo },
}

for (const [name, { transport, url, options }] of Object.entries(subjects)) {
  t.test(name, async (t) => {
    const kit = { test: t.test.bind(t), assert, createProducer, createConsumer }
    const shared = url.includes('multicast')
    testTransport(kit, { transport, freshUrl: () => url, listeners, options, shared })
  })
}
