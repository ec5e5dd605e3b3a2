import { deliveries, type Task } from './contender.js'
import { Worker } from './processes.js'
import type { Arrivals, Use } from './receiving.js'
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
  /** How many messages were to be delivered, and how many of them were lost. */
  readonly expected: number
  readonly lost: number
  /** CPU time for each message delivered, in the sending and in the receiving process, or in the only one. */
  readonly cpu: readonly number[]
  /** Bytes resident in each process. */
  readonly rss: readonly number[]
  readonly remark?: string | undefined
}

export interface Conditions {
  /** The folder of the contenders. */
  readonly suite: string
  /** The messages of each entry are multiplied by this. */
  readonly scale: number
  readonly profiles: string | undefined
}

/** Measures one entry of a row once, in fresh processes. */
export function measure(row: Row, entry: Entry, conditions: Conditions): Promise<Measurement> {
  const { manner, rate } = entry
  const task: Task = { ...row.task, ...(manner !== undefined && { manner }), ...(rate !== undefined && { rate }) }
  return row.work === 'alone' ? measureAlone(task, entry, conditions) : measurePair(row, task, entry, conditions)
}

async function measureAlone(task: Task, entry: Entry, { suite, scale, profiles }: Conditions): Promise<Measurement> {
  const worker = new Worker(`./${suite}/${entry.contender}.js`, 'alone', task, profiles)
  try {
    await worker.call('open')
    const messages = Math.ceil(entry.messages * scale)
    await worker.call('use', Math.ceil(messages * WARM_UP))
    const seconds = await worker.call<number>('use', messages)
    const { cpu, rss } = await worker.call<Usage>('usage')
    const rate = messages / seconds
    return { rate, latencies: undefined, expected: messages, lost: 0, cpu: [cpu / messages], rss: [rss] }
  } finally {
    await worker.close()
  }
}

async function measurePair(
  row: Row,
  task: Task,
  entry: Entry,
  { suite, scale, profiles }: Conditions,
): Promise<Measurement> {
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
    const { seconds, latencies, delivered } = await run(row, task, messages, sending, receiving)
    const usage = [await sending.call<Usage>('usage'), await receiving.call<Usage>('usage')] as const
    const expected = deliveries(task, messages)
    return {
      rate: delivered / seconds,
      latencies,
      expected,
      lost: expected - delivered,
      cpu: [usage[0].cpu / delivered, usage[1].cpu / delivered],
      rss: [usage[0].rss, usage[1].rss],
      remark: await receiving.call<string | undefined>('remark'),
    }
  } finally {
    await Promise.all([sending.close(), receiving.close()])
  }
}

interface Outcome {
  readonly seconds: number
  readonly delivered: number
  readonly latencies: Latencies | undefined
}

async function run(row: Row, task: Task, count: number, sending: Worker, receiving: Worker): Promise<Outcome> {
  if (row.work === 'ping') {
    await Promise.all([sending.call('begin'), receiving.call('begin')])
    const from = performance.now()
    const latencies = await sending.call<Latencies>('ping', count)
    return { seconds: (performance.now() - from) / 1e3, delivered: count, latencies }
  }
  const expected = deliveries(task, count)
  await receiving.call('expect', expected)
  await sending.call('begin')
  if (row.lossy) {
    const from = await sending.call<number>(row.work, count)
    const { count: delivered, at } = await receiving.call<Arrivals>('settled')
    return { seconds: (at - from) / 1e6, delivered, latencies: undefined }
  }
  const argument = row.work === 'pace' ? { count, rate: row.rate } : count
  const [from, to] = await Promise.all([sending.call<number>(row.work, argument), receiving.call<number>('arrived')])
  const latencies = row.work === 'pace' ? await receiving.call<Latencies>('latencies') : undefined
  return { seconds: (to - from) / 1e6, delivered: expected, latencies }
}

function useOf({ work }: Row): Use {
  if (work === 'ping') return 'answer'
  return work === 'pace' ? 'time' : 'touch'
}
