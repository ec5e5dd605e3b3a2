import assert from 'node:assert/strict'
import { test } from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { zmtpOverTls } from '../../../transports/stream/index.js'
import { authority, server } from '../../support/certificates.js'

testTransport(
  { test, assert, createProducer, createConsumer },
  {
    transport: zmtpOverTls,
    freshUrl: () => 'tls://127.0.0.1:0',
    options: { ...server, ca: authority, reconnectMinMs: 1, reconnectMaxMs: 50 },
    // Both, and more seeds, in the load tests.
    listeners: ['producer'],
    seeds: [1],
  },
)
