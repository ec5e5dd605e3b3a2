import t from 'tap'
import { command, helpOf, readArguments, toggle, UsageError } from '../../cli/command.js'
import { integer, type OptionRule, oneOf } from '../../lib/options.js'

const texts: OptionRule<readonly string[] | undefined> = {
  fallback: undefined,
  check: (value) => value as readonly string[],
}
const flags = {
  topic: { value: 'PREFIX', help: 'only these', many: true, rule: texts },
  count: { value: 'N', help: 'so many', rule: integer(1, 10, 5) },
  format: { value: 'FORMAT', help: 'in this form', rule: oneOf(['json', 'text']) },
  stats: toggle('count'),
}
const read = (...args: string[]) => readArguments('test', flags, args)

t.test('reads words and flags in any order', async (t) => {
  t.strictSame(read('a', '--topic', 'x', '--count=7', 'b', '--topic=y', '--stats', '--', '--c'), {
    words: ['a', 'b', '--c'],
    values: { topic: ['x', 'y'], count: 7, format: undefined, stats: true },
  })
  t.strictSame(read(), { words: [], values: { topic: undefined, count: 5, format: undefined, stats: false } })
})

t.test('refuses what makes no sense, in the words that were typed', async (t) => {
  t.throws(() => read('--count', 'many'), {
    message: "[BAD_OPTION] --count must be an integer from 1 to 10, got 'many'",
  })
  t.throws(() => read('--format=xml'), {
    code: 'BAD_OPTION',
    message: /--format must be one of 'json', 'text', got 'xml'/,
  })
  t.throws(() => read('--nonsense'), { name: 'UsageError', message: "Unknown option '--nonsense'" })
  t.throws(() => read('--count'), UsageError)
  t.throws(() => read('--count', '-1'), {
    name: 'UsageError',
    message: '--count has no value; one that begins with a dash: --count=-VALUE',
  })
  t.throws(() => read('--stats=yes'), UsageError)
})

t.test('writes the help from the same table', async (t) => {
  const help = helpOf(
    command({
      name: 'test',
      usage: 'URL… [options]',
      summary: 'Does nothing.',
      flags,
      examples: [['fanwire test a', 'why not']],
      run: async () => undefined,
    }),
  )
  t.match(help, /^Usage: fanwire test URL… \[options\]\n\nDoes nothing\.\n/)
  t.match(help, /\n {2}--topic PREFIX {3}only these\n {2}--count N {8}so many\n/)
  t.match(help, /\n {2}--help {11}print this\n/)
  t.match(help, /\n {2}# why not\n {2}fanwire test a\n$/)
})
