import fc from 'fast-check'
import { test } from 'tap'
import { type MissingRange, type Plan, Recovery, type RequestTerms } from '../../lib/recovery.js'

const requests: RequestTerms = { retryMs: 50, retryMaxMs: 1_000, tries: 5, pipelined: 4 }

/** A planner whose answers are due exactly when the terms say. */
function planner(
  changes: Partial<RequestTerms> = {},
  { reorderMs = 5, giveUpMs = 3_000, random = (): number => 0.5 } = {},
) {
  return new Recovery({ reorderMs, requests: { ...requests, ...changes } }, giveUpMs, random)
}

/** `from` inclusive, `to` exclusive. */
const hole = (from: number, to: number, since = 0): MissingRange => ({ from, to, since })

const shown = ({ requests, lost, next }: Plan) => ({
  asks: requests.map(({ from, to }) => `${from}-${to - 1}`).join(' '),
  lost: lost.map(({ from, to }) => `${from}-${to - 1}`).join(' '),
  next,
})

const first: readonly (readonly [what: string, missing: readonly MissingRange[], asks: string, next: number])[] = [
  ['nothing', [], '', Infinity],
  ['one number', [hole(7, 8)], '7-7', 55],
  ['as many as one answer may hold', [hole(1, 33)], '1-32', 55],
  ['one more', [hole(1, 34)], '1-32 33-33', 55],
  ['more than may be asked for at once', [hole(1, 1_000)], '1-32 33-64 65-96 97-128', 55],
  ['two that are near', [hole(1, 2), hole(9, 10)], '1-9', 55],
  ['two that are not', [hole(1, 2), hole(11, 12)], '1-1 11-11', 55],
  ['many that are near, up to the size of an answer', [1, 9, 17, 25, 33].map((n) => hole(n, n + 1)), '1-25 33-33', 55],
  [
    'more gaps than may be asked for at once',
    [1, 20, 40, 60, 80].map((n) => hole(n, n + 1)),
    '1-1 20-20 40-40 60-60',
    55,
  ],
  ['some that are too young', [hole(1, 2, 0), hole(50, 51, 3)], '1-1', 8],
]
for (const [what, missing, asks, next] of first) {
  test(`asks for ${what}, when datagrams can no longer have overtaken each other`, async (t) => {
    const plan = planner()
    const early = shown(plan.plan(missing, 4))
    t.equal(early.asks, '')
    t.equal(early.lost, '')
    if (missing.length > 0) t.equal(early.next, 5)
    t.same(shown(plan.plan(missing, 5)), { asks, lost: '', next })
  })
}

test('asks again when the answer is overdue, in growing times, and gives up after the last', async (t) => {
  const plan = planner()
  const times: number[] = []
  let now = 5
  let told = shown(plan.plan([hole(1, 3)], now))
  while (told.lost === '' && times.length < 20) {
    if (told.asks !== '') times.push(now)
    now = told.next
    told = shown(plan.plan([hole(1, 3)], now))
  }
  t.same(times, [5, 55, 155, 355, 755])
  t.equal(now, 1_555)
  t.equal(told.lost, '1-2')
})

test('waits between retryMs and retryMaxMs, give or take a half', async (t) => {
  for (const [random, dues] of [
    [() => 0, [30, 80, 180, 380, 580, 780]],
    [() => 0.999_999, [80, 230, 530, 1_130, 1_730, 2_330]],
  ] as const) {
    const plan = planner({ tries: 6, retryMaxMs: 400 }, { random })
    let now = 5
    const seen: number[] = []
    for (let i = 0; i < 6; i++) {
      now = plan.plan([hole(1, 2)], now).next
      seen.push(Math.round(now))
    }
    t.same(seen, dues)
  }
})

test('gives up what is missing for too long, however many tries are left', async (t) => {
  const plan = planner({ tries: 100 }, { giveUpMs: 400 })
  t.same(shown(plan.plan([hole(1, 3), hole(9, 11, 100)], 105)), { asks: '1-10', lost: '', next: 155 })
  t.same(shown(plan.plan([hole(1, 3), hole(9, 11, 100)], 400)), { asks: '9-10', lost: '1-2', next: 500 })
  t.same(shown(plan.plan([hole(9, 11, 100)], 500)), { asks: '', lost: '9-10', next: Infinity })
})

test('has patience for as long as answers bring something', async (t) => {
  const plan = planner({ tries: 3, pipelined: 1 }, { giveUpMs: 400 })
  let now = 5
  let from = 1
  // 32 messages an answer, one request at a time, each 300 ms on its way.
  while (from < 2_000) {
    const { asks, lost } = shown(plan.plan([hole(from, 2_000)], now))
    t.equal(lost, '')
    t.match(asks, new RegExp(`^${from}-`))
    now += 40
    plan.answered(from, Math.min(2_000, from + 32), now)
    from += 32
  }
  t.ok(now > 400)
})

test('asks for what an answer did not hold at once, in the size that it had', async (t) => {
  const plan = planner({ pipelined: 2 })
  t.equal(shown(plan.plan([hole(1, 65)], 5)).asks, '1-32 33-64')
  t.equal(plan.answered(1, 11, 6), true)
  t.equal(shown(plan.plan([hole(11, 65)], 6)).asks, '11-20', 'one request is still on its way')
  t.equal(plan.answered(33, 43, 7), true)
  t.equal(shown(plan.plan([hole(11, 33), hole(43, 65)], 7)).asks, '21-30')
})

test('asks for more when answers hold all that was asked for, up to 1,024', async (t) => {
  const plan = planner({ pipelined: 1 })
  const sizes: number[] = []
  let from = 1
  for (let now = 5; now < 13; now++) {
    const [request] = plan.plan([hole(from, 10_000)], now).requests
    if (request === undefined) throw new Error('nothing is asked for')
    sizes.push(request.to - request.from)
    plan.answered(request.from, request.to, now)
    from = request.to
  }
  t.same(sizes, [32, 64, 128, 256, 512, 1_024, 1_024, 1_024])
})

test('does not ask for what lines bring meanwhile, nor wait for its answer', async (t) => {
  const plan = planner({ pipelined: 1 })
  t.equal(shown(plan.plan([hole(1, 3), hole(100, 101)], 5)).asks, '1-2')
  t.equal(shown(plan.plan([hole(2, 3), hole(100, 101)], 6)).asks, '', 'some of it may still come')
  t.equal(shown(plan.plan([hole(100, 101)], 7)).asks, '100-100')
})

test('knows nothing of answers to what it did not ask for, or no longer waits for', async (t) => {
  const plan = planner()
  t.equal(plan.answered(1, 10, 0), false)
  plan.plan([hole(5, 7)], 5)
  t.equal(plan.answered(1, 5, 6), false)
  t.equal(plan.answered(7, 9, 6), false)
  t.equal(plan.answered(1, 9, 6), true)
  t.equal(plan.answered(5, 7, 7), false, 'the second of two')
})

test('asks for one at a time where it is told to', async (t) => {
  const plan = planner()
  t.equal(shown(plan.plan([hole(1, 100)], 5, 1)).asks, '1-32')
  t.equal(shown(plan.plan([hole(1, 100)], 6, 1)).asks, '')
  t.equal(shown(plan.plan([hole(1, 100)], 6)).asks, '33-64 65-96 97-99')
})

test('plans for a hundred thousand gaps in one go', async (t) => {
  const plan = planner()
  const holes = Array.from({ length: 100_000 }, (_, i) => hole(1 + 20 * i, 2 + 20 * i))
  let looked = 0
  const missing = {
    *[Symbol.iterator]() {
      for (const each of holes) {
        looked++
        yield each
      }
    },
  }
  t.equal(plan.plan(missing, 5).requests.length, 4)
  t.equal(plan.plan(missing, 6).requests.length, 0)
  t.equal(looked, 200_000, 'each gap is looked at once')
})

test('comes to an end whatever is missing and whatever the server answers', async () => {
  const anyHoles = fc.array(
    fc.record({ gap: fc.integer({ min: 1, max: 30 }), size: fc.integer({ min: 1, max: 80 }) }),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  const anyAnswers = fc.infiniteStream(fc.integer({ min: -3, max: 40 }))
  fc.assert(
    fc.property(anyHoles, anyAnswers, fc.integer({ min: 1, max: 6 }), (shapes, answers, pipelined) => {
      let at = 1
      const missing = new Set<number>()
      for (const { gap, size } of shapes) {
        at += gap
        for (let i = 0; i < size; i++) missing.add(at++)
      }
      const total = missing.size
      const plan = planner({ pipelined })
      const answering = answers[Symbol.iterator]()
      let settled = 0
      let now = 5
      for (let step = 0; step < 5_000 && missing.size > 0; step++) {
        const { requests, lost, next } = plan.plan(rangesOf(missing), now)
        if (requests.length > pipelined) throw new Error(`${requests.length} requests at once`)
        for (const { from, to } of requests) if (from >= to) throw new Error('a request for nothing')
        for (const { from, to } of lost) {
          for (let number = from; number < to; number++) {
            if (!missing.delete(number)) throw new Error(`${number} is lost without being missing`)
            settled++
          }
        }
        for (const { from } of requests) {
          // Less than one message is no answer at all.
          const size = answering.next().value as number
          if (size <= 0) continue
          plan.answered(from, from + size, now)
          for (let number = from; number < from + size; number++) if (missing.delete(number)) settled++
        }
        if (missing.size > 0 && !(next > now) && requests.length === 0) throw new Error('it would never look again')
        now = Math.min(next, now + 20)
      }
      return missing.size === 0 && settled === total
    }),
  )
})

function rangesOf(numbers: ReadonlySet<number>): MissingRange[] {
  const ranges: { from: number; to: number; since: number }[] = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    if (last?.to === number) last.to++
    else ranges.push({ from: number, to: number + 1, since: 0 })
  }
  return ranges
}
