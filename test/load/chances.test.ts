import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { own } from '../../examples/own-transport/index.js'
import { testTransport } from '../../lib/conformance/index.js'
import type { Kit, Subject } from '../../lib/conformance/subject.js'
import { createConsumer, createProducer } from '../../lib/index.js'
import { inproc } from '../../transports/inproc/index.js'
import { zmtp } from '../../transports/stream/index.js'
import { ownHost } from '../support/host.js'

const SEEDS = Array.from({ length: 30 }, (_, i) => i + 1)

t.setTimeout(0)

const folder = mkdtempSync(join(tmpdir(), 'fanwire-'))
t.teardown(() => rmSync(folder, { recursive: true }))
let count = 0

const soon = { reconnectMinMs: 1, reconnectMaxMs: 50 }
const subjects: readonly Subject[] = [
  { transport: inproc, freshUrl: () => `inproc://chances-${++count}` },
  { transport: zmtp, freshUrl: () => `tcp://${ownHost}:0`, options: soon },
  { transport: zmtp, freshUrl: () => `ipc://${join(folder, `${++count}.sock`)}`, options: soon },
  { transport: own, freshUrl: () => `own://${ownHost}:0`, options: { reconnectMs: 1 } },
]

for (const subject of subjects) {
  t.test(`whatever happens on ${subject.freshUrl()}`, async (t) => {
    let registered = 0
    // The rest of the suite leaves nothing to chance, and runs with `npm test`.
    const test: Kit['test'] = (name, options, body) => {
      if (!name.includes('by chance')) return
      registered++
      return t.test(name, options, body)
    }
    testTransport({ test, assert, createProducer, createConsumer }, { ...subject, seeds: SEEDS })
    t.equal(registered, 2 * SEEDS.length)
  })
}
