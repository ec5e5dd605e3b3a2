import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { stream } from '../../../transports/stream/index.js'

const kit = { test, assert, createProducer, createConsumer }
const folder = mkdtempSync(join(tmpdir(), 'fanwire-'))
let count = 0

testTransport(kit, { transport: stream, freshUrl: () => 'tcp://127.0.0.1:0' })
testTransport(kit, { transport: stream, freshUrl: () => `ipc://${join(folder, `${++count}.sock`)}` })
