import assert from 'node:assert/strict'
import { createConsumer, createProducer } from 'fanwire'
import { testTransport } from 'fanwire/conformance'
import t from 'tap'
import { own } from '../../../examples/own-transport/index.js'
import { ownHost } from '../../support/host.js'
import { seeds } from '../../support/seeds.js'

// Hundreds of small tests make one file.
t.setTimeout(600_000)

testTransport(
  { test: t.test.bind(t), assert, createProducer, createConsumer },
  {
    transport: own,
    freshUrl: () => `own://${ownHost}:0`,
    options: { reconnectMs: 1 },
    // Either may; the suite is shown to hold, and the transports of fanwire's own are held to it in both roles.
    listeners: ['producer'],
    seeds: seeds.own,
  },
)
