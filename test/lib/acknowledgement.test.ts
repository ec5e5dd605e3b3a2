import fc from 'fast-check'
import t from 'tap'
import { Acknowledgement } from '../../lib/acknowledgement.js'
import { FakePlatform } from './support/fake-platform.js'

const ALLOWANCE = 1_000

function scene(manual: boolean) {
  const platform = new FakePlatform()
  const told: number[] = []
  const stuck: number[] = []
  const acknowledgement = new Acknowledgement(
    platform,
    ALLOWANCE,
    manual,
    (messages) => told.push(messages),
    () => stuck.push(platform.now()),
  )
  const receive = (count: number, size: number) => {
    for (let i = 0; i < count; i++) acknowledgement.received(size)
  }
  const settle = (...places: readonly number[]) => {
    for (const place of places) acknowledgement.settle(place)
  }
  return { platform, told, stuck, acknowledgement, receive, settle }
}

t.test('tells of a message after 20 ms', async (t) => {
  const { platform, told, receive } = scene(false)
  receive(2, 10)
  platform.advance(19)
  t.strictSame(told, [])
  platform.advance(1)
  t.strictSame(told, [2])
  receive(1, 10)
  platform.advance(20)
  t.strictSame(told, [2, 3])
  t.equal(platform.timers, 0)
})

t.test('tells at once when a quarter of the allowance has come, the last message included', async (t) => {
  const { platform, told, receive } = scene(false)
  receive(2, 100)
  t.strictSame(told, [])
  receive(1, 100)
  t.strictSame(told, [3])
  t.equal(platform.timers, 0)
})

t.test('tells of a message above the allowance at once, since nothing is sent before', async (t) => {
  const { told, receive } = scene(false)
  receive(1, 5_000)
  receive(1, 5_000)
  t.strictSame(told, [1, 2])
})

t.test('counts what is said beside the messages, and has nothing to tell when there was no message', async (t) => {
  const { platform, told, acknowledgement, receive } = scene(false)
  for (let i = 0; i < 50; i++) acknowledgement.passed(16)
  platform.advance(20)
  t.strictSame(told, [])
  receive(1, 100)
  for (let i = 0; i < 10; i++) acknowledgement.passed(16)
  t.strictSame(told, [1])
})

t.test('tells what is left when asked, and nothing once closed', async (t) => {
  const { platform, told, acknowledgement, receive } = scene(false)
  receive(1, 10)
  acknowledgement.flush()
  acknowledgement.flush()
  t.strictSame(told, [1])
  receive(1, 10)
  acknowledgement.close()
  t.equal(platform.timers, 0)
  acknowledgement.flush()
  t.strictSame(told, [1])
})

t.test(
  'tells of messages that the application settles, in whatever order, only when all before them are',
  async (t) => {
    const { platform, told, receive, settle } = scene(true)
    receive(5, 10)
    platform.advance(1_000)
    settle(2, 1, 4, 4)
    platform.advance(1_000)
    t.strictSame(told, [])
    settle(0)
    platform.advance(20)
    t.strictSame(told, [3])
    settle(0, 2)
    t.equal(platform.timers, 0, 'what was settled before means nothing')
    settle(3)
    platform.advance(20)
    t.strictSame(told, [3, 5])
  },
)

t.test('tells of settled messages at the end of the turn when they are a quarter of the allowance', async (t) => {
  const { platform, told, receive, settle } = scene(true)
  receive(9, 100)
  settle(0, 1)
  platform.turn()
  t.strictSame(told, [])
  settle(2, 3, 4)
  t.strictSame(told, [], 'not in the middle of it')
  platform.turn()
  t.strictSame(told, [5], 'although others are still open')
  t.equal(platform.timers, 0)
})

t.test('says that the producer waits when a full allowance is open and nothing was settled', async (t) => {
  const { stuck, receive } = scene(true)
  receive(9, 100)
  t.equal(stuck.length, 0)
  receive(1, 100)
  t.equal(stuck.length, 1)
})

t.test('says so, too, when one message was forgotten among many', async (t) => {
  const { platform, told, stuck, receive, settle } = scene(true)
  receive(8, 100)
  settle(0, 1, 3, 4, 5, 6, 7)
  platform.advance(20)
  t.strictSame(told, [2])
  receive(4, 100)
  settle(8, 9, 10, 11)
  platform.advance(20)
  t.strictSame(told, [2])
  t.equal(stuck.length, 1, 'ten messages are open')
})

t.test('does not repeat it to an application that is slow all the time', async (t) => {
  const { platform, told, stuck, receive, settle } = scene(true)
  receive(10, 100)
  for (let place = 0; place < 20; place++) {
    settle(place)
    platform.advance(20)
    receive(1, 100)
  }
  t.equal(told.at(-1), 20)
  t.equal(stuck.length, 1)
  settle(...Array.from({ length: 10 }, (_, i) => 20 + i))
  platform.advance(20)
  receive(10, 100)
  t.equal(stuck.length, 2, 'it had caught up')
})

t.test('never tells too much, and tells everything in time', async (t) => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('receive' as const), size: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ do: fc.constant('settle' as const), at: fc.nat({ max: 20 }) }),
    fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 25 }) }),
    fc.record({ do: fc.constant('turn' as const) }),
  )
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { maxLength: 200, size: 'max' }), (manual, steps) => {
      const { platform, told, acknowledgement, settle } = scene(manual)
      const sizes: number[] = []
      const open: number[] = []
      let done = 0
      let since = 0
      for (const action of steps) {
        if (action.do === 'receive') {
          acknowledgement.received(action.size)
          open.push(sizes.length)
          sizes.push(action.size)
        } else if (action.do === 'settle') {
          const [place] = open.splice(action.at % Math.max(1, open.length), 1)
          if (place !== undefined) settle(place)
        } else if (action.do === 'advance') {
          platform.turn()
          platform.advance(action.ms)
        } else {
          platform.turn()
        }
        const before = done
        done = manual ? (open.length === 0 ? sizes.length : Math.min(...open)) : sizes.length
        const last = told.at(-1) ?? 0
        if (done > last && before <= last) since = platform.now()
        if (last > done || told.some((messages, at) => at > 0 && messages <= (told[at - 1] as number))) {
          throw new Error(`told ${told}, done ${done}`)
        }
        if (last < done && platform.now() - since >= 20 && action.do === 'advance') throw new Error('told too late')
        const untold = sizes.slice(last, done).reduce((sum, size) => sum + size, 0)
        if (untold >= ALLOWANCE / 4 && (!manual || action.do === 'turn')) throw new Error(`${untold} bytes untold`)
      }
    }),
    { numRuns: Number(process.env.FC_RUNS ?? 500), seed: Number(process.env.FC_SEED ?? 20260101) },
  )
  t.pass('no counterexample')
})
