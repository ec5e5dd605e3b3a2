import t, { type Test } from 'tap'
import {
  boolean,
  bytes,
  callback,
  checkOptions,
  duration,
  group,
  integer,
  number,
  type OptionTable,
  oneOf,
  rate,
  signal,
  text,
} from '../../lib/options.js'

const table = {
  retries: integer(0, 10, 3),
  loss: number(0, 1, 0.5),
  deep: boolean(false),
  keep: oneOf(['newest', 'oldest'], 'newest'),
  label: text(/^[a-z]+$/, 'lower-case letters'),
  password: text(/^.{8,}$/, 'text of at least 8 characters', { secret: true }),
  size: bytes(1, 2 ** 30, 1024),
  waitMs: duration(0, 60_000, 5_000),
  speed: rate(1_000, 1e9),
  topicOf: callback<(data: Uint8Array) => string>(),
  signal: signal(),
  limit: group({ messages: integer(1, 1_000_000, 10_000), bytes: bytes(1, 1024) }),
}

const check = (given?: object, query: Record<string, string> = {}, rules: OptionTable = table) =>
  checkOptions(rules, given, new Map(Object.entries(query)), 'a test')
const refuses = (t: Test, given: object, message: string, query: Record<string, string> = {}) =>
  t.throws(
    () => check(given, query),
    { name: 'FanwireError', code: 'BAD_OPTION', message: `[BAD_OPTION] ${message}` },
    message,
  )

t.test('completes what is not given', async (t) => {
  const complete = check()
  t.strictSame(complete, {
    retries: 3,
    loss: 0.5,
    deep: false,
    keep: 'newest',
    label: undefined,
    password: undefined,
    size: 1024,
    waitMs: 5_000,
    speed: undefined,
    topicOf: undefined,
    signal: undefined,
    limit: { messages: 10_000, bytes: undefined },
  })
  t.ok(Object.isFrozen(complete))
  t.ok(Object.isFrozen(complete.limit))
})

t.test('takes what is right, and leaves the caller’s object alone', async (t) => {
  const given = Object.freeze({
    retries: 0,
    topicOf: () => 'a',
    signal: AbortSignal.abort(),
    keep: 'oldest',
    label: undefined,
    limit: Object.freeze({ bytes: 1 }),
  })
  const complete = check(given)
  t.match(complete, { ...given, limit: { messages: 10_000, bytes: 1 } })
  t.not(complete.limit, given.limit)
})

t.test('reads a query with its units', async (t) => {
  const query = { retries: '1_0', loss: '0.25', deep: '', keep: 'oldest', label: 'a', size: '1MiB', waitMs: '1.5s' }
  const expected = { retries: 10, loss: 0.25, deep: true, keep: 'oldest', label: 'a', size: 1_048_576, waitMs: 1_500 }
  t.match(check(undefined, query), expected)
  t.match(check(undefined, { deep: 'false', size: '512', waitMs: '250' }), { deep: false, size: 512, waitMs: 250 })
})

t.test('takes a rate as text wherever it stands', async (t) => {
  t.match(check({ speed: '50MB/s' }), { speed: 50_000_000 })
  t.match(check(undefined, { speed: '8kbit/s' }), { speed: 1_000 })
  t.match(check({ speed: 2_500.5 }), { speed: 2_500.5 })
})

t.test('names option, rule and value of what it refuses', async (t) => {
  refuses(t, { retries: 11 }, 'retries must be an integer from 0 to 10, got 11')
  refuses(t, { retries: 1.5 }, 'retries must be an integer from 0 to 10, got 1.5')
  refuses(t, { retries: '3' }, "retries must be an integer from 0 to 10, got '3'")
  refuses(t, { retries: Number.NaN }, 'retries must be an integer from 0 to 10, got NaN')
  refuses(t, { retries: null }, 'retries must be an integer from 0 to 10, got null')
  refuses(t, { retries: 3n }, 'retries must be an integer from 0 to 10, got 3')
  refuses(t, { retries: Symbol('a') }, 'retries must be an integer from 0 to 10, got Symbol(a)')
  refuses(t, { loss: 1.5 }, 'loss must be a number from 0 to 1, got 1.5')
  refuses(t, { deep: 'yes' }, "deep must be true or false, got 'yes'")
  refuses(t, { keep: 'all' }, "keep must be one of 'newest', 'oldest', got 'all'")
  refuses(t, { keep: ['newest'] }, "keep must be one of 'newest', 'oldest', got an array of 1")
  refuses(t, { label: 'A' }, "label must be lower-case letters, got 'A'")
  refuses(t, { label: 'A'.repeat(99) }, `label must be lower-case letters, got '${'A'.repeat(60)}…'`)
  refuses(t, { password: 'hush' }, 'password must be text of at least 8 characters, got another value, not shown here')
  refuses(t, { size: 0 }, 'size must be an integer from 1 to 1073741824 (bytes), got 0')
  refuses(
    t,
    { waitMs: Number.POSITIVE_INFINITY },
    'waitMs must be a number from 0 to 60000 (milliseconds), got Infinity',
  )
  const speed = "speed must be a number from 1000 to 1000000000 (bytes per second) or text such as '50MB/s', got"
  refuses(t, { speed: 10 }, `${speed} 10`)
  refuses(t, { speed: '9GB/s' }, `${speed} 9000000000`)
  refuses(t, { speed: 'fast' }, `${speed} 'fast'`)
  refuses(t, { topicOf: 'a' }, "topicOf must be a function, got 'a'")
  refuses(t, { signal: {} }, 'signal must be an AbortSignal, got an object')
  refuses(t, { limit: { messages: 0 } }, 'limit.messages must be an integer from 1 to 1000000, got 0')
  refuses(t, { limit: 5 }, 'limit must be an object with messages and bytes, got 5')
  refuses(t, {}, "retries must be an integer from 0 to 10, got 'many'", { retries: 'many' })
  refuses(t, {}, "waitMs must be a number from 0 to 60000 (milliseconds), got '5 s'", { waitMs: '5 s' })
  refuses(t, {}, "deep must be true or false, got '1'", { deep: '1' })
  t.throws(() => check('fast' as unknown as object), { message: /the options of a test must be an object, got 'fast'/ })
})

t.test('names the option that was probably meant', async (t) => {
  refuses(t, { retrys: 1 }, 'retrys is not an option of a test; did you mean retries?')
  refuses(t, { WaitMS: 1 }, 'WaitMS is not an option of a test; did you mean waitMs?')
  refuses(t, { lable: 1 }, 'lable is not an option of a test; did you mean label?')
  refuses(t, { limit: { message: 1 } }, 'limit.message is not an option of limit; did you mean limit.messages?')
  refuses(t, {}, 'siz is not an option of a test; did you mean size?', { siz: '1' })
  t.throws(() => check({ colour: 'red' }), {
    message: /colour is not an option of a test; known are retries, .* and limit$/,
  })
  t.throws(
    () => check(undefined, { toString: '' }),
    { message: /toString is not an option/ },
    'what objects inherit is none',
  )
  t.throws(() => check(JSON.parse('{"__proto__": 1}')), { message: /__proto__ is not an option/ })
})

t.test('refuses an option that is given in two places', async (t) => {
  refuses(t, { retries: 1 }, 'retries is given both in the URL and as an option; give it once', { retries: '1' })
  t.match(check({ retries: undefined }, { retries: '1' }), { retries: 1 }, 'undefined is nowhere')
})

t.test('takes no functions, signals and groups without a short form from a URL', async (t) => {
  for (const name of ['topicOf', 'signal', 'limit']) {
    refuses(t, {}, `${name} cannot be given in a URL; pass it as an option`, { [name]: 'x' })
  }
  const short = { limit: group({ messages: integer(1, 10, 5) }, (given) => ({ messages: Number(given) })) }
  t.strictSame(check(undefined, { limit: '7' }, short), { limit: { messages: 7 } })
})
