import type { ConsumerStats, ProducerStats } from 'fanwire'
import type { Requests } from './reports.js'

/** What became of the datagrams of one line, as the publisher has it: `offered + duplicated = lost + passed + waiting`. */
export interface SentLine {
  readonly url: string
  readonly offered: number
  readonly duplicated: number
  readonly lost: number
  readonly reordered: number
  readonly passed: number
  readonly waiting: number
  /** Those that the system did not take. */
  readonly failed: number
  /** Messages, before anything happened to their datagrams. */
  readonly messages: number
}

/** What one line has brought, as a receiver has it. */
export interface LineReport {
  readonly url: string
  /** Datagrams. */
  readonly datagrams: number
  /** Datagrams for which the system had no room; missing where it does not tell. */
  readonly kernelDrops: number | undefined
  /** Datagrams that were of no use. */
  readonly rejected: number
  /** Messages, those that came twice among them. */
  readonly received: number
  /** Numbers that it did not bring. */
  readonly missed: number
  /** Numbers that it brought more than once. */
  readonly duplicates: number
  /** Messages that it brought before anybody else. */
  readonly wins: number
}

interface SentCounts {
  readonly lines: readonly {
    readonly url: string
    readonly failed: number
    readonly impairment: Omit<SentLine, 'url' | 'failed' | 'messages'> | undefined
    readonly sent: number
  }[]
  readonly requests?: Requests
}

interface ReceivedCounts {
  readonly url: string
  readonly received: number
  readonly kernelDrops: number | undefined
  readonly rejected: Readonly<Record<string, number>>
}

/** The publisher's side of each line. */
export function sentLines({ ends, links }: ProducerStats): SentLine[] {
  return (ends as readonly SentCounts[]).flatMap(({ lines }) =>
    lines.map(({ url, failed, sent, impairment }) => {
      const unharmed = { offered: sent, duplicated: 0, lost: 0, reordered: 0, passed: sent, waiting: 0 }
      const { offered, duplicated, lost, reordered, passed, waiting } = impairment ?? unharmed
      const messages = links.find(({ remote }) => remote === url)?.handed ?? 0
      return { url, messages, offered, duplicated, lost, reordered, passed, waiting, failed }
    }),
  )
}

export function requestsOf({ ends }: ProducerStats): Requests {
  const { answered = 0, refused = {} } =
    (ends as readonly SentCounts[]).find(({ requests }) => requests)?.requests ?? {}
  return { answered, refused }
}

/** A receiver's side of each line. */
export function receivedLines({ ends, links }: ConsumerStats): LineReport[] {
  return (ends as readonly ReceivedCounts[]).map(({ url, received: datagrams, kernelDrops, rejected }) => {
    const link = links.find(({ remote }) => remote.startsWith(`${url} from `))
    const { missed = 0, duplicates = 0, wins = 0 } = link?.line ?? {}
    return {
      url,
      datagrams,
      kernelDrops,
      rejected: Object.values(rejected).reduce((sum, count) => sum + count, 0),
      received: link?.received ?? 0,
      missed,
      duplicates,
      wins,
    }
  })
}
