import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { zmtp } from '../../../transports/stream/index.js'
import { seeds } from '../../support/seeds.js'

const folder = mkdtempSync(join(tmpdir(), 'fanwire-'))
t.teardown(() => rmSync(folder, { recursive: true }))
let count = 0

testTransport(
  { test: t.test, assert, createProducer, createConsumer },
  {
    transport: zmtp,
    freshUrl: () => `ipc://${join(folder, `${++count}.sock`)}`,
    options: { reconnectMinMs: 1, reconnectMaxMs: 50 },
    // All but the address is the code of TCP, where both ends listen in turn; here consumers do over SP.
    listeners: ['producer'],
    seeds: seeds.ipc,
  },
)
