import t from 'tap'
import { Chunk } from '../../lib/chunk.js'
import type { GapChange } from '../../lib/gaps.js'
import { balanceStream } from '../../lib/ledger.js'
import { Arrival, type MessageSource } from '../../lib/message.js'
import { type Beginning, Stream, type StreamHost } from '../../lib/stream.js'
import { FakePlatform } from './support/fake-platform.js'

const HOLD_MS = 100

function describe({ from, to, missing, state }: GapChange): string {
  return `${state} ${from}-${to}${missing === to - from ? '' : ` (${missing})`}`
}

/** Lets up to a second pass. */
function passUntil(platform: FakePlatform, holds: () => boolean): void {
  for (let i = 0; i < 1_000 && !holds(); i++) platform.advance(1)
}

/** A stream, its lines by letter, and all that it tells, in one list. */
class Scene implements StreamHost {
  readonly platform = new FakePlatform()
  readonly told: string[] = []
  readonly losses: string[] = []
  readonly stream: Stream
  readonly #lines = new Map<string, { native: boolean; passed: number }>()
  full = false
  /** What a listener of gaps does. */
  onGap: (() => void) | undefined

  constructor(beginning: Beginning = { first: 1 }, limit = { messages: 100, bytes: 1_000_000 }) {
    this.stream = new Stream('STREAM0001', 1, beginning, this.platform, { holdMs: HOLD_MS, limit }, this)
  }

  deliver({ number, missed }: Arrival<never>): boolean {
    this.told.push(missed === 0 ? `${number}` : `${number} after ${missed}`)
    this.stream.tally.delivered++
    return !this.full
  }

  gap(_stream: Stream, change: GapChange): void {
    if (change.state === 'lost' || change.state === 'dropped') this.losses.push(describe(change))
    else this.told.push(describe(change))
    this.onGap?.()
  }

  lost(_stream: Stream, change: GapChange): void {
    this.told.push(describe(change))
  }

  finished(): void {
    this.told.push('finished')
  }

  /** Line `name` begins at `position`. */
  join(name: string, position: number): this {
    const line = { native: false, passed: position }
    this.#lines.set(name, line)
    this.stream.join(line)
    return this
  }

  leave(name: string): this {
    this.stream.leave(this.#lines.get(name) as { native: boolean; passed: number })
    this.#lines.delete(name)
    return this
  }

  /** Line `name` brings its next `count` messages. */
  bring(name: string, count = 1, options: { readonly wanted?: boolean; readonly size?: number } = {}): boolean {
    const line = this.#lines.get(name) as { native: boolean; passed: number }
    let room = true
    for (let i = 0; i < count; i++) {
      const number = line.passed++
      if (!this.stream.accept(number)) continue
      if (options.wanted === false) {
        this.stream.tally.unwanted++
        room = this.stream.moved()
        continue
      }
      const bytes = new Uint8Array(options.size ?? 10)
      const source = { tally: this.stream.tally } as MessageSource
      room = this.stream.deliver(new Arrival(source, new Chunk(bytes), 0, 0, 0, bytes.length, number, 0, 0, undefined))
    }
    return room
  }

  skip(name: string, count: number, reason: 'filtered' | 'dropped'): this {
    const line = this.#lines.get(name) as { native: boolean; passed: number }
    const from = line.passed
    line.passed += count
    this.stream.skip(from, line.passed, reason)
    return this
  }
}

t.test('puts the lines of a stream together', async (t) => {
  const cases: readonly [what: string, act: (scene: Scene) => void, expected: string[]][] = [
    ['one line, in order', (scene) => scene.join('a', 1).bring('a', 3), ['1', '2', '3']],
    [
      'the first copy wins, whichever line brings it',
      (scene) => {
        scene.join('a', 1).join('b', 1).bring('a', 2)
        scene.bring('b', 3)
        scene.bring('a', 2)
      },
      ['1', '2', '3', '4'],
    ],
    [
      'one line alone: what it does not bring is lost when it goes on',
      (scene) => {
        scene.join('a', 1).bring('a', 2)
        scene.leave('a').join('a', 5).bring('a')
      },
      ['1', '2', 'lost 3-5', '5 after 2'],
    ],
    [
      'one line alone: what the producer dropped is told at once, and before the message that follows',
      (scene) => scene.join('a', 1).skip('a', 3, 'dropped').bring('a', 2),
      ['dropped 1-4', '4 after 3', '5'],
    ],
    ['what a filter passed over is no loss', (scene) => scene.join('a', 1).skip('a', 3, 'filtered').bring('a'), ['4']],
    [
      'a gap of one line waits for the other, and what follows waits for the gap',
      (scene) => {
        scene.join('a', 1).join('b', 1).bring('a')
        scene.leave('a').join('a', 4).bring('a', 2)
        scene.bring('b', 5)
        scene.bring('a', 2)
      },
      ['1', 'open 2-4', '2', '3', '4', '5', 'recovered 2-4', '6', '7'],
    ],
    [
      'a gap whose last number was not wanted lets go of what waited',
      (scene) => {
        scene.join('a', 1).join('b', 1).bring('a')
        scene.leave('a').join('a', 3).bring('a', 2)
        scene.bring('b')
        scene.bring('b', 1, { wanted: false })
        scene.bring('b', 3)
      },
      ['1', 'open 2-3', '3', '4', 'recovered 2-3', '5'],
    ],
    [
      'numbers that all lines have passed are lost',
      (scene) => {
        scene.join('a', 1).join('b', 1).bring('a')
        scene.leave('a').join('a', 4).bring('a')
        scene.join('c', 3).leave('b').bring('c')
      },
      ['1', 'open 2-4', 'lost 2-3', '3 after 1', '4', 'recovered 2-4 (1)'],
    ],
    [
      'a line that leaves settles what only it could bring',
      (scene) => {
        scene.join('a', 1).join('b', 1).bring('a')
        scene.leave('a').join('a', 3).bring('a', 2)
        scene.leave('b')
        scene.bring('a')
      },
      ['1', 'open 2-3', 'lost 2-3', '3 after 1', '4', '5'],
    ],
    [
      'what every line left out, one by filter and one by policy, was filtered for the stream',
      (scene) => {
        scene.join('a', 1).join('b', 1).skip('a', 2, 'dropped').skip('b', 2, 'filtered').bring('a')
      },
      ['open 1-3', 'recovered 1-3', '3'],
    ],
    [
      'what one line dropped, another may bring',
      (scene) => {
        scene.join('a', 1).join('b', 1).skip('a', 2, 'dropped').bring('a')
        scene.bring('b')
        scene.skip('b', 1, 'dropped')
      },
      ['open 1-3', '1', 'dropped 2-3', '3 after 1', 'recovered 1-3 (1)'],
    ],
    [
      'each loss is told before the message that follows it',
      (scene) => {
        scene.join('a', 1).join('b', 1).join('c', 1).bring('a')
        scene.leave('a').join('a', 3).bring('a')
        scene.leave('a').join('a', 5).bring('a')
        scene.leave('b').leave('c')
      },
      ['1', 'open 2-3', 'open 4-5', 'lost 2-3', '3 after 1', 'lost 4-5', '5 after 1'],
    ],
    [
      'a line that starts over brings nothing twice',
      (scene) => {
        scene.join('a', 1).bring('a', 3)
        scene.leave('a').join('a', 1).bring('a', 4)
      },
      ['1', '2', '3', '4'],
    ],
  ]
  for (const [what, act, expected] of cases) {
    const scene = new Scene()
    act(scene)
    t.strictSame(scene.told, expected, what)
    t.equal(balanceStream(scene.stream.ledger()), undefined)
    t.strictSame(
      scene.losses,
      scene.told.filter((line) => /^(lost|dropped)/.test(line)),
    )
  }
})

t.test('gives up a gap when it has waited long enough, and counts what comes then as late', async (t) => {
  const scene = new Scene().join('a', 1).join('b', 1)
  scene.leave('a').join('a', 3)
  scene.bring('a', 2)
  scene.platform.advance(HOLD_MS - 1)
  t.strictSame(scene.told, ['open 1-3'])
  scene.platform.advance(1)
  t.strictSame(scene.told, ['open 1-3', 'lost 1-3', '3 after 2', '4'])
  scene.bring('b', 3)
  t.match(scene.stream.ledger(), { lost: 2, late: 2, duplicates: 1, received: 2 })
  t.equal(scene.platform.timers, 0)
})

t.test('gives every gap its own time', async (t) => {
  const scene = new Scene().join('a', 1).join('b', 1)
  scene.leave('a').join('a', 3).bring('a')
  scene.platform.advance(60)
  scene.leave('a').join('a', 5).bring('a')
  scene.platform.advance(40)
  t.strictSame(scene.told, ['open 1-3', 'open 4-5', 'lost 1-3', '3 after 2'])
  scene.platform.advance(60)
  t.strictSame(scene.told.slice(4), ['lost 4-5', '5 after 1'])
})

t.test('does not blame a line while the application itself does not read', async (t) => {
  const scene = new Scene().join('a', 1).join('b', 1)
  scene.leave('a').join('a', 2).bring('a')
  scene.full = true
  scene.platform.advance(HOLD_MS)
  t.strictSame(scene.told, ['open 1-2'])
  scene.full = false
  scene.platform.advance(HOLD_MS - 1)
  t.strictSame(scene.told, ['open 1-2'])
  scene.platform.advance(1)
  t.strictSame(scene.told, ['open 1-2', 'lost 1-2', '2 after 1'])
})

t.test('gives nothing up that could not be asked for while the application did not read', async (t) => {
  const recovery = { reorderMs: 5, requests: { retryMs: 20, retryMaxMs: 20, tries: 3, pipelined: 4 } }
  const scene = new Scene({ first: 1, recovery })
  const { platform, stream } = scene
  const asked: number[] = []
  stream.join({ native: true, passed: 1, request: () => asked.push(platform.now()) })
  stream.reach(3)
  scene.full = true
  platform.advance(10 * HOLD_MS)
  t.same(asked, [], 'an answer would find no room')
  scene.full = false
  passUntil(platform, () => asked.length > 0)
  t.ok((asked[0] as number) <= 10 * HOLD_MS + 20)
  // Twice as often as there are tries its answer finds no room, be it that one comes, or that none does.
  for (let i = 0; i < 6; i++) {
    scene.full = true
    if (i % 2 === 0) stream.answered(1, 1)
    else platform.advance(30)
    scene.full = false
    passUntil(platform, () => asked.length > i + 1)
  }
  t.same(scene.losses, [])
  platform.advance(HOLD_MS)
  t.same(scene.losses, ['lost 1-3'], 'with room, and without an answer, as ever')
  t.equal(asked.length, 7 + 2)
})

t.test('asks for the rest of an answer when there is room for it', async (t) => {
  const recovery = { reorderMs: 0, requests: { retryMs: 20, retryMaxMs: 20, tries: 3, pipelined: 1 } }
  const scene = new Scene({ first: 1, recovery })
  const { platform, stream } = scene
  const asked: string[] = []
  stream.join({ native: true, passed: 1, request: (from, count) => asked.push(`${from}+${count}`) })
  stream.reach(4)
  platform.advance(1)
  stream.accept(1)
  scene.full = true
  stream.answered(1, 2)
  platform.advance(10 * HOLD_MS)
  t.same(asked, ['1+3'])
  scene.full = false
  passUntil(platform, () => asked.length > 1)
  t.same(asked, ['1+3', '2+1'])
  stream.close()
})

t.test('holds a line back that runs ahead while there is no room for more', async (t) => {
  const scene = new Scene().join('a', 1).join('b', 1)
  scene.leave('a').join('a', 2)
  t.equal(scene.bring('a'), true)
  scene.full = true
  t.equal(scene.bring('a'), false, 'although it is the gap that the message waits for')
  t.equal(scene.bring('b'), false)
  t.strictSame(scene.told, ['open 1-2', '1', '2', '3', 'recovered 1-2'])
})

t.test('gives up the oldest gap when more waits behind it than may', async (t) => {
  const scene = new Scene({ first: 1 }, { messages: 2, bytes: 1_000_000 }).join('a', 1).join('b', 1)
  scene.leave('a').join('a', 2).bring('a')
  scene.leave('a').join('a', 4).bring('a')
  t.strictSame(scene.told, ['open 1-2', 'open 3-4'])
  scene.bring('a')
  t.strictSame(scene.told.slice(2), ['lost 1-2', '2 after 1'])
  scene.bring('a')
  t.strictSame(scene.told.slice(4), ['lost 3-4', '4 after 1', '5', '6'])
})

t.test('remembers gaps up to a number, also between messages that nobody wants', async (t) => {
  const scene = new Scene({ first: 1, recovery: { reorderMs: 50 } }).join('a', 1)
  for (let i = 0; i < 20_000; i++)
    scene
      .leave('a')
      .join('a', 2 * i + 2)
      .bring('a', 1, { wanted: false })
  t.match(scene.stream.ledger(), { received: 20_000, missing: 16_384, lost: 20_000 - 16_384, first: 1, next: 40_001 })
  t.equal(balanceStream({ ...scene.stream.ledger() }), undefined)
  t.equal(scene.losses[0], 'lost 1-2')
})

t.test('gives up gaps until the bytes that wait are within their limit, one message excepted', async (t) => {
  const scene = new Scene({ first: 1 }, { messages: 100, bytes: 1_000 }).join('a', 1).join('b', 1)
  scene.leave('a').join('a', 2).bring('a', 1, { size: 400 })
  scene.leave('a').join('a', 4).bring('a', 1, { size: 400 })
  scene.leave('a').join('a', 6).bring('a', 1, { size: 5_000 })
  t.strictSame(scene.told.slice(3), ['lost 1-2', '2 after 1', 'lost 3-4', '4 after 1'])
  t.equal(scene.stream.ledger().inboxWaiting, 1)
})

t.test('tells losses in the order of their numbers, although a later one was known first', async (t) => {
  const requests = { retryMs: 10, retryMaxMs: 10, tries: 2, pipelined: 2 }
  const scene = new Scene({ first: 1, recovery: { reorderMs: 0, requests } }).join('a', 1)
  scene.bring('a')
  scene.join('b', 3).bring('b', 20)
  scene.join('c', 30).bring('c')
  while (scene.losses.length === 0) {
    scene.platform.advance(1)
    // The first gap is always just being asked for anew, the second is given up.
    scene.stream.answered(2, 3)
  }
  t.strictSame(scene.told, ['1', 'open 2-3', 'open 23-30'])
  t.strictSame(scene.losses, ['lost 23-30'])
  while (scene.losses.length === 1) scene.platform.advance(1)
  t.strictSame(scene.losses, ['lost 23-30', 'lost 2-3'])
  t.strictSame(scene.told.slice(3, 6), ['lost 2-3', '3 after 1', '4'])
  t.strictSame(scene.told.slice(-2), ['lost 23-30', '30 after 7'])
})

t.test('asks for the lowest number that is missing, and counts on with whoever brings it', async (t) => {
  const scene = new Scene().join('a', 1).join('b', 1)
  t.equal(scene.stream.wanted, 1)
  scene.bring('a', 3)
  t.equal(scene.stream.wanted, 4)
  scene.leave('a').join('a', 6).bring('a', 2)
  t.equal(scene.stream.wanted, 4)
  scene.leave('b').join('b', 4)
  t.strictSame(scene.told.slice(3), ['open 4-6', 'lost 4-6', '6 after 2', '7'], 'only one line was left')
})

t.test('keeps a gap open while nobody carries the stream, for whoever comes back in time', async (t) => {
  const scene = new Scene().join('a', 1).join('b', 1)
  scene.leave('a').join('a', 3).bring('a')
  scene.platform.advance(50)
  scene.leave('b')
  t.strictSame(scene.told, ['open 1-3', 'lost 1-3', '3 after 2'], 'the last line has passed it')
  const other = new Scene().join('a', 1).join('b', 1)
  other.leave('b').leave('a')
  t.equal(other.stream.live, false)
  t.equal(other.stream.ledger().tail, 'unknown')
  other.join('a', 1).bring('a')
  t.strictSame(other.told, ['1'])
  t.equal(other.stream.ledger().tail, undefined)
})

t.test('stands whatever a listener does while it is told of a gap', async (t) => {
  const scene = new Scene().join('a', 1).join('b', 1)
  scene.leave('a').join('a', 3).bring('a', 2)
  scene.onGap = () => {
    scene.onGap = undefined
    t.equal(balanceStream(scene.stream.ledger()), undefined)
    scene.bring('a')
    scene.leave('a')
  }
  scene.bring('b', 6)
  t.strictSame(scene.told, ['open 1-3', '1', '2', '3', '4', 'recovered 1-3', '5', '6'])
  t.equal(balanceStream(scene.stream.ledger()), undefined)
})

t.test('stops waiting and telling once closed', async (t) => {
  const scene = new Scene().join('a', 1).join('b', 1)
  scene.leave('a').join('a', 3).bring('a')
  scene.stream.close()
  t.equal(scene.platform.timers, 0)
  scene.leave('b')
  t.strictSame(scene.told, ['open 1-3'])
})

t.test('asks nobody any more once its producer has begun anew, and waits for late lines alone', async (t) => {
  const recovery = { reorderMs: 5, requests: { retryMs: 20, retryMaxMs: 20, tries: 50, pipelined: 4 } }
  for (const past of [false, true]) {
    const scene = new Scene({ first: 1, recovery, past })
    const { platform, stream } = scene
    let asked = 0
    const line = { native: true, passed: 3, request: () => asked++ }
    const late = { native: true, passed: 1, request: () => asked++ }
    stream.join(late)
    stream.join(line)
    stream.reach(5)
    line.passed = 5
    stream.finish(5)
    passUntil(platform, () => asked > 1)
    asked = 0
    stream.supersede()
    platform.advance(30)
    t.same([asked, scene.losses], [0, []])
    late.passed = 5
    platform.advance(5)
    t.same(scene.losses, past ? ['lost 3-5'] : ['lost 1-3', 'lost 3-5'], 'the past was never lost')
    t.equal(stream.finished, true)
    stream.leave(line)
    stream.leave(late)
    t.equal(platform.timers, 0)
  }
  const scene = new Scene({ first: 1, recovery }).join('a', 1)
  scene.stream.finish(3)
  scene.leave('a')
  t.same(scene.losses, [])
  scene.stream.supersede()
  t.same(scene.losses, ['lost 1-3'], 'nobody is there who could be late')
})

t.test('ends once, where its producer said so first', async (t) => {
  const scene = new Scene().join('a', 1)
  scene.bring('a', 4)
  scene.stream.finish(3)
  t.equal(scene.stream.end, Infinity)
  for (const end of [5, 3, 9]) scene.stream.finish(end)
  t.same([scene.stream.end, scene.stream.next], [5, 5])
  t.same(scene.told, ['1', '2', '3', '4', 'finished'])
})

t.test('looks no more often at what a late line may bring than datagrams can overtake each other', async (t) => {
  const scene = new Scene({ first: 1, recovery: { reorderMs: 20 } }).join('a', 1).join('b', 1)
  const { platform } = scene
  let timers = 0
  const { timer } = platform
  platform.timer = (...given) => {
    timers++
    return timer.apply(platform, given)
  }
  scene.leave('a').join('a', 3).bring('a')
  platform.advance(HOLD_MS - 10)
  t.equal(timers, 5)
  scene.leave('a').join('a', 5).bring('a')
  platform.advance(9)
  t.same(scene.losses, [])
  platform.advance(1)
  t.same(scene.losses, ['lost 1-3'])
  // The late line goes on, so that it lacks what both have passed.
  scene.leave('b').join('b', 5)
  platform.advance(30)
  t.same(scene.losses, ['lost 1-3', 'lost 4-5'])
  t.equal(platform.timers, 0)
})

t.test('asks for a gap in its time although an older one is still waiting for its answer', async (t) => {
  const recovery = { reorderMs: 5, requests: { retryMs: 80, retryMaxMs: 80, tries: 5, pipelined: 4 } }
  const { platform, stream } = new Scene({ first: 1, recovery })
  const asked: string[] = []
  const request = (from: number, count: number) => asked.push(`${from}+${count} at ${platform.now()}`)
  stream.join({ native: false, passed: 1, request })
  stream.reach(3)
  platform.advance(10)
  t.strictSame(asked, ['1+2 at 5'])
  stream.accept(3)
  stream.reach(6)
  platform.advance(10)
  t.strictSame(asked, ['1+2 at 5', '4+2 at 15'])
  stream.close()
})

t.test(
  'keeps first copies for as long as lines carry it, and where there are several that bring everything',
  async (t) => {
    const { stream } = new Scene()
    const lines = [1, 2].map(() => ({ native: true, passed: 1 }))
    t.equal(stream.copies, undefined)
    for (const line of lines) stream.join(line)
    t.ok(stream.copies)
    for (const line of lines) stream.leave(line)
    t.equal(stream.copies, undefined, 'streams that are over are remembered for long')
  },
)
