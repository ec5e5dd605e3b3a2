import t from 'tap'
import { parseAddress } from '../../lib/address.js'
import { checkConsumerOptions } from '../../lib/consumer-options.js'
import type { Transport } from '../../lib/transport.js'

const MIB = 1024 * 1024
const badOption = { name: 'FanwireError', code: 'BAD_OPTION' }
const transport = { options: {} } as Transport

const check = (given?: object, query = '') => {
  const [checked] = checkConsumerOptions(given, [parseAddress(`tcp://localhost:1${query}`)], [transport])
  if (checked === undefined) throw new Error('no options for the transport')
  return checked
}

t.test('completes what is not given', async (t) => {
  const complete = check()
  t.strictSame(complete, {
    role: undefined,
    codec: undefined,
    signal: undefined,
    transport: [],
    maxMessageBytes: 16 * MIB,
    topics: [''],
    overflow: {
      policy: 'backpressure',
      limit: { messages: 10_000, bytes: 16 * MIB },
      timeoutMs: Number.POSITIVE_INFINITY,
      then: 'disconnect',
    },
    from: 'now',
    want: undefined,
    acknowledge: 'taken',
    onLoss: 'skip',
    lines: 'arbitrate',
    holdMs: 3_000,
    id: undefined,
    pattern: 'publish',
    own: {},
  })
  t.ok(Object.isFrozen(complete))
})

t.test('takes options from the URL', async (t) => {
  const query = '?topics=trades.&overflow=buffer:64MiB&from=oldest&want=drop:latest-per-topic&onLoss=fail&holdMs=5ms'
  t.match(check(undefined, query), {
    topics: ['trades.'],
    overflow: { policy: 'buffer', limit: { messages: 1_000_000, bytes: 64 * MIB } },
    from: 'oldest',
    want: 'drop:latest-per-topic',
    onLoss: 'fail',
    holdMs: 5,
  })
})

t.test('keeps topics of its own', async (t) => {
  const bytes = new Uint8Array([1, 2])
  const topics = ['a', bytes]
  const complete = check({ topics })
  t.strictSame(complete.topics, ['a', new Uint8Array([1, 2])])
  bytes[0] = 9
  topics.push('b')
  t.strictSame(complete.topics, ['a', new Uint8Array([1, 2])])
  t.strictSame(check({ topics: [] }).topics, [])
  t.strictSame(check({ topics: [Buffer.from('\u0000')] }).topics, [new Uint8Array(1)], 'bytes may be anything')
})

t.test('asks for a policy in its compact form', async (t) => {
  t.equal(check({ want: { policy: 'drop', limit: { messages: 5 } } }).want, 'drop:newest:5')
  t.equal(check({ want: 'backpressure' }).want, 'backpressure:5s:disconnect')
  t.throws(() => check({ want: 'block' }), { ...badOption, message: /want must be written as/ })
})

t.test('resumes', async (t) => {
  const from = { stream: '0123456789', run: 2 ** 48 - 1, next: 0 }
  t.strictSame(check({ from }).from, from)
  t.throws(() => check({ from: { ...from, run: undefined } }), {
    ...badOption,
    message: /must have stream, run and next/,
  })
  t.throws(() => check({ from: { ...from, next: -1 } }), { ...badOption, message: /from\.next must be an integer/ })
})

t.test('refuses what cannot be, naming it', async (t) => {
  const cases: readonly [given: object, message: RegExp][] = [
    [{ topics: 'a' }, /topics must be an array of strings and Uint8Arrays, \[''\] for everything, got 'a'/],
    [{ topics: ['a', 5] }, /topics\[1\] must be a string or a Uint8Array, got 5/],
    [{ topics: [new Uint8Array(1025)] }, /topics\[0\] must be at most 1024 bytes, got 1025/],
    [{ topics: Array(10_001).fill('a') }, /topics must be at most 10000, got 10001/],
    [{ overflow: 'backpressure:5s' }, /overflow must be written as backpressure\[:LIMIT\]/],
    [{ overflow: () => 'drop' }, /overflow must be .* got a function/],
    [{ from: 'yesterday' }, /from must be one of 'now', 'oldest', 'latest-per-topic', got 'yesterday'/],
    [{ acknowledge: 'never' }, /acknowledge must be one of 'taken', 'manual'/],
    [{ topic: 'a' }, /topic is not an option of consumers over tcp; did you mean topics\?/],
    [{ retain: '1MiB' }, /retain is not an option of consumers over tcp/],
  ]
  for (const [given, message] of cases) t.throws(() => check(given), { ...badOption, message }, String(message))
  t.throws(() => check({ topics: ['a\u0000'] }), { code: 'BAD_TOPIC' })
})
