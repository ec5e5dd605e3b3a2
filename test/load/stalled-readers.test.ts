import { type Test, test } from 'tap'
import type { ProducerOptions, ProducerStats } from '../../lib/index.js'
import { balanceLink, countDropped, type ProducerLinkLedger } from '../../lib/ledger.js'
import { Program } from '../support/program.js'
import type { EndedLink, ProducerProgram } from '../support/programs/producer.js'
import type { Readers } from '../support/programs/readers.js'
import type { ReaderCounts, ReaderOptions } from '../support/raw-reader.js'
import { topicOf } from '../support/topics.js'

const MIB = 1024 * 1024
const MEMORY = 64 * MIB
const ALLOWED = MEMORY + 32 * MIB
const HEALTHY = 49
/** More than a kernel swallows, and more than the limit of a link. */
const COUNT = 24_000
const BYTES = 1_024

/** What the policy does to a reader that has stopped: keeps the link and drops, or cuts it off. */
const policies: readonly {
  readonly overflow: ProducerOptions['overflow'] & string
  readonly fate: 'has gaps' | 'is cut off' | 'is closed by the application, which is refused'
}[] = [
  { overflow: 'drop:newest', fate: 'has gaps' },
  { overflow: 'drop:oldest', fate: 'has gaps' },
  { overflow: 'drop:latest-per-topic', fate: 'has gaps' },
  { overflow: 'buffer:16MiB:disconnect', fate: 'is cut off' },
  { overflow: 'buffer:16MiB:drop', fate: 'has gaps' },
  { overflow: 'buffer:16MiB:refuse', fate: 'is closed by the application, which is refused' },
  { overflow: 'backpressure:500ms:disconnect', fate: 'is cut off' },
  { overflow: 'backpressure:500ms:drop', fate: 'has gaps' },
  { overflow: 'backpressure:100ms:reject', fate: 'is closed by the application, which is refused' },
]

for (const { overflow, fate } of policies) {
  test(`${overflow}: a stalled reader of either kind ${fate}, 49 healthy ones lose nothing`, async (t) => {
    const { links, report, flush, finish } = await stall(t, overflow, ['foreign', 'fanwire'])
    t.equal(links.length, HEALTHY + (fate === 'has gaps' ? 2 : 0))
    t.equal(report.refused > 0, fate === 'is closed by the application, which is refused')
    if (fate === 'has gaps') await flush()
    await finish()
  })
}

for (const kind of ['foreign', 'fanwire'] as const) {
  test(`a thousand stalled ${kind} readers cost 49 healthy ones nothing`, async (t) => {
    const { links, finish } = await stall(t, 'drop:newest', Array(1_000).fill(kind))
    t.equal(links.length, HEALTHY + 1_000)
    await finish()
  })
}

/** Publishes to 49 readers that read and to some that do not, and sees what has become of it. */
async function stall(t: Test, overflow: ProducerOptions['overflow'] & string, kinds: readonly ReaderOptions['kind'][]) {
  const producer = Program.start<ProducerProgram>('producer')
  const readers = Program.start<Readers>('readers')
  t.teardown(() => Promise.all([producer.kill(), readers.kill()]))
  const options = { overflow, memory: { bytes: MEMORY }, maxLinks: 2_000 }
  const url = await producer.call('open', { url: 'tcp://127.0.0.1:0', options })
  const healthy = Array.from({ length: HEALTHY }, (_, i) => kindOf(i))
  const opened = await readers.call('open', [
    ...healthy.map((kind) => ({ url, kind })),
    ...kinds.map((kind) => ({ url, kind, stalls: true })),
  ])
  const stalled = opened.slice(HEALTHY).map(({ address }) => address)
  await producer.call('linked', { count: opened.length, topic: topicOf(0) })

  // Each topic once before the healthy have it, so that conflation has nothing to do for them.
  const report = await producer.call('publish', { count: COUNT, bytes: BYTES, topics: 100, paceEvery: 100, stalled })
  t.strictSame(report.unbalanced, [], 'every sum held at every moment')
  t.ok(report.grown <= ALLOWED, `memory grew by ${mib(report.grown)} MiB at most, ${mib(ALLOWED)} allowed`)
  const { links } = report.stats
  const shown = kinds.slice(0, 2).map((kind, i) => `${kind} ${summary(links, stalled[i])}`)
  t.comment(`${mib(report.grown)} MiB, ${report.seconds.toFixed(1)} s, ${report.refused} refused; ${shown.join('; ')}`)

  /** Reads to the end what the system has kept for those that stalled, and compares. */
  const finish = async () => {
    await readers.call(
      'read',
      Array.from(stalled.keys(), (place) => HEALTHY + place),
    )
    await producer.call('close', { drainMs: 0 })
    await readers.call('ended')
    const counts = await readers.call('counts')
    t.strictSame(
      counts.slice(0, HEALTHY).filter((each) => !hasAll(each)),
      [],
      'healthy readers have every message, in order',
    )
    const ended = await producer.call('ended')
    t.equal(ended.length, opened.length)
    const wrong = counts.slice(HEALTHY).flatMap((each, i) => {
      const { ledger } = ended.find(({ remote }) => remote === each.address) as EndedLink
      return differences(each, ledger, kinds[i])
    })
    t.strictSame(wrong, [], 'the ledger of whoever stalled says exactly what it got')
  }
  const flush = async () => {
    await readers.call(
      'read',
      Array.from(stalled.keys(), (place) => HEALTHY + place),
    )
    await producer.call('flush')
  }
  return { links, report, flush, finish }
}

function kindOf(place: number): ReaderOptions['kind'] {
  return place % 2 === 0 ? 'foreign' : 'fanwire'
}

function summary(links: ProducerStats['links'], remote: string | undefined): string {
  const link = links.find((each) => each.remote === remote)
  if (link === undefined) return 'is gone'
  const { waiting, inFlight, handed } = link
  return `handed ${handed}, in flight ${inFlight}, waiting ${waiting}, dropped ${countDropped(link.dropped)}`
}

function hasAll({ received, first, last, passed, disordered, misnumbered }: ReaderCounts): boolean {
  return received === COUNT && first === 1 && last === COUNT && passed + disordered + misnumbered === 0
}

/** What the reader has counted against what the producer says. */
function differences(
  counts: ReaderCounts,
  ledger: ProducerLinkLedger,
  kind: ReaderOptions['kind'] | undefined,
): string[] {
  const { received, disordered, misnumbered, declared, filtered, acknowledged } = counts
  const { handed, inFlight, waiting, considered } = ledger
  const dropped = countDropped(ledger.dropped)
  const isCut = waiting > 0 || considered < COUNT
  const isFanwire = kind === 'fanwire'
  // Of a write that was cut off the kernel may have taken a part. What it has is lost when the reader answers to nobody.
  const least = isCut ? (isFanwire ? (ledger.acknowledged ?? 0) : handed) : handed
  const claims: readonly (readonly [claim: string, holds: boolean])[] = [
    [balanceLink(ledger) ?? '', balanceLink(ledger) === undefined],
    ['handed = received', received >= least && received <= handed + inFlight],
    [
      'unknown = handed − acknowledged',
      !isFanwire || ledger.unknown === handed + inFlight - (ledger.acknowledged ?? 0),
    ],
    ['in order', disordered === 0],
    ['numbers are right', misnumbered === 0],
    ['something did not get through', dropped + waiting > 0],
    ['dropped = declared', isCut || !isFanwire || declared === dropped],
    ['filtered = filtered', filtered === ledger.filtered],
    ['acknowledged = acknowledged', isCut || !isFanwire || ledger.acknowledged === acknowledged],
  ]
  return claims.flatMap(([claim, holds]) =>
    holds ? [] : [`${claim}: ${JSON.stringify(counts)} against ${JSON.stringify(ledger)}`],
  )
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1)
}
