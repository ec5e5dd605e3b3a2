import assert from 'node:assert/strict'
import { test } from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { inproc } from '../../../transports/inproc/index.js'

let count = 0

testTransport(
  { test, assert, createProducer, createConsumer },
  { transport: inproc, freshUrl: () => `inproc://conformance-${++count}` },
)
