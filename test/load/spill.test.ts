import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { createConsumer, type Message } from '../../lib/index.js'
import { Program } from '../support/program.js'
import type { ProducerProgram } from '../support/programs/producer.js'

const MIB = 1024 * 1024
const MEMORY = 64 * MIB
const BYTES = 16 * 1024

test('2 GiB wait on disk for a reader that is ten times slower, and come in order', async (t) => {
  const count = (2 * 1024 * MIB) / BYTES
  const directory = t.testdir()
  const { producer, consumer } = await open(t, `buffer:1000:${directory}`)
  let taken = 0
  const publishing = producer.call('publish', { count, bytes: BYTES, checkEvery: 1_000 })
  let isSent = false
  void publishing.then(() => {
    isSent = true
  })
  for await (const batch of consumer.batches()) {
    taken = checkOrder(t, batch, taken)
    if (taken === count) break
    while (!isSent && (await producer.call('stats')).accepted < 10 * taken);
  }
  t.equal(taken, count)
  const { refused, unbalanced, seconds, stats } = await publishing
  t.same([refused, unbalanced], [0, []])
  t.ok((stats.links[0]?.spilled ?? 0) > 0.8 * count, `${stats.links[0]?.spilled} messages on disk in ${seconds} s`)
  // Files that the system keeps in its own memory count as resident while they are written.
  const { alive } = await producer.call('grown')
  t.ok(alive < MEMORY + 32 * MIB, `${Math.round(alive / MIB)} MiB in use`)
  t.ok(stats.memory.used <= MEMORY, `${stats.memory.used} bytes counted`)
  t.same(await producer.call('faults'), [])
  await consumer.close()
  await producer.call('close', {})
  t.same(readdirSync(directory), [])
})

for (const then of ['disconnect', 'drop', 'refuse'] as const) {
  test(`a disk that is full in the middle: ${then}`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'fanwire-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'none', directory])
    if (status !== 0) {
      t.pass(`skipped: no disk can be made small here: ${stderr}`)
      return
    }
    t.teardown(() => spawnSync('umount', [directory]))
    const { producer, consumer } = await open(t, `buffer:1000:${directory}:${then}`)
    const count = 10_000
    // A send that is refused ends the link, as an application would.
    const remote = (await producer.call('stats')).links[0]?.remote ?? ''
    const report = await producer.call('publish', { count, bytes: BYTES, stalled: [remote] })
    t.same(report.unbalanced, [])
    const faults = await producer.call('faults')
    t.match(faults, [{ code: 'SPILL_FAILED', message: /no space left on device/i }])
    t.equal(faults.length, 1)
    const [link] = report.stats.links
    const ended = await producer.call('ended')
    if (then === 'drop') {
      t.ok((link?.dropped.newest ?? 0) > 0)
      t.equal(report.refused, 0)
    } else {
      t.equal(link, undefined, 'it is cut off, by the producer or by the application that was refused')
      t.equal(report.refused > 0, then === 'refuse')
      t.match(ended, [{ remote }])
    }
    await consumer.close()
  })
}

async function open(t: Test, overflow: `buffer:${string}`) {
  const producer = Program.start<ProducerProgram>('producer')
  t.teardown(() => producer.kill())
  const url = await producer.call('open', {
    url: 'tcp://127.0.0.1:0',
    options: { overflow, memory: { bytes: MEMORY }, stallMs: 600_000 },
  })
  const consumer = await createConsumer(url, { overflow: 'backpressure:64' })
  t.teardown(() => consumer.close())
  await producer.call('linked', {})
  return { producer, consumer }
}

/** Messages bear their numbers, from 1. */
function checkOrder(t: Test, batch: Iterable<Message>, taken: number): number {
  let expected = taken
  for (const { data } of batch) {
    const number = new DataView(data.buffer, data.byteOffset).getUint32(0)
    if (number !== ++expected) t.fail(`${number} came for ${expected}`)
  }
  return expected
}
