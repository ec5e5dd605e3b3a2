import assert from 'node:assert/strict'
import t from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { numbered, raw } from '../../../transports/datagram/index.js'

const listeners = ['consumer'] as const

t.test('udp', async (t) => {
  const kit = { test: t.test.bind(t), assert, createProducer, createConsumer }
  const freshUrl = () => 'udp://127.0.0.1:0'
  testTransport(kit, { transport: numbered, freshUrl, listeners, options: { heartbeatMs: 20 } })
})

t.test('raw+udp', async (t) => {
  const kit = { test: t.test.bind(t), assert, createProducer, createConsumer }
  testTransport(kit, { transport: raw, freshUrl: () => 'raw+udp://127.0.0.1:0', listeners })
})
