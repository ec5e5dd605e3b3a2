import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { stream } from '../../../transports/stream/index.js'

const folder = mkdtempSync(join(tmpdir(), 'fanwire-'))
let count = 0

testTransport(
  { test, assert, createProducer, createConsumer },
  { transport: stream, freshUrl: () => `ipc://${join(folder, `${++count}.sock`)}` },
)
