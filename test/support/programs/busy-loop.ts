import { setImmediate } from 'node:timers/promises'
import { type Consumer, createConsumer, createProducer, type Producer } from '../../../lib/index.js'
import { type Lateness, watchTimers } from '../lateness.js'
import { answer } from '../program.js'

/** Sent before anything is measured, until the engine has compiled what it runs. */
const WARM_UP = 100_000
/** How long the loop works in one go with which the sending one is compared: as long as a producer does at most. */
const SPIN_MS = 4
/** Turns of that loop. */
const SPINS = 250

export type Manner = 'batches' | 'one by one'

export interface BusyReport {
  /** What comes late through the machine alone, such as a virtual processor that is taken away. */
  readonly reference: Lateness
  readonly sending: Lateness
  readonly perSecond: number
  readonly perSecondOfProcessor: number
  readonly accepted: number
  readonly unheard: number
  /** Messages that this process has read itself. */
  readonly taken: number
}

let producer: Producer
let consumer: Consumer | undefined

/** A process that awaits every send at full speed, and watches its timers meanwhile. */
const calls = {
  /** With a manner it reads itself what it sends. */
  async open({ url, reads }: { readonly url: string; readonly reads?: Manner }): Promise<string> {
    producer = await createProducer(url)
    const [opened = ''] = producer.urls
    if (reads === undefined) return opened
    consumer = await createConsumer(opened)
    await producer.linked()
    return opened
  },

  async run({ count, reads }: { readonly count: number; readonly reads?: Manner }): Promise<BusyReport> {
    const taking =
      consumer === undefined ? 0 : reads === 'batches' ? takeAll(consumer, count) : takeOne(consumer, count)
    const data = Buffer.alloc(100)
    for (let i = 0; i < WARM_UP; i++) await producer.send('timers', data)
    const reference = await spin()
    const stop = watchTimers()
    const began = performance.now()
    const cpu = process.cpuUsage()
    for (let i = WARM_UP; i < count; i++) await producer.send('timers', data)
    const seconds = (performance.now() - began) / 1_000
    const sending = stop()
    const { user, system } = process.cpuUsage(cpu)
    const { accepted, unheard } = producer.stats()
    const measured = count - WARM_UP
    const perSecondOfProcessor = (measured * 1e6) / (user + system)
    const taken = await taking
    return { reference, sending, perSecond: measured / seconds, perSecondOfProcessor, accepted, unheard, taken }
  },
}

export type BusyLoop = typeof calls

answer(calls)

async function spin(): Promise<Lateness> {
  const stop = watchTimers()
  for (let i = 0; i < SPINS; i++) {
    const until = performance.now() + SPIN_MS
    while (performance.now() < until);
    await setImmediate()
  }
  return stop()
}

async function takeAll(from: Consumer, count: number): Promise<number> {
  let taken = 0
  for await (const batch of from.batches()) {
    taken += batch.length
    if (taken >= count) break
  }
  return taken
}

async function takeOne(from: Consumer, count: number): Promise<number> {
  let taken = 0
  for await (const _ of from) if (++taken === count) break
  return taken
}
