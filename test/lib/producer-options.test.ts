import t from 'tap'
import { type Address, parseAddress } from '../../lib/address.js'
import { bytes, integer, type OptionTable } from '../../lib/options.js'
import type { Link } from '../../lib/producer-face.js'
import { checkProducerOptions, overflowRule } from '../../lib/producer-options.js'
import type { Transport } from '../../lib/transport.js'

const KIB = 1024
const MIB = 1024 * KIB
const badOption = { name: 'FanwireError', code: 'BAD_OPTION' }

const transport = (options: OptionTable = {}): Transport => ({
  schemes: ['tcp'],
  traits: {
    ordered: true,
    reliable: true,
    flowControlled: true,
    filtersAtProducer: true,
    numbers: 'counted',
    tailLoss: true,
    maxMessageBytes: MIB,
  },
  listens: 'producer',
  options,
  produce: () => Promise.reject(new Error('opens nothing')),
  consume: () => Promise.reject(new Error('opens nothing')),
})
const at = (...urls: string[]): Address[] => urls.map(parseAddress)
const check = (given?: object, url = 'tcp://*:1', options?: OptionTable) => {
  const [checked] = checkProducerOptions(given, at(url), [transport(options)])
  if (checked === undefined) throw new Error('no options for the transport')
  return checked
}
const wishing = (want?: string) => ({ want }) as Link

t.test('completes what is not given', async (t) => {
  const complete = check()
  t.match(complete, {
    overflow: { policy: 'backpressure', limit: { messages: 10_000, bytes: 16 * MIB }, timeoutMs: 5_000 },
    retain: undefined,
    memory: { bytes: 64 * MIB },
    maxMessageBytes: 16 * MIB,
    stallMs: 30_000,
    unacknowledgedBytes: undefined,
    stream: undefined,
    sequence: undefined,
    role: undefined,
    pattern: 'publish',
    prefetch: undefined,
    share: undefined,
    codec: undefined,
    signal: undefined,
    transport: [],
    own: {},
  })
  t.ok(Object.isFrozen(complete))
})

t.test('sizes the memory for the largest message, and the other way round', async (t) => {
  t.equal(check({ maxMessageBytes: 60 * MIB }).memory.bytes, 240 * MIB)
  t.equal(check(undefined, 'tcp://*:1?maxMessageBytes=60MiB').memory.bytes, 240 * MIB)
  t.equal(check({ maxMessageBytes: 1 }).memory.bytes, 64 * MIB)
  t.equal(check({ maxMessageBytes: 60 * MIB, memory: {} }).memory.bytes, 240 * MIB)
  t.equal(check({ maxMessageBytes: 29 * MIB, memory: { bytes: 64 * MIB } }).memory.bytes, 64 * MIB)
  t.equal(check({ memory: { bytes: MIB } }).memory.bytes, MIB, 'what is not given gives way')
  const message =
    'maxMessageBytes must be at most 31456256, which is what memory.bytes, 67108864, has room for, got 31457280; ' +
    'raise memory.bytes to 125829120, or leave it out'
  const tooMuch = { ...badOption, message: `[BAD_OPTION] ${message}` }
  t.throws(() => check({ maxMessageBytes: 30 * MIB, memory: { bytes: 64 * MIB } }), tooMuch)
  t.throws(() => check({ memory: { bytes: 64 * MIB } }, 'tcp://*:1?maxMessageBytes=30MiB'), tooMuch)
})

t.test('takes options from the URL', async (t) => {
  const query = 'overflow=drop:oldest:5&retain=100,1MiB,1h&memory=2MiB&stallMs=5s&role=dial&sequence&stream=0123456789'
  t.match(check(undefined, `tcp://localhost:1?${query}`), {
    overflow: { policy: 'drop', keep: 'oldest', limit: { messages: 5, bytes: 2 * MIB } },
    retain: { messages: 100, bytes: MIB, ageMs: 3_600_000 },
    memory: { bytes: 2 * MIB },
    stallMs: 5_000,
    role: 'dial',
    sequence: true,
    stream: '0123456789',
  })
  for (const name of ['codec', 'signal', 'transport']) {
    const message = new RegExp(`${name} cannot be given in a URL`)
    t.throws(() => check(undefined, `tcp://*:1?${name}=a`), { ...badOption, message })
  }
})

t.test('refuses what cannot be, naming it', async (t) => {
  const cases: readonly [given: object, message: string][] = [
    [{ overflow: 'drop:all' }, "overflow.keep must be one of 'newest', 'oldest', 'latest-per-topic', got 'all'"],
    [
      { overflow: 'drop:newest:65MiB' },
      'overflow.limit.bytes must be an integer from 1 to 67108864 (bytes), got 68157440',
    ],
    [{ retain: { messages: -1 } }, 'retain.messages must be an integer of at least 0, got -1'],
    [
      { retain: {} },
      "retain must be 'latest-per-topic', text such as '5' (messages), '16MiB' or '10000,16MiB,1h', or an object with messages, bytes or ageMs, got an object",
    ],
    [
      { retain: '1MiB,2MiB' },
      "retain must be 'latest-per-topic', text such as '5' (messages), '16MiB' or '10000,16MiB,1h', or an object with messages, bytes or ageMs, got '1MiB,2MiB'",
    ],
    [{ retain: '65MiB' }, 'retain.bytes must be at most memory.bytes, which is 67108864, got 68157440'],
    [{ memory: { bytes: 1 } }, 'memory.bytes must be an integer from 1048576 to 1099511627776 (bytes), got 1'],
    [{ stream: 'short' }, "stream must be 10 characters of 0-9 and A-Z, got 'short'"],
    [{ pattern: 'share' }, "pattern cannot be 'share' over tcp, which has no word for it"],
    [{ pattern: 'push' }, "pattern must be one of 'publish', 'share', got 'push'"],
    [{ prefetch: '10' }, "prefetch needs pattern: 'share'"],
    [{ codec: {} }, 'codec must be a codec, an object with encode() and decode(), got an object'],
    [{ transport: [{}] }, 'transport must be a transport, an object with produce() and consume(), got an object'],
    [{ topics: [''] }, 'topics is not an option of producers over tcp; '],
    [{ retian: 1 }, 'retian is not an option of producers over tcp; did you mean retain?'],
  ]
  for (const [given, message] of cases) {
    const begins = (error: Error) => error.message.startsWith(`[BAD_OPTION] ${message}`)
    try {
      check(given)
      t.fail(`took ${JSON.stringify(given)}`)
    } catch (error) {
      t.ok(begins(error as Error), message, { found: String(error) })
    }
  }
  t.throws(() => checkProducerOptions('fast' as unknown as object, at('tcp://*:1'), [transport()]), badOption)
})

t.test('reads every form of the retained past', async (t) => {
  t.equal(check({ retain: 'latest-per-topic' }).retain, 'latest-per-topic')
  t.match(check({ retain: '1_000' }).retain, { messages: 1_000, bytes: undefined, ageMs: undefined })
  t.match(check({ retain: '16MiB' }).retain, { messages: undefined, bytes: 16 * MIB })
  t.match(check({ retain: { ageMs: 5 } }).retain, { ageMs: 5 })
})

t.test('settles the policy of each link', async (t) => {
  const fixed = check({ overflow: 'drop:newest:5' })
  t.equal(fixed.overflowOf(wishing('drop:oldest')), fixed.overflow, 'what the producer says holds')

  const free = check()
  t.equal(free.overflowOf(wishing()), free.overflow)
  t.match(free.overflowOf(wishing('drop:latest-per-topic')), { policy: 'drop', keep: 'latest-per-topic' })
  for (const want of ['backpressure', 'buffer:64MiB', 'drop:newest:1GiB', 'rubbish', '']) {
    t.equal(free.overflowOf(wishing(want)), free.overflow, `passes over '${want}'`)
  }

  const chosen = check({ overflow: ({ remote }: Link) => (remote === 'x' ? 'block' : 'drop:oldest') })
  t.match(chosen.overflow, { policy: 'backpressure' })
  t.match(chosen.overflowOf(wishing()), { policy: 'drop', keep: 'oldest' })
  t.throws(() => chosen.overflowOf({ remote: 'x' } as Link), {
    ...badOption,
    message: /what overflow\(\) returns must be/,
  })
})

t.test('gives every transport its own options and its own defaults', async (t) => {
  const one = transport({ backlog: integer(1, 10, 5), overflow: overflowRule('drop') })
  const two = transport({ ttl: integer(0, 255, 1), maxMessageBytes: bytes(1, 65_507, 65_507) })
  const open = (given?: object, ...urls: string[]) => checkProducerOptions(given, at('tcp://*:1', ...urls), [one, two])
  t.match(open({ ttl: 7 }, 'udp://*:1?backlog=3&stallMs=1s'), [
    { own: { backlog: 3 }, overflow: { policy: 'drop', keep: 'newest' }, maxMessageBytes: 16 * MIB, stallMs: 1_000 },
    { own: { ttl: 7, maxMessageBytes: 65_507 }, overflow: { policy: 'backpressure' }, maxMessageBytes: 65_507 },
  ])
  t.throws(() => open({ tll: 7 }, 'udp://*:1'), {
    message: /tll is not an option of producers over tcp and udp; did you mean ttl/,
  })
  t.throws(() => open({ maxMessageBytes: 70_000 }), { message: /from 1 to 65507 \(bytes\), got 70000/ })
  t.throws(() => open(undefined, 'udp://*:1?ttl=1', 'udp://*:2?ttl=2'), {
    ...badOption,
    message: /ttl differs between the URLs/,
  })
  t.match(open(undefined, 'udp://*:1?ttl=2', 'udp://*:2?ttl=2'), [{}, { own: { ttl: 2 } }])
})

t.test('takes numbers, or does without, as far as every transport can', async (t) => {
  const numbers = (kind: Transport['traits']['numbers']): Transport => {
    const one = transport()
    return { ...one, traits: { ...one.traits, numbers: kind } }
  }
  const open = (sequence: boolean, ...kinds: Transport['traits']['numbers'][]) =>
    checkProducerOptions({ sequence }, at('tcp://*:1'), kinds.map(numbers))
  for (const kind of ['counted', 'native'] as const) {
    t.doesNotThrow(() => open(true, kind))
    t.throws(() => open(false, kind), { ...badOption, message: /sequence cannot be false for .* always have numbers/ })
  }
  for (const sequence of [true, false]) t.doesNotThrow(() => open(sequence, 'stamp'))
  t.doesNotThrow(() => open(false, 'none'))
  t.throws(() => open(true, 'none'), { ...badOption, message: /sequence cannot be true for .* have no numbers/ })
  for (const sequence of [true, false]) t.throws(() => open(sequence, 'counted', 'none'), badOption)
})
