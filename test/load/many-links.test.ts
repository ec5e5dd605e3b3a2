import { type Test, test } from 'tap'
import { balanceLink, type ProducerLinkLedger } from '../../lib/ledger.js'
import { Program } from '../support/program.js'
import type { ProducerProgram } from '../support/programs/producer.js'
import type { Readers } from '../support/programs/readers.js'
import type { ReaderCounts, ReaderOptions } from '../support/raw-reader.js'
import { topicOf } from '../support/topics.js'

const MIB = 1024 * 1024
const MEMORY = 64 * MIB

test('1,000 links with distinct filters get each what it wants, of 200,000 messages', async (t) => {
  await fan(t, { links: 1_000, topics: 1_000, each: 1, count: 200_000 })
})

test('50 links get 1 % each of 10,000 topics, of 1,000,000 messages', async (t) => {
  await fan(t, { links: 50, topics: 10_000, each: 100, count: 1_000_000 })
})

interface Fan {
  readonly links: number
  readonly topics: number
  /** Topics that each link wants; no two want the same while there are enough. */
  readonly each: number
  readonly count: number
}

async function fan(t: Test, { links, topics, each, count }: Fan): Promise<void> {
  const producer = Program.start<ProducerProgram>('producer')
  const readers = Program.start<Readers>('readers')
  t.teardown(() => Promise.all([producer.kill(), readers.kill()]))
  const options = { memory: { bytes: MEMORY } }
  const url = await producer.call('open', { url: 'tcp://127.0.0.1:0', options })
  const kindOf = (place: number): ReaderOptions['kind'] => (place % 2 === 0 ? 'fanwire' : 'foreign')
  const topicsOf = (place: number) => Array.from({ length: each }, (_, i) => topicOf((place + i * links) % topics))
  const opened = await readers.call(
    'open',
    Array.from({ length: links }, (_, place) => ({ url, kind: kindOf(place), prefixes: topicsOf(place) })),
  )
  // Each topic has one link that wants it; the last of the last link's is the last to be subscribed to.
  await producer.call('linked', { count: links })
  await producer.call(
    'wanted',
    Array.from(opened.keys(), (place) => topicsOf(place).at(-1) as string),
  )
  const report = await producer.call('publish', { count, bytes: 100, topics })
  await producer.call('flush')
  const atRest = await producer.call('grown')
  await producer.call('close', {})
  await readers.call('ended')

  const delivered = (count / topics) * each
  const perSecond = (rate: number) => Math.round(rate / report.seconds).toLocaleString('en')
  t.comment(
    `${perSecond(count)} sent and ${perSecond(delivered * links)} delivered a second, sums checked on the way; ` +
      `${mib(report.grown)} MiB at most, ${mib(atRest.total)} MiB at rest`,
  )
  t.strictSame(report.unbalanced, [], 'every sum held at every moment')
  t.ok(report.grown <= MEMORY + 32 * MIB, `memory grew by ${mib(report.grown)} MiB at most`)

  const ended = await producer.call('ended')
  const ledgers = new Map(ended.map(({ remote, ledger }) => [remote, ledger]))
  const wrong = (await readers.call('counts')).flatMap((counts, place) =>
    differences(counts, ledgers.get(counts.address), { kind: kindOf(place), count, delivered }),
  )
  t.strictSame(wrong, [], 'each has what it wants, and nothing else; so its ledger says')
}

/** What a reader has counted against what the producer says. */
function differences(
  counts: ReaderCounts,
  ledger: ProducerLinkLedger | undefined,
  expected: { readonly kind: ReaderOptions['kind']; readonly count: number; readonly delivered: number },
): string[] {
  const { kind, count, delivered } = expected
  const { received, disordered, misnumbered, filtered, declared } = counts
  const right =
    ledger !== undefined &&
    balanceLink(ledger) === undefined &&
    received === delivered &&
    ledger.handed === delivered &&
    ledger.considered === count &&
    ledger.filtered === count - delivered &&
    disordered + misnumbered + declared === 0 &&
    filtered === (kind === 'fanwire' ? count - delivered : 0)
  return right ? [] : [`${JSON.stringify(counts)} against ${JSON.stringify(ledger)}`]
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1)
}
