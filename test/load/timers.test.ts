import { setImmediate } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { type Consumer, createConsumer, createProducer, type Producer } from '../../lib/index.js'
import { type Lateness, watchTimers } from '../support/lateness.js'
import { Program } from '../support/program.js'
import type { ConsumerProgram } from '../support/programs/consumer.js'

const COUNT = 1_000_000
const MOST_MS = 20
/** Sent before anything is measured, until the engine has compiled what it runs. */
const WARM_UP = 100_000
/** How long the loop works in one go with which this one is compared: about as long as 256 KiB of small messages take. */
const SPIN_MS = 4
/** Turns of that loop. */
const SPINS = 250

test('a loop that awaits every send keeps timers on time while a process reads over tcp', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0')
  const program = Program.start<ConsumerProgram>('consumer')
  t.teardown(() => Promise.all([producer.close({ drainMs: 0 }), program.kill()]))
  await program.call('open', { url: producer.urls[0] as string })
  await producer.linked()
  const taken = program.call('take', COUNT)
  await punctual(t, producer)
  t.strictSame(await taken, { messages: COUNT, disordered: 0, unbalanced: [] })
})

test('a loop that awaits every send keeps timers on time while the same process reads batches over inproc', async (t) => {
  const producer = await createProducer('inproc://timers')
  const consumer = await createConsumer('inproc://timers')
  t.teardown(() => Promise.all([producer.close({ drainMs: 0 }), consumer.close()]))
  await producer.linked()
  const taken = take(consumer)
  await punctual(t, producer)
  t.equal(await taken, COUNT)
})

test('a loop that awaits every send keeps timers on time while the same process reads one by one over inproc', async (t) => {
  const producer = await createProducer('inproc://timers-one-by-one')
  const consumer = await createConsumer('inproc://timers-one-by-one')
  t.teardown(() => Promise.all([producer.close({ drainMs: 0 }), consumer.close()]))
  await producer.linked()
  const taken = takeOneByOne(consumer)
  await punctual(t, producer)
  t.equal(await taken, COUNT)
})

test('a loop that awaits every send keeps timers on time while nobody reads', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0')
  t.teardown(() => producer.close({ drainMs: 0 }))
  await punctual(t, producer)
  t.equal(producer.stats().unheard, COUNT)
})

/**
 * Sends at full speed. What the machine itself makes late, such as a virtual processor that is taken away, shows in a loop
 * that does nothing but work for a few milliseconds and give way: that much is allowed on top.
 */
async function punctual(t: Test, producer: Producer): Promise<void> {
  const data = Buffer.alloc(100)
  for (let i = 0; i < WARM_UP; i++) await producer.send('timers', data)
  const reference = await spin()
  const busy = watchTimers()
  const began = performance.now()
  const cpu = process.cpuUsage()
  for (let i = WARM_UP; i < COUNT; i++) await producer.send('timers', data)
  const seconds = (performance.now() - began) / 1_000
  const atWork = busy()
  const { user, system } = process.cpuUsage(cpu)
  t.equal(producer.stats().accepted, COUNT)
  t.ok(atWork.timers > 0, 'timers did run')
  t.ok(
    atWork.worst <= MOST_MS + reference.worst,
    `no timer is more than ${MOST_MS} ms late, beyond what the machine makes late`,
  )
  t.comment(
    `${format((COUNT - WARM_UP) / seconds)}/s, ${format(((COUNT - WARM_UP) * 1e6) / (user + system))} a second of processor time`,
  )
  t.comment(`for comparison: ${describe(reference)}`)
  t.comment(`sending: ${describe(atWork)}`)
}

async function spin(): Promise<Lateness> {
  const lateness = watchTimers()
  for (let i = 0; i < SPINS; i++) {
    const until = performance.now() + SPIN_MS
    while (performance.now() < until);
    await setImmediate()
  }
  return lateness()
}

async function take(consumer: Consumer): Promise<number> {
  let taken = 0
  for await (const batch of consumer.batches()) {
    taken += batch.length
    if (taken >= COUNT) break
  }
  return taken
}

async function takeOneByOne(consumer: Consumer): Promise<number> {
  let taken = 0
  for await (const _ of consumer) if (++taken === COUNT) break
  return taken
}

function format(count: number): string {
  return Math.round(count).toLocaleString('en')
}

function describe({ timers, worst, worstByClock }: Lateness): string {
  return `${timers} timers, the worst ${worst.toFixed(1)} ms late, ${worstByClock.toFixed(1)} ms by the clock`
}
