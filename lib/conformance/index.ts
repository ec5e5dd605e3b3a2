import { testClosing } from './closing.js'
import { testDelivery } from './delivery.js'
import { testFilters } from './filters.js'
import { testInterleavings } from './interleaving.js'
import { testLinks } from './links.js'
import { testLoss } from './loss.js'
import { testOpening } from './opening.js'
import { testOverflow } from './overflow.js'
import { testResume } from './resume.js'
import { testSharing } from './sharing.js'
import { Stage } from './stage.js'
import { testStamps } from './stamps.js'
import { testStates } from './states.js'
import { type EndKind, type Kit, type Needs, reasonToSkip, type Subject } from './subject.js'

export type { Assert, EndKind, Kit, Subject } from './subject.js'

/** Registers a test for each end that can listen. It is skipped, by name, where the transport does not promise `needs`. */
export type Scenario = (name: string, needs: Needs, body: (stage: Stage) => Promise<void>) => void

/** Nothing here waits for time to pass, so that a test which takes this long waits for what never comes. */
const TIMEOUT_MS = 60_000

/**
 * Registers the tests that every transport passes. What a transport does not promise, by its traits, is skipped by name.
 *
 *     import assert from 'node:assert/strict'
 *     import { test } from 'node:test'
 *     import { createConsumer, createProducer } from 'fanwire'
 *     import { testTransport } from 'fanwire/conformance'
 *
 *     testTransport({ test, assert, createProducer, createConsumer }, { transport, freshUrl: () => 'own://127.0.0.1:0' })
 */
export function testTransport(kit: Kit, subject: Subject): void {
  const { test } = kit
  const listeners = subject.listeners ?? ['producer', 'consumer']
  for (const listens of listeners) {
    const scenario: Scenario = (name, needs, body) => {
      if ((needs.listens ?? listens) !== listens) return
      const skip = reasonToSkip(needs, subject)
      test(`${name}; the ${listens} listens`, { skip, timeout: TIMEOUT_MS }, () => perform(body, kit, subject, listens))
    }
    testOpening(scenario)
    testDelivery(scenario)
    testFilters(scenario)
    testLinks(scenario)
    testResume(scenario)
    testOverflow(scenario)
    testLoss(scenario)
    testStamps(scenario)
    testSharing(scenario)
    testClosing(scenario)
    testStates(scenario)
    testInterleavings(scenario, subject.seeds ?? [1, 2, 3, 4, 5])
  }
}

async function perform(
  body: (stage: Stage) => Promise<void>,
  kit: Kit,
  subject: Subject,
  listens: EndKind,
): Promise<void> {
  const stage = new Stage(kit, subject, listens)
  // Two ends in one process may have nothing that keeps it alive while they wait for each other.
  const alive = setInterval(() => undefined, TIMEOUT_MS)
  try {
    await body(stage)
    stage.check()
  } finally {
    await stage.close()
    clearInterval(alive)
  }
}
