import fc from 'fast-check'
import t from 'tap'
import { type GapChange, Gaps } from '../../lib/gaps.js'

/** What a table's line says of a gap: `open 5-8`, `recovered 5-8 (2)` where fewer are meant than the range holds. */
function told(changes: readonly GapChange[]): string[] {
  return changes.map(({ from, to, missing, state }) => {
    return `${state} ${from}-${to}${missing === to - from ? '' : ` (${missing})`}`
  })
}

t.test('tells each fate of missing numbers once', async (t) => {
  const cases: readonly [what: string, act: (gaps: Gaps) => void, expected: string[]][] = [
    ['numbers in order', (gaps) => [1, 2, 3].forEach((number) => void gaps.arrive(number, 0)), []],
    ['a jump', (gaps) => gaps.arrive(4, 0), ['open 1-4']],
    ['a stream that goes on further on', (gaps) => gaps.reach(4, false, 0), ['open 1-4']],
    ['a place that was reached before', (gaps) => [gaps.reach(4, false, 0), gaps.reach(2, false, 0)], ['open 1-4']],
    ['a gap given up at once, which was never open', (gaps) => [gaps.reach(4, false, 0), gaps.settle(4)], ['lost 1-4']],
    ['a gap given up in part', (gaps) => [gaps.reach(4, false, 0), gaps.settle(3)], ['lost 1-3', 'open 3-4']],
    ['numbers that a policy dropped', (gaps) => [gaps.skip(1, 4, 'dropped', 0), gaps.settle(4)], ['dropped 1-4']],
    ['numbers that a filter passed over', (gaps) => gaps.skip(1, 4, 'filtered', 0), []],
    [
      'numbers passed over by one line and missing on another',
      (gaps) => [gaps.reach(4, false, 0), gaps.skip(1, 4, 'filtered', 0)],
      ['recovered 1-4'],
    ],
    [
      'a gap in the middle of which a policy dropped',
      (gaps) => [gaps.reach(6, false, 0), gaps.skip(2, 4, 'dropped', 0), gaps.settle(6)],
      ['lost 1-2', 'dropped 2-4', 'lost 4-6'],
    ],
    [
      'a gap that is filled from both ends, and not quite',
      (gaps) => {
        gaps.arrive(6, 0)
        for (const number of [1, 5, 2, 4]) gaps.arrive(number, 0)
        gaps.settle(6)
      },
      ['lost 3-4', 'recovered 1-6 (4)'],
    ],
    [
      'numbers declared dropped that another line brings all the same',
      (gaps) => [gaps.skip(1, 3, 'dropped', 0), gaps.arrive(1, 0), gaps.arrive(2, 0)],
      ['recovered 1-3'],
    ],
    [
      'what was missing long enough',
      (gaps) => [gaps.arrive(3, 10), gaps.arrive(5, 20), gaps.settle(Infinity, 10)],
      ['lost 1-3', 'open 4-5'],
    ],
    [
      'numbers given up out of their order',
      (gaps) => [gaps.arrive(4, 0), gaps.abandon(2, 3), gaps.settle(2)],
      ['lost 2-3', 'lost 1-2', 'open 3-4'],
    ],
    [
      'a past that is fetched, of which only the loss is told',
      (gaps) => {
        gaps.fetch(6, 0)
        gaps.fetch(6, 0)
        for (const number of [1, 2, 5]) gaps.arrive(number, 0)
        gaps.abandon(3, 4)
        gaps.arrive(4, 0)
      },
      ['lost 3-4'],
    ],
  ]
  for (const [what, act, expected] of cases) {
    const gaps = new Gaps(1)
    act(gaps)
    t.strictSame(told(gaps.takeChanges()), expected, what)
    t.strictSame(gaps.takeChanges(), [], 'and nothing twice')
  }
})

t.test('tells a gap open before its end when somebody asked in between', async (t) => {
  const gaps = new Gaps(10)
  gaps.arrive(13, 0)
  t.strictSame(told(gaps.takeChanges()), ['open 10-13'])
  gaps.arrive(11, 1)
  t.strictSame(told(gaps.takeChanges()), [])
  gaps.settle(13)
  t.strictSame(told(gaps.takeChanges()), ['lost 10-11', 'lost 12-13', 'recovered 10-13 (1)'])
})

t.test('tells late, doubled and needed numbers apart', async (t) => {
  const gaps = new Gaps(100)
  t.equal(gaps.arrive(100, 0), 'next')
  t.equal(gaps.arrive(105, 0), 'ahead')
  t.equal(gaps.arrive(102, 0), 'filled')
  t.equal(gaps.arrive(102, 0), 'duplicate')
  t.equal(gaps.arrive(99, 0), 'late', 'before the first')
  gaps.settle(105)
  t.equal(gaps.arrive(101, 0), 'late', 'given up')
  gaps.skip(106, 108, 'dropped', 0)
  gaps.settle(108)
  t.equal(gaps.arrive(107, 0), 'late', 'given up because a policy had dropped it')
  t.match(gaps, { late: 3, duplicates: 1, lost: 3, declared: 2, missing: 0, next: 108 })
})

t.test('begins where the past that can be had begins', async (t) => {
  const gaps = new Gaps(1)
  gaps.fetch(10, 0)
  gaps.begin(4)
  t.match(gaps, { first: 4, next: 10, missing: 6, lost: 0, lowest: 4 })
  gaps.arrive(4, 0)
  gaps.begin(7)
  t.equal(gaps.first, 4, 'it has begun')
  const none = new Gaps(1)
  none.fetch(10, 0)
  none.arrive(10, 0)
  none.begin(20)
  t.match(none, { first: 10, next: 11, missing: 0 })
  t.strictSame(none.takeChanges(), [])
})

t.test('remembers what it gave up in bounded memory', async (t) => {
  const gaps = new Gaps(0)
  for (let number = 1; number < 1_000; number += 2) gaps.arrive(number, 0)
  gaps.settle(1_000)
  t.equal(gaps.arrive(998, 0), 'late')
  t.equal(gaps.arrive(0, 0), 'duplicate', 'long ago')
  const one = new Gaps(0)
  for (let number = 0; number < 1_000; number++) {
    one.reach(number + 1, number % 2 === 0, 0)
    one.settle(number + 1)
  }
  t.equal(one.arrive(0, 0), 'late', 'neighbours are one range')
})

type Fate = 'arrived' | 'filtered' | 'declared' | 'lost' | 'missing' | 'doomed'

/** One gap as it was first seen, and what has been told of its numbers. */
interface Seen {
  readonly size: number
  settled: number
}

/** The same in the plainest way: every number by itself. `doomed` is missing, and said to have been dropped. */
class Model {
  readonly fates = new Map<number, Fate>()
  readonly since = new Map<number, number>()
  readonly seen = new Map<number, Seen>()
  readonly toldOpen = new Set<number>()
  readonly toldEnd = new Set<number>()
  next: number
  /** The gap that nobody is told of while it is being filled. */
  fetched: Seen | undefined
  late = 0
  duplicates = 0

  constructor(readonly first: number) {
    this.next = first
  }

  count(...fates: readonly Fate[]): number {
    return [...this.fates.values()].filter((fate) => fates.includes(fate)).length
  }

  isMissing(number: number): boolean {
    const fate = this.fates.get(number)
    return fate === 'missing' || fate === 'doomed'
  }

  get missing(): number[] {
    return [...this.fates.keys()].filter((number) => this.isMissing(number)).sort((a, b) => a - b)
  }

  arrive(number: number, now: number): string {
    if (number >= this.next) {
      const answer = number === this.next ? 'next' : 'ahead'
      this.reach(number, 'missing', now)
      this.fates.set(number, 'arrived')
      this.next = number + 1
      return answer
    }
    const fate = this.fates.get(number)
    if (this.isMissing(number)) {
      this.fates.set(number, 'arrived')
      return 'filled'
    }
    if (fate === 'arrived' || fate === 'filtered') {
      this.duplicates++
      return 'duplicate'
    }
    this.late++
    return 'late'
  }

  reach(number: number, fate: 'missing' | 'doomed', now: number): void {
    const seen = { size: number - this.next, settled: 0 }
    for (; this.next < number; this.next++) {
      this.fates.set(this.next, fate)
      this.since.set(this.next, now)
      this.seen.set(this.next, seen)
    }
  }

  skip(from: number, to: number, reason: 'filtered' | 'dropped', now: number): void {
    this.reach(from, 'missing', now)
    for (let number = from; number < Math.min(to, this.next); number++) {
      if (this.isMissing(number)) this.fates.set(number, reason === 'filtered' ? 'filtered' : 'doomed')
    }
    if (reason === 'dropped') this.reach(to, 'doomed', now)
    for (; this.next < to; this.next++) this.fates.set(this.next, 'filtered')
  }

  giveUp(number: number): void {
    this.fates.set(number, this.fates.get(number) === 'doomed' ? 'declared' : 'lost')
  }

  settle(below: number, time = Infinity): void {
    for (const number of this.missing) {
      if (number < below && (this.since.get(number) as number) <= time) this.giveUp(number)
    }
  }

  abandon(from: number, to: number): void {
    for (const number of this.missing) if (number >= from && number < to) this.giveUp(number)
  }

  fetch(number: number): void {
    this.reach(number, 'missing', 0)
    for (const missing of this.missing) this.toldOpen.add(missing)
    this.fetched = this.seen.get(this.first)
  }

  /** Holds what was told against what happened. */
  hear({ from, to, missing, state }: GapChange): void {
    const seen = this.seen.get(from) as Seen
    if (state === 'recovered') {
      let recovered = 0
      for (let number = from; number < to; number++) {
        const fate = this.fates.get(number)
        if (this.isMissing(number)) throw new Error(`${number} is missing, and told recovered`)
        if (fate !== 'arrived' && fate !== 'filtered') continue
        recovered++
        this.#end(number)
      }
      if (recovered !== missing) throw new Error(`${missing} told recovered, ${recovered} were`)
      if (to - from !== seen.size) throw new Error(`told of ${from}-${to}, the gap was of ${seen.size}`)
      seen.settled += missing
      return
    }
    if (missing !== to - from) throw new Error(`${missing} told ${state} of ${from}-${to}`)
    for (let number = from; number < to; number++) {
      const fate = this.fates.get(number)
      if (state === 'open') {
        if (!this.isMissing(number)) throw new Error(`${number} told open, it is ${fate}`)
        if (this.toldOpen.has(number)) throw new Error(`${number} told open twice`)
        this.toldOpen.add(number)
      } else {
        if (fate !== (state === 'dropped' ? 'declared' : 'lost')) throw new Error(`${number} told ${state}, is ${fate}`)
        this.#end(number)
        ;(this.seen.get(number) as Seen).settled++
      }
    }
  }

  #end(number: number): void {
    if (this.toldEnd.has(number)) throw new Error(`the end of ${number} was told twice`)
    this.toldEnd.add(number)
  }

  /** After everything that is to be told was told. */
  checkTold(): void {
    for (const [number, fate] of this.fates) {
      if (this.isMissing(number) && !this.toldOpen.has(number)) throw new Error(`${number} was not told open`)
      const ended = fate === 'lost' || fate === 'declared'
      if (ended && !this.toldEnd.has(number)) throw new Error(`${number} was not told ${fate}`)
      const seen = this.seen.get(number)
      if (
        seen !== undefined &&
        seen !== this.fetched &&
        this.count('missing', 'doomed') === 0 &&
        seen.settled !== seen.size
      ) {
        throw new Error(`${seen.settled} of ${seen.size} numbers of a gap were told settled`)
      }
    }
  }

  compare(gaps: Gaps): void {
    const { missing } = this
    const [lowest = this.next] = missing
    const expected: Partial<Gaps> = {
      next: this.next,
      filtered: this.count('filtered'),
      declared: this.count('declared'),
      missing: missing.length,
      lost: this.count('lost'),
      duplicates: this.duplicates,
      late: this.late,
      open: missing.length > 0,
      lowest,
    }
    for (const [name, value] of Object.entries(expected)) {
      const actual = gaps[name as keyof Gaps]
      if (actual !== value) throw new Error(`${name} is ${actual}, expected ${value}`)
    }
    const holes = gaps.holes.flatMap(({ from, to, since }) =>
      Array.from({ length: to - from }, (_, i) => `${from + i} since ${since}`),
    )
    if (holes.join() !== missing.map((number) => `${number} since ${this.since.get(number)}`).join()) {
      throw new Error(`holes are ${holes}, missing is ${missing}`)
    }
    const sum = this.count('arrived') + gaps.filtered + gaps.declared + gaps.missing + gaps.lost
    if (gaps.next - gaps.first !== sum) throw new Error(`a span of ${gaps.next - gaps.first} adds up to ${sum}`)
  }
}

const FIRST = 5
/** Around the first number and beyond, so that all kinds of overlap happen. */
const number = fc.integer({ min: FIRST - 2, max: FIRST + 30 })
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('arrive' as const), number }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('next' as const), ahead: fc.nat({ max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reach' as const), number, declared: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('skip' as const),
      from: fc.integer({ min: FIRST, max: FIRST + 30 }),
      count: fc.integer({ min: 1, max: 6 }),
      reason: fc.constantFrom('filtered' as const, 'dropped' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const), number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abandon' as const), number, count: fc.nat({ max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), age: fc.nat({ max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
)

t.test('agrees with a plain map of fates, whatever comes in whatever order', async (t) => {
  fc.assert(
    fc.property(fc.constantFrom(0, 0, 5), fc.array(step, { maxLength: 60, size: 'max' }), (past, steps) => {
      const gaps = new Gaps(FIRST)
      const model = new Model(FIRST)
      if (past > 0) {
        gaps.fetch(FIRST + past, 0)
        model.fetch(FIRST + past)
      }
      const take = () => {
        for (const change of gaps.takeChanges()) model.hear(change)
        model.checkTold()
      }
      for (const [now, action] of steps.entries()) {
        switch (action.do) {
          case 'arrive':
          case 'next': {
            const which = action.do === 'next' ? model.next + action.ahead : action.number
            const answer = gaps.arrive(which, now)
            const expected = model.arrive(which, now)
            if (answer !== expected) throw new Error(`${which} is ${answer}, expected ${expected}`)
            break
          }
          case 'reach':
            gaps.reach(action.number, action.declared, now)
            model.reach(action.number, action.declared ? 'doomed' : 'missing', now)
            break
          case 'skip':
            gaps.skip(action.from, action.from + action.count, action.reason, now)
            model.skip(action.from, action.from + action.count, action.reason, now)
            break
          case 'settle':
            gaps.settle(action.number)
            model.settle(action.number)
            break
          case 'abandon':
            gaps.abandon(action.number, action.number + action.count)
            model.abandon(action.number, action.number + action.count)
            break
          case 'expire':
            gaps.settle(Infinity, now - action.age)
            model.settle(Infinity, now - action.age)
            break
          case 'take':
            take()
        }
        model.compare(gaps)
      }
      take()
      gaps.settle(Infinity)
      model.settle(Infinity)
      take()
      model.compare(gaps)
    }),
    { numRuns: Number(process.env.FC_RUNS ?? 1_000), seed: Number(process.env.FC_SEED ?? 20260101) },
  )
  t.pass('no counterexample')
})
