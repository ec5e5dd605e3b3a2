import t from 'tap'
import { readOptions, UsageError } from '../../../examples/stock-feed/options.js'

t.test('reads every option, and has an answer where none is given', async (t) => {
  const { file, ...rest } = readOptions([])
  t.match(file, /ex20101224\.binaryfile\.itch$/)
  t.same(rest, { repeat: 40, speed: 40_000, headless: false, help: false })
  t.same(readOptions(['--repeat', '3', '--speed=max', '--file', 'day.itch', '--headless', '--help']), {
    file: 'day.itch',
    repeat: 3,
    speed: Number.POSITIVE_INFINITY,
    headless: true,
    help: true,
  })
})

t.test('refuses what makes no sense in one line that names the option', async (t) => {
  const wrong: readonly (readonly [args: string[], said: string])[] = [
    [['--repeat', '0'], '--repeat must be an integer from 1 to 10000, got "0"'],
    [['--repeat', '10001'], '--repeat must be an integer from 1 to 10000, got "10001"'],
    [['--repeat', '1.5'], '--repeat must be an integer from 1 to 10000, got "1.5"'],
    [['--repeat=-1'], '--repeat must be an integer from 1 to 10000, got "-1"'],
    [['--repeat', ''], '--repeat must be an integer from 1 to 10000, got ""'],
    [['--speed', 'fast'], '--speed must be an integer from 1 to 10000000, or max, got "fast"'],
    [['--file', ''], '--file must name a file'],
    [['--repeat'], '--repeat'],
    [['--repeat', '--headless'], '--repeat'],
    [['--headless=yes'], '--headless'],
    [['--quiet'], '--quiet'],
    [['day.itch'], 'day.itch'],
  ]
  for (const [args, said] of wrong) {
    try {
      readOptions(args)
      t.fail(`${args.join(' ')} was taken`)
    } catch (error) {
      t.ok(error instanceof UsageError, args.join(' '))
      const { message } = error as Error
      t.ok(message.includes(said) && !message.includes('\n'), message)
    }
  }
})
