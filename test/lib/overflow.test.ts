import fc from 'fast-check'
import t from 'tap'
import { checkOverflow, formatOverflow, type Policy, type Side } from '../../lib/overflow.js'

const MIB = 1024 * 1024
const limit = { messages: 10_000, bytes: 16 * MIB }
const memory = 64 * MIB
const badOption = { name: 'FanwireError', code: 'BAD_OPTION' }

t.test('reads every form to one complete policy', async (t) => {
  const pressed = { policy: 'backpressure', limit, timeoutMs: 5_000, then: 'disconnect' }
  const dropped = { policy: 'drop', keep: 'newest', limit }
  const buffered = { policy: 'buffer', limit, then: 'disconnect' }
  const cases: readonly [given: unknown, policy: object][] = [
    ['backpressure', pressed],
    ['backpressure:5s', pressed],
    ['backpressure:100ms:drop', { ...pressed, timeoutMs: 100, then: 'drop' }],
    ['backpressure::reject', { ...pressed, then: 'reject' }],
    ['backpressure:::500', { ...pressed, limit: { messages: 500, bytes: 16 * MIB } }],
    [
      { policy: 'backpressure', timeoutMs: 1, then: 'reject' },
      { ...pressed, timeoutMs: 1, then: 'reject' },
    ],
    ['drop', dropped],
    ['drop:oldest', { ...dropped, keep: 'oldest' }],
    ['drop:latest-per-topic', { ...dropped, keep: 'latest-per-topic' }],
    ['drop:newest:10_000', dropped],
    ['drop:newest:500', { ...dropped, limit: { messages: 500, bytes: 16 * MIB } }],
    ['drop:newest:1MiB', { ...dropped, limit: { messages: 1_000_000, bytes: MIB } }],
    ['drop::500,1MiB', { ...dropped, limit: { messages: 500, bytes: MIB } }],
    [
      { policy: 'drop', limit: { messages: 7 } },
      { ...dropped, limit: { messages: 7, bytes: 16 * MIB } },
    ],
    [
      { policy: 'drop', keep: undefined, limit: { bytes: 7 } },
      { ...dropped, limit: { messages: 1_000_000, bytes: 7 } },
    ],
    ['buffer', buffered],
    ['buffer:64MiB', { ...buffered, limit: { messages: 1_000_000, bytes: memory } }],
    ['buffer:64MiB:drop', { ...buffered, limit: { messages: 1_000_000, bytes: memory }, then: 'drop' }],
    ['buffer::refuse', { ...buffered, then: 'refuse' }],
    [
      { policy: 'buffer', then: 'refuse' },
      { ...buffered, then: 'refuse' },
    ],
  ]
  for (const [given, policy] of cases) {
    const checked = checkOverflow(given, 'producer', memory)
    t.strictSame(checked, policy, JSON.stringify(given))
    t.ok(Object.isFrozen(checked) && Object.isFrozen(checked.limit))
  }
})

t.test('gives consumers no deadline', async (t) => {
  const endless = { policy: 'backpressure', limit, timeoutMs: Number.POSITIVE_INFINITY, then: 'disconnect' }
  t.strictSame(checkOverflow('backpressure', 'consumer', memory), endless)
  const few = { ...endless, limit: { messages: 500, bytes: 16 * MIB } }
  t.strictSame(checkOverflow('backpressure:500', 'consumer', memory), few)
  t.strictSame(checkOverflow({ policy: 'backpressure', limit: { messages: 500 } }, 'consumer', memory), few)
  t.throws(() => checkOverflow('backpressure:5s', 'consumer', memory), {
    ...badOption,
    message: /backpressure\[:LIMIT\]/,
  })
  const timed = { policy: 'backpressure', timeoutMs: 5 }
  t.throws(() => checkOverflow(timed, 'consumer', memory), { ...badOption, message: /timeoutMs is not an option/ })
  t.throws(() => checkOverflow('buffer::refuse', 'consumer', memory), {
    ...badOption,
    message: /overflow\.then must be one of 'disconnect', 'drop', got 'refuse'/,
  })
})

t.test('lowers its own limit to a small memory, and refuses the user’s', async (t) => {
  t.match(checkOverflow('drop', 'producer', MIB), { limit: { messages: 10_000, bytes: MIB } })
  t.throws(() => checkOverflow('buffer:2MiB', 'producer', MIB), {
    ...badOption,
    message: /overflow\.limit\.bytes must be an integer from 1 to 1048576 \(bytes\), got 2097152/,
  })
})

t.test('keeps a backlog on disk for producers only', async (t) => {
  const buffered = { policy: 'buffer', limit: { messages: 10_000, bytes: 16 * MIB }, then: 'disconnect' }
  t.strictSame(checkOverflow('buffer::/var/spill:drop', 'producer', memory), {
    ...buffered,
    spill: '/var/spill',
    then: 'drop',
  })
  t.strictSame(checkOverflow({ policy: 'buffer', spill: 'spill' }, 'producer', memory), { ...buffered, spill: 'spill' })
  t.throws(() => checkOverflow('buffer::/var/spill', 'producer', 2 * MIB), {
    ...badOption,
    message: /overflow\.spill needs memory\.bytes of at least 4194304, got 2097152/,
  })
  const message = /overflow\.spill cannot be used: only producers keep what waits on disk/
  for (const given of ['buffer:64MiB:./spill', 'buffer::/var/spill:drop', { policy: 'buffer', spill: 'spill' }]) {
    t.throws(() => checkOverflow(given, 'consumer', memory), { ...badOption, message }, JSON.stringify(given))
  }
})

t.test('says what is wrong', async (t) => {
  const cases: readonly [given: unknown, message: RegExp][] = [
    ['', /overflow must be written as drop.* or backpressure.*, got ''/],
    ['block', /overflow must be written as drop.*, got 'block'/],
    [undefined, /overflow must be drop.* or an object, got undefined/],
    [5, /got 5/],
    [[], /got an array/],
    [() => 'drop', /got a function/],
    [{}, /overflow\.policy must be one of 'drop', 'buffer', 'backpressure', got undefined/],
    [
      { policy: 'drop', keeps: 'newest' },
      /overflow\.keeps is not an option of overflow; did you mean overflow\.keep\?/,
    ],
    [{ policy: 'drop', timeoutMs: 5 }, /overflow\.timeoutMs is not an option/],
    [
      { policy: 'drop', limit: { messages: 0 } },
      /overflow\.limit\.messages must be an integer from 1 to 1000000, got 0/,
    ],
    [{ policy: 'drop', limit: { messages: 1_000_001 } }, /got 1000001/],
    [{ policy: 'drop', limit: 5 }, /overflow\.limit must be an object with messages and bytes, got 5/],
    [{ policy: 'backpressure', timeoutMs: 0 }, /overflow\.timeoutMs must be a number from 1 to 86400000/],
    ['buffer:5:reject', /overflow\.then must be one of 'disconnect', 'drop', 'refuse', got 'reject'/],
    ['buffer::backlog:drop', /written as buffer\[.* with a DIRECTORY such as \.\/backlog, got 'buffer::backlog:drop'/],
    ['drop:newst', /overflow\.keep must be one of 'newest', 'oldest', 'latest-per-topic', got 'newst'/],
    ['drop:newest:few', /written as drop\[:KEEP\[:LIMIT\]\], got 'drop:newest:few'/],
    ['drop:newest:1,2,3', /written as drop/],
    ['drop:newest:1MiB,5', /written as drop/],
    ['drop:newest:10:20', /written as drop/],
    ['buffer:big', /written as buffer/],
    ['backpressure:5', /with a TIME such as 5s, got 'backpressure:5'/],
    ['backpressure:soon', /with a TIME such as 5s/],
    ['backpressure:5s:refuse', /overflow\.then must be one of 'disconnect', 'drop', 'reject', got 'refuse'/],
    ['backpressure:5s:drop:10:20', /written as backpressure/],
  ]
  for (const [given, message] of cases) {
    t.throws(() => checkOverflow(given, 'producer', memory), { ...badOption, message }, String(message))
  }
  t.throws(() => checkOverflow('x', 'producer', memory, 'want'), { message: /want must be/ }, 'under the given name')
})

t.test('writes policies shortly', async (t) => {
  const short = (given: unknown, side: Side = 'producer') => formatOverflow(checkOverflow(given, side, memory), side)
  t.equal(short('backpressure'), 'backpressure:5s:disconnect')
  t.equal(short('backpressure:500', 'consumer'), 'backpressure:500')
  t.equal(short('drop'), 'drop:newest')
  t.equal(short('drop:newest:500'), 'drop:newest:500')
  t.equal(short('drop:newest:500,1MiB'), 'drop:newest:500,1MiB')
  t.equal(short('buffer'), 'buffer')
  t.equal(short('buffer:64MiB'), 'buffer:64MiB')
  t.equal(short('buffer::drop'), 'buffer:::drop')
})

t.test('reads back what it has written', async (t) => {
  const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { noNullPrototype: true })
  const someLimit = record({
    messages: fc.oneof(fc.constantFrom(10_000, 1_000_000), fc.integer({ min: 1, max: 1_000_000 })),
    bytes: fc.oneof(fc.constantFrom(16 * MIB, MIB), fc.integer({ min: 1, max: memory })),
  })
  const keep = fc.constantFrom('newest', 'oldest', 'latest-per-topic')
  const policies = fc.oneof(
    record({ policy: fc.constant('drop'), keep, limit: someLimit }),
    record({
      policy: fc.constant('buffer'),
      limit: someLimit,
      then: fc.constantFrom('disconnect', 'drop', 'refuse'),
    }),
    record({
      policy: fc.constant('backpressure'),
      limit: someLimit,
      timeoutMs: fc.integer({ min: 1, max: 86_400_000 }),
      then: fc.constantFrom('disconnect', 'drop', 'reject'),
    }),
  )
  fc.assert(
    fc.property(policies, (given) => {
      const policy = checkOverflow(given, 'producer', memory)
      t.strictSame(checkOverflow(formatOverflow(policy as Policy), 'producer', memory), given)
    }),
  )
})
