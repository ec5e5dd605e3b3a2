import assert from 'node:assert/strict'
import { test } from 'tap'
import { testTransport } from '../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../lib/index.js'
import { zmtpOverTls } from '../../transports/stream/index.js'
import { authority, server } from '../support/certificates.js'
import { testMechanism } from '../transports/stream/mechanisms.js'

for (const name of ['PLAIN', 'CURVE'] as const) {
  test(`over ${name}`, async (t) => testMechanism(name, t.test.bind(t)))
}

test('over TLS', async (t) =>
  testTransport(
    { test: t.test.bind(t), assert, createProducer, createConsumer },
    {
      transport: zmtpOverTls,
      freshUrl: () => 'tls://127.0.0.1:0',
      options: { ...server, ca: authority, reconnectMinMs: 1, reconnectMaxMs: 50 },
    },
  ))
