import assert from 'node:assert/strict'
import { test } from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { type ConsumerOptions, createConsumer, createProducer, type ProducerOptions } from '../../../lib/index.js'
import { zmtpOverTls } from '../../../transports/stream/index.js'
import { authority, server } from '../../support/certificates.js'
import { mechanisms } from './mechanisms.js'

// TLS, and a mechanism within it, whose server is the client of TLS. Each alone, CURVE, and more seeds: in the load tests.
const { PLAIN } = mechanisms

testTransport(
  {
    test,
    assert,
    createProducer: (url, options: ProducerOptions) => createProducer(url, { ...options, ...PLAIN.client }),
    createConsumer: (url, options: ConsumerOptions) => createConsumer(url, { ...options, ...PLAIN.server }),
  },
  {
    transport: zmtpOverTls,
    freshUrl: () => 'tls://127.0.0.1:0',
    options: { ...server, ca: authority, reconnectMinMs: 1, reconnectMaxMs: 50 },
    listeners: ['producer'],
    seeds: [1],
  },
)
