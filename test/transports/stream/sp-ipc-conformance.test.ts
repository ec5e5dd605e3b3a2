import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { sp } from '../../../transports/stream/index.js'

const folder = mkdtempSync(join(tmpdir(), 'fanwire-sp-'))
t.teardown(() => rmSync(folder, { recursive: true }))
let count = 0

testTransport(
  { test: t.test, assert, createProducer, createConsumer },
  {
    transport: sp,
    freshUrl: () => `sp+ipc://${join(folder, `${++count}.sock`)}`,
    options: { reconnectMinMs: 1, reconnectMaxMs: 50, maxMessageBytes: 16 * 1024 * 1024 },
    // All but the address is the code of sp+tcp, where both ends listen in turn; here producers do over ZMTP.
    listeners: ['consumer'],
  },
)
