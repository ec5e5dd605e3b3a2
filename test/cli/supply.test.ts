import t from 'tap'
import { type Supplied, supply } from '../../cli/supply.js'

const nothing = { data: undefined, size: undefined, stdin: undefined }

async function* input(...chunks: string[]) {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

async function take(from: Iterable<Supplied> | AsyncIterable<Supplied>, most = 10) {
  const taken: string[] = []
  for await (const { topic, data } of from) if (taken.push(`${topic}: ${data}`) === most) break
  return taken
}

t.test('repeats a text, and counts in what it makes up', async (t) => {
  const unread = () => {
    throw new Error('stdin is not for this')
  }
  t.strictSame(await take(supply('a', { ...nothing, data: '' }, unread), 2), ['a: ', 'a: '])
  t.strictSame(await take(supply('a', { ...nothing, size: 4 }, unread), 10).then((all) => all.slice(-2)), [
    'a: 9...',
    'a: 10..',
  ])
  t.strictSame(await take(supply('a', { ...nothing, size: 1 }, unread), 11).then((all) => all.at(-1)), 'a: 1')
  t.strictSame(await take(supply('', { ...nothing, size: 0 }, unread), 1), [': '])
})

t.test('reads lines and JSON from its input', async (t) => {
  t.strictSame(await take(supply('a', { ...nothing, stdin: 'lines' }, () => input('x\n{', '}\n\n'))), [
    'a: x',
    'a: {}',
    'a: ',
  ])
  const json = () => input('{"data":"1"}\n', ' \r\n{"topic":"","data":"Mg==","encoding":"base64"}')
  t.strictSame(await take(supply('a', { ...nothing, stdin: 'json' }, json)), ['a: 1', ': 2'])
})

t.test('names the line that is no message', async (t) => {
  const cases: readonly (readonly [line: string, message: RegExp])[] = [
    ['nonsense', /^line 2 of stdin: .*JSON/],
    ['{"topic":5,"data":""}', /^line 2 of stdin: its topic is not a string$/],
    ['{"topic":"\\u0000","data":""}', /^line 2 of stdin: \[BAD_TOPIC\]/],
    ...['!', 'YWJj!', 'YWJ', 'YW Jj', 'YWJj=', '_-8='].map(
      (data) => [`{"data":"${data}","encoding":"base64"}`, /^line 2 of stdin: its data is not base64$/] as const,
    ),
  ]
  for (const [line, message] of cases) {
    const supplied = supply('a', { ...nothing, stdin: 'json' }, () => input(`{"data":""}\n${line}\n`))
    await t.rejects(take(supplied), { message }, line)
  }
})

t.test('wants to know one thing to send, and only one', async (t) => {
  t.throws(() => supply('a', nothing, () => input()), { name: 'UsageError', message: /^nothing to send: give --data/ })
  t.throws(() => supply('a', { ...nothing, data: '', size: 0 }, () => input()), {
    name: 'UsageError',
    message: '--data and --size exclude each other',
  })
})
