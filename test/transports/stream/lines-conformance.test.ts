import assert from 'node:assert/strict'
import t from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import { lines } from '../../../transports/stream/index.js'

const pauses = { reconnectMinMs: 1, reconnectMaxMs: 50 }

t.test('records with their size in front', async (t) => {
  testTransport(
    { test: t.test.bind(t), assert, createProducer, createConsumer },
    {
      transport: lines,
      freshUrl: () => 'lines+tcp://127.0.0.1:0',
      options: { ...pauses, frame: 'u32', body: 'topic' },
    },
  )
})

t.test('lines', async (t) => {
  testTransport(
    { test: t.test.bind(t), assert, createProducer, createConsumer },
    {
      // A line has no place for a number.
      transport: { ...lines, traits: { ...lines.traits, numbers: 'none' } },
      freshUrl: () => 'lines+tcp://127.0.0.1:0',
      binary: false,
      options: { ...pauses, body: 'topic' },
    },
  )
})
