import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { bridge } from '../../cli/bridge.js'
import { type Command, common, helpOf } from '../../cli/command.js'
import { pub } from '../../cli/pub.js'
import { sub } from '../../cli/sub.js'
import { type Script, Shell } from './support/shell.js'

t.setTimeout(180_000)

const page = readFileSync(
  fileURLToPath(import.meta.resolve('fanwire/package.json').replace('package.json', 'docs/command-line.md')),
  'utf8',
)

/** Who is at the other end of each example, and what must come of it. */
const plays: Readonly<Record<string, (t: Test, shell: Shell, script: Script) => Promise<void>>> = {
  'all that a producer on this machine sends': async (t, shell, script) => {
    const other = shell.run('fanwire pub tcp://127.0.0.1:5555 any.topic --data hello')
    t.match(await script.printed(/.*\n/), ['{"topic":"any.topic","data":"hello","sequence":1,'])
    script.endAll('SIGINT')
    t.same([await script.ended, await other.ended], [0, 0])
  },
  'the data alone, of topics that begin with trades. or quotes.': async (t, shell, script) => {
    const other = shell.run(
      'fanwire pub tcp://127.0.0.1:5555 --stdin json',
      ['trades.A', 'news.A', 'quotes.A'].map((topic) => `{"topic":"${topic}","data":"${topic}"}\n`).join(''),
    )
    await script.printed(/quotes/)
    t.same(script.lines, ['trades.A', 'quotes.A'])
    script.endAll('SIGINT')
    t.same([await script.ended, await other.ended], [0, 0])
  },
  'the oldest message that the producer retains': async (t, shell, script) => {
    const other = shell.run("fanwire pub 'tcp://127.0.0.1:5555?retain=100' load --size 5 --rate 100/s --links 0")
    t.equal(await script.ended, 0)
    t.equal(script.lines.length, 1)
    other.endAll('SIGINT')
    t.equal(await other.ended, 0)
  },
  'a hundred messages and then the ledger; fails if one was lost': async (t, shell, script) => {
    const other = shell.run('fanwire pub tcp://127.0.0.1:5555 load --size 5 --count 100')
    t.same([await script.ended, await other.ended, script.lines.length], [0, 0, 100])
    t.match(script.stats, { streams: [{ delivered: 100, lost: 0 }] })
  },
  'be called by producers, ZeroMQ publishers among them': async (t, shell, script) => {
    const other = shell.run('fanwire pub ipc:///tmp/prices.sock --dial a --data hello')
    await script.printed(/"hello"/)
    script.endAll('SIGINT')
    t.same([await script.ended, await other.ended], [0, 0])
  },
  'one message, for the first who wants it': async (t, shell, script) => {
    const other = shell.run('fanwire sub tcp://127.0.0.1:5555 --topic greet --count 1 --format text')
    t.same([await script.ended, await other.ended, other.stdout], [0, 0, 'hello\n'])
  },
  'a hundred, in a second': async (t, shell, script) => {
    const other = shell.run('fanwire sub tcp://127.0.0.1:5555 --count 100 --format text')
    t.same([await script.ended, await other.ended], [0, 0])
    t.same(
      other.lines,
      Array.from({ length: 100 }, (_, at) => `${at + 1}`),
    )
  },
  'as fast as the slower of two subscribers takes them, and then the ledger': async (t, shell, script) => {
    const others = [1, 2].map(() =>
      shell.run('fanwire sub tcp://127.0.0.1:5555 --count 100000 --format text | tail -1'),
    )
    t.equal(await script.ended, 0)
    for (const other of others) {
      t.equal(await other.ended, 0)
      t.equal(other.stdout, `${'100000'.padEnd(100, '.')}\n`)
    }
    t.match(script.stats, { accepted: 100_000, unheard: 0, links: [{ considered: 100_000, handed: 100_000 }, {}] })
  },
  'until it is interrupted; who is slow loses some, and holds up nobody': async (t, shell, script) => {
    const other = shell.run('fanwire sub tcp://127.0.0.1:5555 --count 3 --format text')
    t.same([await other.ended, other.lines.length], [0, 3])
    script.endAll('SIGINT')
    t.equal(await script.ended, 0)
  },
  'from a producer to a consumer that listens': async (t, shell, script) => {
    const to = shell.run('fanwire sub tcp://127.0.0.1:6666 --listen --count 2')
    const from = shell.run('fanwire pub tcp://127.0.0.1:5555 any.topic --data hello --rate 20/s')
    t.equal(await to.ended, 0)
    t.match(to.lines[1], '{"topic":"any.topic","data":"hello","sequence":2,')
    for (const running of [from, script]) running.endAll('SIGINT')
    t.same([await from.ended, await script.ended], [0, 0])
  },
  'from the network to all on this machine': async (t, shell, script) => {
    const from = shell.run('fanwire pub tcp://127.0.0.1:5555 any.topic --data hello --rate 20/s')
    const to = shell.run('fanwire sub ipc:///tmp/prices.sock --count 1')
    t.equal(await to.ended, 0)
    t.match(to.stdout, '{"topic":"any.topic","data":"hello"')
    for (const running of [from, script]) running.endAll('SIGINT')
    t.same([await from.ended, await script.ended], [0, 0])
  },
  'a place to meet: producers dial port 5555, consumers port 6666': async (t, shell, script) => {
    const from = [1, 2].map((n) => shell.run(`fanwire pub tcp://127.0.0.1:5555 --dial from.${n} --data x --rate 20/s`))
    const to = [1, 2].map((n) => shell.run(`fanwire sub tcp://127.0.0.1:6666 --topic from.${n} --count 2`))
    for (const consumer of to) t.same([await consumer.ended, consumer.lines.length], [0, 2])
    for (const running of [...from, script]) running.endAll('SIGINT')
    t.same(await Promise.all([...from, script].map(({ ended }) => ended)), [0, 0, 0])
  },
  'of every quote only the newest for those who are slow; both ledgers at the end': async (t, shell, script) => {
    const from = shell.run('fanwire pub tcp://127.0.0.1:5555 quotes.A --data hello --rate 20/s')
    const to = shell.run('fanwire sub tcp://127.0.0.1:6666 --count 1')
    t.equal(await to.ended, 0)
    for (const running of [from, script]) running.endAll('SIGINT')
    t.same([await from.ended, await script.ended], [0, 0])
    t.match(script.stats, { consumer: { streams: [{ lost: 0 }] }, producer: { refused: 0 } })
  },
}

for (const command of [sub, pub, bridge]) {
  for (const [what, line] of readExamples(helpOf(command))) {
    t.test(`fanwire ${command.name} --help shows: ${what}`, async (t) => {
      const shell = await Shell.open(t)
      const play = plays[what]
      if (play === undefined) throw new Error('nobody plays the other end')
      await play(t, shell, shell.run(line))
    })
  }
}

t.test('every scene that is played here stands in the help', async (t) => {
  const shown = [sub, pub, bridge].flatMap((command) => readExamples(helpOf(command)).map(([what]) => what))
  t.same(Object.keys(plays), shown)
})

t.test('the page names every flag of every command', async (t) => {
  for (const { name, flags } of [sub, pub, bridge] as Command[]) {
    const [, section = ''] = new RegExp(`^\\| \`fanwire ${name}\`(.*?)^##? `, 'ms').exec(page) ?? []
    for (const flag of Object.keys(flags)) t.match(section, `\`--${flag}`, `fanwire ${name} --${flag}`)
  }
  for (const flag of Object.keys(common)) t.match(page, `--${flag}\``)
})

for (const [, script = '', expected = ''] of page.matchAll(/^```sh\n(.*?)^```\n```\w+\n(.*?)^```$/gms)) {
  t.test(`docs/command-line.md shows what is true: ${script.split('\n')[0]}`, async (t) => {
    const running = (await Shell.open(t)).run(script)
    t.equal(await running.exited, 0)
    t.equal(withoutName(running.stdout), withoutName(expected))
    running.endAll('SIGTERM')
  })
}

/** The name of a stream is another every time. */
function withoutName(text: string): string {
  return text.replace(/(?<="stream":)"[0-9A-Z]{10}"/g, '"…"')
}

function readExamples(help: string): [what: string, line: string][] {
  const [, examples = ''] = help.split('\nExamples:\n')
  return Array.from(examples.matchAll(/^ {2}# (.*)\n {2}(.*)\n/gm), ([, what = '', line = '']) => [what, line])
}
