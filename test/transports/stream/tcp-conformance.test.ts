import assert from 'node:assert/strict'
import { test } from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { zmtp } from '../../../transports/stream/index.js'
import { ownHost } from '../../support/host.js'
import { seeds } from '../../support/seeds.js'

testTransport(
  { test, assert, createProducer, createConsumer },
  {
    transport: zmtp,
    freshUrl: () => `tcp://${ownHost}:0`,
    options: { reconnectMinMs: 1, reconnectMaxMs: 50 },
    seeds: seeds.tcp,
  },
)
