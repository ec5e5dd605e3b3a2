import assert from 'node:assert/strict'
import { test } from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { sp } from '../../../transports/stream/index.js'

testTransport(
  { test, assert, createProducer, createConsumer },
  {
    transport: sp,
    freshUrl: () => 'sp+tcp://127.0.0.1:0',
    options: { reconnectMinMs: 1, reconnectMaxMs: 50, maxMessageBytes: 16 * 1024 * 1024 },
  },
)
