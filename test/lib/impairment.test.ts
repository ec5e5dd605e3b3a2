import fc from 'fast-check'
import { test } from 'tap'
import {
  type CheckedImpairment,
  checkImpairment,
  type Fate,
  fateOf,
  Impairer,
  type Impairment,
  type ImpairmentOptions,
  isSilent,
  LOST,
  UNHARMED,
} from '../../lib/impairment.js'
import { FakePlatform } from './support/fake-platform.js'

const checked = (given: ImpairmentOptions | string) => checkImpairment(given) as CheckedImpairment
const fates = (given: ImpairmentOptions | string, count: number) => {
  const impairment = checked(given)
  return Array.from({ length: count }, (_, index) => fateOf(impairment, index))
}
const shareOf = (all: readonly Fate[], wanted: (fate: Fate) => boolean) => all.filter(wanted).length / all.length

/** An impairer whose output is collected, under a clock that stands still. */
function impaired(impairment: ImpairmentOptions | string | Impairment) {
  const clock = new FakePlatform()
  const passed: (readonly [datagram: number, at: number])[] = []
  const impairer = new Impairer<number>(impairment, clock, (datagram) => passed.push([datagram, clock.now()]))
  return { clock, impairer, passed, order: () => passed.map(([datagram]) => datagram) }
}

test('gives the same datagram the same fate whenever the seed is the same', async (t) => {
  const impairment = 'loss=5%,duplicate=5%,reorder=5%,delay=0..3ms,seed=7'
  // As text: to compare thousands of small objects one by one takes seconds.
  const told = (text: string) => JSON.stringify(fates(text, 2_000))
  t.equal(told(impairment), told(impairment))
  t.same(fateOf(checked(impairment), 1_234), fates(impairment, 2_000)[1_234], 'asked out of order')
  t.not(told(impairment), told('loss=5%,duplicate=5%,reorder=5%,delay=0..3ms,seed=8'))
})

test('keeps to the fates of seed 7, from release to release', async (t) => {
  const all = fates('loss=5%,duplicate=5%,reorder=5%,seed=7', 100)
  const at = (wanted: (fate: Fate) => boolean) => all.flatMap((fate, index) => (wanted(fate) ? [index] : []))
  t.same(
    {
      lost: at((fate) => fate.length === 0),
      twice: at((fate) => fate.length === 2),
      late: at(([first]) => (first?.overtakenBy ?? 0) > 0),
    },
    { lost: [56, 64, 91], twice: [88, 89, 99], late: [50, 51, 68, 71] },
  )
})

test('loses, doubles and reorders the shares that it is told', async (t) => {
  const all = fates('loss=5%,duplicate=2%,reorder=10%,delay=1ms..5ms', 200_000)
  const near = (share: number, expected: number, what: string) =>
    t.ok(Math.abs(share - expected) < expected * 0.05, `${what}: ${share}, expected ${expected}`)
  near(
    shareOf(all, (fate) => fate.length === 0),
    0.05,
    'lost',
  )
  near(
    shareOf(all, (fate) => fate.length === 2),
    0.95 * 0.02,
    'twice',
  )
  const passages = all.flat()
  near(passages.filter(({ overtakenBy }) => overtakenBy > 0).length / passages.length, 0.1, 'overtaken')
  for (const depth of [1, 2, 3]) {
    near(passages.filter(({ overtakenBy }) => overtakenBy === depth).length / passages.length, 0.1 / 3, `by ${depth}`)
  }
  t.ok(passages.every(({ delayMs }) => delayMs >= 1 && delayMs < 5))
  near(passages.reduce((sum, { delayMs }) => sum + delayMs, 0) / passages.length, 3, 'mean delay')
})

test('draws each decision without regard to the others', async (t) => {
  const lost = (given: string) => fates(given, 5_000).flatMap((fate, index) => (fate.length === 0 ? [index] : []))
  const plain = lost('loss=5%')
  t.same(lost('loss=5%,duplicate=50%,reorder=50%,delay=0..9ms'), plain)
  const more = new Set(lost('loss=10%'))
  t.ok(
    plain.every((index) => more.has(index)),
    'what 5 % loses, 10 % loses as well',
  )
})

test('loses on lines of different seeds independently', async (t) => {
  const [a, b] = ['loss=20%,seed=1', 'loss=20%,seed=2'].map((given) => fates(given, 100_000))
  const both = a?.filter((fate, index) => fate.length === 0 && b?.[index]?.length === 0).length ?? 0
  t.ok(Math.abs(both / 100_000 - 0.04) < 0.003, `${both} of 100000 on both`)
  const pairs = a?.filter((fate, index) => fate.length === 0 && a[index + 1]?.length === 0).length ?? 0
  t.ok(Math.abs(pairs / 100_000 - 0.04) < 0.003, `${pairs} of 100000 followed by another one`)
})

test('has fates for indices beyond 32 bits', async (t) => {
  const at = (index: number) => fateOf(checked('loss=50%'), index).length
  const far = Array.from({ length: 64 }, (_, i) => at(2 ** 40 + i))
  t.notSame(
    far,
    Array.from({ length: 64 }, (_, i) => at(i)),
  )
  t.ok(far.includes(0) && far.includes(1))
})

test('loses every so-manieth exactly', async (t) => {
  const all = fates('lossEvery=4', 12)
  t.same(
    all.map((fate) => fate.length),
    [1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0],
  )
})

test('passes unharmed datagrams at once', async (t) => {
  const { impairer, order, clock } = impaired({})
  for (let i = 0; i < 3; i++) impairer.push(i)
  t.same(order(), [0, 1, 2])
  t.equal(clock.timers, 0)
  t.same(impairer.counts, {
    offered: 3,
    lost: 0,
    silenced: 0,
    duplicated: 0,
    reordered: 0,
    passed: 3,
    waiting: 0,
  })
})

test('lets later datagrams overtake, and does not wait for them for ever', async (t) => {
  const late = (overtakenBy: number): Fate => [{ delayMs: 0, overtakenBy }]
  const script = [late(2), UNHARMED, UNHARMED, UNHARMED, late(3), UNHARMED]
  const { impairer, passed, order, clock } = impaired((index) => script[index] ?? UNHARMED)
  for (let i = 0; i < 6; i++) impairer.push(i)
  t.same(order(), [1, 2, 0, 3, 5])
  t.match(impairer.counts, { reordered: 2, passed: 5, waiting: 1 })
  clock.advance(20)
  t.same(passed.at(-1), [4, 20])
  t.equal(clock.timers, 0)
})

test('passes a second copy, which others may overtake', async (t) => {
  const script: Fate[] = [
    [
      { delayMs: 0, overtakenBy: 0 },
      { delayMs: 0, overtakenBy: 1 },
    ],
    [...UNHARMED, ...UNHARMED],
  ]
  const { impairer, order } = impaired((index) => script[index] ?? LOST)
  for (let i = 0; i < 3; i++) impairer.push(i)
  t.same(order(), [0, 1, 0, 1])
  t.match(impairer.counts, { offered: 3, lost: 1, duplicated: 2, passed: 4 })
})

test('delays without changing the order', async (t) => {
  const delays = [5, 1, 0, 9]
  const { impairer, passed, clock } = impaired((index) => [{ delayMs: delays[index] ?? 0, overtakenBy: 0 }])
  for (let i = 0; i < 3; i++) impairer.push(i)
  clock.advance(4)
  t.same(passed, [])
  impairer.push(3)
  t.equal(impairer.counts.waiting, 4)
  clock.advance(1)
  t.same(passed, [
    [0, 5],
    [1, 5],
    [2, 5],
  ])
  clock.advance(100)
  t.same(passed.at(-1), [3, 13])
})

test('falls silent for a while, once or again and again', async (t) => {
  const once = checked('silence=2s..3s')
  t.same(
    [0, 1_999, 2_000, 2_999, 3_000, 12_500].map((ms) => isSilent(once, ms)),
    [false, false, true, true, false, false],
  )
  const often = checked('silence=2s..3s/10s')
  t.same(
    [1_999, 2_000, 3_000, 11_999, 12_000, 12_999, 13_000, 22_500].map((ms) => isSilent(often, ms)),
    [false, true, false, false, true, true, false, true],
  )
  const { impairer, order, clock } = impaired('silence=10ms..20ms')
  for (let i = 0; i < 6; i++) {
    impairer.push(i)
    clock.advance(5)
  }
  t.same(order(), [0, 1, 4, 5])
  t.match(impairer.counts, { offered: 6, silenced: 2, lost: 0, passed: 4 })
})

test('gives nothing out once it is closed, and counts what waited as lost', async (t) => {
  const { impairer, passed, clock } = impaired('delay=5ms')
  impairer.push(0)
  impairer.push(1)
  impairer.close()
  impairer.push(2)
  clock.advance(100)
  t.same(passed, [])
  t.equal(clock.timers, 0)
  t.match(impairer.counts, { offered: 2, lost: 2, passed: 0, waiting: 0 })
})

test('may be closed and fed from within', async (t) => {
  const clock = new FakePlatform()
  const order: number[] = []
  const impairer = new Impairer<number>({}, clock, (datagram) => {
    order.push(datagram)
    if (datagram < 3) impairer.push(datagram + 1)
    if (datagram === 3) impairer.close()
  })
  impairer.push(0)
  t.same(order, [0, 1, 2, 3])
  t.match(impairer.counts, { offered: 4, passed: 4, lost: 0, waiting: 0 })
  const late = new Impairer<number>(
    () => [{ delayMs: 1, overtakenBy: 0 }],
    clock,
    () => late.close(),
  )
  late.push(0)
  late.push(1)
  clock.advance(5)
  t.match(late.counts, { passed: 1, lost: 1, waiting: 0 })
})

test('balances its books whatever happens', async (t) => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const options = fc.record({
    seed: fc.nat(),
    loss: share,
    duplicate: share,
    reorder: share,
    reorderDepth: fc.integer({ min: 1, max: 5 }),
    reorderMs: fc.nat(20),
    delayMs: fc.nat(10),
  })
  fc.assert(
    fc.property(options, fc.array(fc.nat(8), { maxLength: 60 }), (given, pauses) => {
      const { impairer, passed, clock } = impaired(given)
      for (const [i, pause] of pauses.entries()) {
        impairer.push(i)
        const { offered, duplicated, lost, silenced, passed, waiting } = impairer.counts
        if (offered + duplicated !== lost + silenced + passed + waiting) return false
        clock.advance(pause)
      }
      clock.advance(1_000)
      const { offered, duplicated, lost, waiting } = impairer.counts
      return waiting === 0 && clock.timers === 0 && passed.length === offered + duplicated - lost
    }),
  )
  t.pass('for any options and any pauses')
})

test('reads short text', async (t) => {
  const rest = { lossEvery: undefined, reorderDepth: 3, reorderMs: 20, silence: undefined }
  t.strictSame(checked('loss=5%,duplicate=1%,reorder=2%,delay=0..3ms,seed=7'), {
    ...rest,
    seed: 7,
    loss: 0.05,
    duplicate: 0.01,
    reorder: 0.02,
    delayMs: { min: 0, max: 3 },
  })
  t.match(checked('loss=0.25, delay=1.5ms'), { loss: 0.25, delayMs: { min: 1.5, max: 1.5 }, seed: 1 })
  t.match(checked('delay=500ms..1s,silence=1m..2m/1h'), {
    delayMs: { min: 500, max: 1_000 },
    silence: { fromMs: 60_000, toMs: 120_000, everyMs: 3_600_000 },
  })
  t.match(checked('lossEvery=20,reorderDepth=9,reorderMs=50ms'), { lossEvery: 20, reorderDepth: 9, reorderMs: 50 })
  t.strictSame(checked({ ...checked('loss=5%,seed=3') } as ImpairmentOptions), checked('loss=5%,seed=3'))
})

test('says what is wrong with its options', async (t) => {
  const cases: readonly (readonly [given: unknown, message: RegExp])[] = [
    [5, /impair must be an object with seed, loss, .* and silence, got 5/],
    ['', /impair must be written as 'loss=5%,.*', got ''/],
    ['loss', /impair must be written as .*, got 'loss'/],
    ['loss=5%,', /impair must be written as/],
    ['loss=105%', /impair\.loss must be a number from 0 to 1, got 1\.05/],
    ['loss=some', /impair\.loss must be a number from 0 to 1, got 'some'/],
    ['lose=5%', /impair\.lose is not an option of impair; did you mean impair\.loss\?/],
    ['loss=5%,loss=6%', /impair gives loss twice/],
    ['seed=-1', /impair\.seed must be an integer from 0 to 4294967295, got -1/],
    ['delay=3ms..1ms', /impair\.delayMs\.max must be at least impair\.delayMs\.min \(3\), got 1/],
    ['delay=1..2..3', /impair\.delayMs must be a number from 0 to 60000 \(milliseconds\), got '1\.\.2\.\.3'/],
    ['silence=3s', /impair\.silence must be an object with fromMs, toMs and everyMs, got '3s'/],
    ['silence=3s..2s', /impair\.silence\.toMs must be more than impair\.silence\.fromMs \(3000\), got 2000/],
    ['silence=1s..3s/1s', /impair\.silence\.everyMs must be at least as long as the silence \(2000\), got 1000/],
    [{ silence: { fromMs: 5 } }, /impair\.silence\.toMs must be more than/],
    [{ reorderDepth: 0 }, /impair\.reorderDepth must be an integer from 1 to 1000, got 0/],
    [{ lossEvery: 1 }, /impair\.lossEvery must be an integer from 2 to 1000000000, got 1/],
  ]
  for (const [given, message] of cases) {
    t.throws(() => checkImpairment(given), { code: 'BAD_OPTION', message }, String(message))
  }
})
