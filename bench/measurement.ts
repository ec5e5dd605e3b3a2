import { deliveries, type Task } from './contender.js'
import { Worker } from './processes.js'
import type { Use } from './receiving.js'
import type { Entry, Row } from './row.js'
import type { Latencies } from './statistics.js'
import type { Usage } from './usage.js'

/** The part of the messages that is sent before anything is measured. */
const WARM_UP = 1 / 3

/** One run of one entry. Times in microseconds. */
export interface Measurement {
  /** Messages delivered per second. */
  readonly rate: number
  readonly latencies: Latencies | undefined
  /** CPU time for each message delivered, in the sending and in the receiving process. */
  readonly cpu: readonly [sending: number, receiving: number]
  /** Bytes resident in either process. */
  readonly rss: readonly [sending: number, receiving: number]
}

export interface Conditions {
  /** The folder of the contenders. */
  readonly suite: string
  /** The messages of each entry are multiplied by this. */
  readonly scale: number
  readonly profiles: string | undefined
}

/** Measures one entry of a row once, in two fresh processes. */
export async function measure(row: Row, entry: Entry, { suite, scale, profiles }: Conditions): Promise<Measurement> {
  const { manner } = entry
  const task: Task = { ...row.task, ...(manner !== undefined && { manner }) }
  const module = `./${suite}/${entry.contender}.js`
  const sending = new Worker(module, 'sending', task, profiles)
  const receiving = new Worker(module, 'receiving', task, profiles)
  try {
    const port = await sending.call<number>('open')
    const back = await receiving.call<number | undefined>('open', { port, use: useOf(row) })
    await sending.call('linked')
    if (row.work === 'ping') {
      await sending.call('hear', back)
      if (back !== undefined) await receiving.call('arrived')
    }
    const messages = Math.ceil((entry.messages * scale) / task.topics) * task.topics
    const warmUp = Math.ceil((messages * WARM_UP) / task.topics) * task.topics
    await run(row, task, warmUp, sending, receiving)
    const { seconds, latencies } = await run(row, task, messages, sending, receiving)
    const usage = [await sending.call<Usage>('usage'), await receiving.call<Usage>('usage')] as const
    const delivered = deliveries(task, messages)
    return {
      rate: delivered / seconds,
      latencies,
      cpu: [usage[0].cpu / delivered, usage[1].cpu / delivered],
      rss: [usage[0].rss, usage[1].rss],
    }
  } finally {
    await Promise.all([sending.close(), receiving.close()])
  }
}

interface Outcome {
  readonly seconds: number
  readonly latencies: Latencies | undefined
}

async function run(row: Row, task: Task, count: number, sending: Worker, receiving: Worker): Promise<Outcome> {
  if (row.work === 'ping') {
    await Promise.all([sending.call('begin'), receiving.call('begin')])
    const from = performance.now()
    const latencies = await sending.call<Latencies>('ping', count)
    return { seconds: (performance.now() - from) / 1e3, latencies }
  }
  await receiving.call('expect', deliveries(task, count))
  await sending.call('begin')
  const argument = row.work === 'pace' ? { count, rate: row.rate } : count
  const [from, to] = await Promise.all([sending.call<number>(row.work, argument), receiving.call<number>('arrived')])
  const latencies = row.work === 'pace' ? await receiving.call<Latencies>('latencies') : undefined
  return { seconds: (to - from) / 1e6, latencies }
}

function useOf({ work }: Row): Use {
  if (work === 'ping') return 'answer'
  return work === 'pace' ? 'time' : 'touch'
}
