import t from 'tap'
import { readOptions, UsageError } from '../../../examples/stock-feed/options.js'

t.test('reads every option, and has an answer where none is given', async (t) => {
  const { file, ...rest } = readOptions([])
  t.match(file, /ex20101224\.binaryfile\.itch$/)
  const impair = 'loss=0.05,duplicate=2%,reorder=2%,seed=1'
  t.same(rest, { repeat: 40, speed: 40_000, impair, unicast: false, headless: false, help: false })
  t.same(
    readOptions('--repeat 3 --speed=max --loss 10% --seed 7 --unicast --file day.itch --headless --help'.split(' ')),
    {
      file: 'day.itch',
      repeat: 3,
      speed: Number.POSITIVE_INFINITY,
      impair: 'loss=0.1,duplicate=2%,reorder=2%,seed=7',
      unicast: true,
      headless: true,
      help: true,
    },
  )
})

t.test('refuses what makes no sense in one line that names the option', async (t) => {
  const wrong: readonly (readonly [args: string[], said: string])[] = [
    [['--repeat', '0'], '--repeat must be an integer from 1 to 10000, got "0"'],
    [['--repeat', '10001'], '--repeat must be an integer from 1 to 10000, got "10001"'],
    [['--repeat', '1.5'], '--repeat must be an integer from 1 to 10000, got "1.5"'],
    [['--repeat=-1'], '--repeat must be an integer from 1 to 10000, got "-1"'],
    [['--repeat', ''], '--repeat must be an integer from 1 to 10000, got ""'],
    [['--speed', 'fast'], '--speed must be an integer from 1 to 10000000, or max, got "fast"'],
    [['--loss', '0.6'], '--loss must be a share from 0 to 0.5, or up to 50%, got "0.6"'],
    [['--loss', '51%'], '--loss must be a share from 0 to 0.5, or up to 50%, got "51%"'],
    [['--loss', 'some'], '--loss must be a share from 0 to 0.5, or up to 50%, got "some"'],
    [['--seed', '4294967296'], '--seed must be an integer from 0 to 4294967295, got "4294967296"'],
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
