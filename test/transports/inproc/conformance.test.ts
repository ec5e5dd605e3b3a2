import assert from 'node:assert/strict'
import t from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { inproc } from '../../../transports/inproc/index.js'
import { seeds } from '../../support/seeds.js'

// Hundreds of small tests make one file.
t.setTimeout(600_000)

let count = 0

testTransport(
  { test: t.test.bind(t), assert, createProducer, createConsumer },
  { transport: inproc, freshUrl: () => `inproc://conformance-${++count}`, seeds: seeds.inproc },
)
