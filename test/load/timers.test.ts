import { type Test, test } from 'tap'
import type { Lateness } from '../support/lateness.js'
import { Program } from '../support/program.js'
import type { BusyLoop, BusyReport, Manner } from '../support/programs/busy-loop.js'
import type { ConsumerProgram } from '../support/programs/consumer.js'

const COUNT = 1_000_000
const MOST_MS = 20

test('a loop that awaits every send keeps timers on time while a process reads over tcp', async (t) => {
  const sender = start(t)
  const receiver = Program.start<ConsumerProgram>('consumer')
  t.teardown(() => receiver.kill())
  const url = await sender.call('open', { url: 'tcp://127.0.0.1:0' })
  await receiver.call('open', { url })
  await receiver.call('linked', {})
  const taken = receiver.call('take', COUNT)
  const report = await sender.call('run', { count: COUNT })
  isPunctual(t, report)
  t.equal(report.unheard, 0)
  t.strictSame(await taken, { messages: COUNT, disordered: 0, unbalanced: [] })
})

for (const reads of ['batches', 'one by one'] satisfies Manner[]) {
  test(`a loop that awaits every send keeps timers on time while its process reads ${reads} over inproc`, async (t) => {
    const sender = start(t)
    await sender.call('open', { url: 'inproc://timers', reads })
    const report = await sender.call('run', { count: COUNT, reads })
    isPunctual(t, report)
    t.equal(report.taken, COUNT)
  })
}

test('a loop that awaits every send keeps timers on time while nobody reads', async (t) => {
  const sender = start(t)
  await sender.call('open', { url: 'tcp://127.0.0.1:0' })
  const report = await sender.call('run', { count: COUNT })
  isPunctual(t, report)
  t.equal(report.unheard, COUNT)
})

function start(t: Test): Program<BusyLoop> {
  const program = Program.start<BusyLoop>('busy-loop')
  t.teardown(() => program.kill())
  return program
}

/** What the machine itself makes late, in a loop that only works for 4 ms and gives way, is allowed on top. */
function isPunctual(t: Test, { reference, sending, perSecond, perSecondOfProcessor, accepted }: BusyReport): void {
  t.comment(`${format(perSecond)}/s, ${format(perSecondOfProcessor)} a second of processor time`)
  t.comment(`for comparison: ${describe(reference)}`)
  t.comment(`sending: ${describe(sending)}`)
  t.equal(accepted, COUNT)
  t.ok(sending.timers > 0, 'timers did run')
  t.ok(
    sending.worst <= MOST_MS + reference.worst,
    `no timer is more than ${MOST_MS} ms late, beyond what the machine makes late`,
  )
}

function format(count: number): string {
  return Math.round(count).toLocaleString('en')
}

function describe({ timers, worst, worstByClock }: Lateness): string {
  return `${timers} timers, the worst ${worst.toFixed(1)} ms late, ${worstByClock.toFixed(1)} ms by the clock`
}
