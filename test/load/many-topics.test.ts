import { test } from 'tap'
import type { ProducerOptions } from '../../lib/index.js'
import { Program } from '../support/program.js'
import type { ProducerProgram } from '../support/programs/producer.js'
import type { Readers } from '../support/programs/readers.js'

const MIB = 1024 * 1024
const MEMORY = 64 * MIB
const COUNT = 1_000_000
/** The engine lets its heap grow to several times what is in use before it cleans up, but not with the topics. */
const FIRST = 500_000

/** What must not keep topics alive: links that see them all, through no filter and through one, and retention. */
const cases: readonly {
  readonly what: string
  readonly prefixes: readonly (readonly string[])[]
  readonly options?: ProducerOptions
  /** What the producer may go on keeping, in bytes. */
  readonly kept: number
}[] = [
  { what: 'nobody listens', prefixes: [], kept: 0 },
  { what: 'somebody wants everything', prefixes: [['']], kept: 0 },
  { what: 'some want a part', prefixes: [['t.'], ['t.00'], ['t.0999', 'u']], kept: 0 },
  { what: '1 MiB of the past is retained', prefixes: [['t.']], options: { retain: '1MiB' }, kept: 8 * MIB },
  {
    what: 'the newest of every topic is retained',
    prefixes: [['t.']],
    options: { retain: 'latest-per-topic' },
    kept: MEMORY,
  },
]

for (const { what, prefixes, options, kept } of cases) {
  test(`1,000,000 topics used once: memory comes back when ${what}`, async (t) => {
    const producer = Program.start<ProducerProgram>('producer')
    const readers = Program.start<Readers>('readers')
    t.teardown(() => Promise.all([producer.kill(), readers.kill()]))
    const url = await producer.call('open', {
      url: 'tcp://127.0.0.1:0',
      options: { memory: { bytes: MEMORY }, ...options },
    })
    await readers.call(
      'open',
      prefixes.map((each) => ({ url, kind: 'fanwire', prefixes: each })),
    )
    await producer.call('linked', { count: prefixes.length })

    const publish = (count: number) =>
      producer.call('publish', { count, bytes: 100, topics: COUNT, checkEvery: 50_000 })
    const early = await publish(FIRST)
    const report = await publish(COUNT - FIRST)
    await producer.call('flush')
    const { used } = (await producer.call('stats')).memory
    const { total, alive } = await producer.call('grown')
    const perSecond = Math.round(COUNT / (early.seconds + report.seconds)).toLocaleString('en')
    t.comment(
      `${perSecond} a second; the process grew by ${mib(report.grown)} MiB at most, ${mib(total)} MiB at rest, of which ` +
        `${mib(alive)} MiB are in use; the producer counts ${mib(used)} MiB`,
    )
    t.strictSame(report.unbalanced, [])
    t.ok(
      report.grown <= 1.5 * early.grown,
      `as many topics again need half more at most: ${mib(early.grown)} MiB before`,
    )
    t.ok(alive <= kept + 16 * MIB, 'what is in use has come back')
    t.ok(used <= kept + 8 * MIB, 'what the producer counts has come back')
    await producer.call('close', {})
    await readers.call('ended')
    const counts = await readers.call('counts')
    t.strictSame(
      counts.map(({ received, filtered, misnumbered }) => [received + filtered, misnumbered]),
      prefixes.map(() => [COUNT, 0]),
    )
  })
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1)
}
