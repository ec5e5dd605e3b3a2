import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { bridge } from '../../cli/bridge.js'
import { type Command, common, helpOf } from '../../cli/command.js'
import { publish } from '../../cli/feed/publish.js'
import { watch } from '../../cli/feed/watch.js'
import { keygen } from '../../cli/keygen.js'
import { pub } from '../../cli/pub.js'
import { sub } from '../../cli/sub.js'
import { decodeZ85 } from '../../lib/index.js'
import { type Script, Shell } from './support/shell.js'

t.setTimeout(180_000)

const commands: readonly Command[] = [sub, pub, bridge, keygen, publish, watch]

const page = readFileSync(
  fileURLToPath(import.meta.resolve('fanwire/package.json').replace('package.json', 'docs/command-line.md')),
  'utf8',
)

/** Who is at the other end of each example, and what must come of it. */
const plays: Readonly<Record<string, (t: Test, shell: Shell, script: Script, early?: Script) => Promise<void>>> = {
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
  'into a file that only you can read': async (t, shell, script) => {
    t.equal(await script.ended, 0)
    const seen = shell.run('stat -c %a server.keys; cat server.keys')
    t.equal(await seen.ended, 0)
    t.match(seen.stdout, /^600\npublic-key = "\S{40}"\nsecret-key = "\S{40}"\n$/)
  },
  'as an object': async (t, _, script) => {
    t.equal(await script.ended, 0)
    const { publicKey, secretKey } = JSON.parse(script.stdout)
    t.same([decodeZ85(publicKey).length, decodeZ85(secretKey).length], [32, 32])
  },
  'the day that comes with the package, to all watchers on this machine': async (t, _, script, early) => {
    t.same([await script.ended, await early?.ended], [0, 0])
    const [sent, watched]: [Published, Watched] = [lastLine(script), lastLine(early)]
    t.match(watched, { digest: sent.file.digest, passes: { ended: 1 }, ledger: { next: 12_013, lost: 0 } })
  },
  'over bad lines; both lose other datagrams, the same ones for every seed': async (t, _, script, early) => {
    t.same([await script.ended, await early?.ended], [0, 0])
    const [sent, watched]: [Published, Watched] = [lastLine(script), lastLine(early)]
    t.match(watched, { digest: sent.file.digest, passes: { ended: 3, differing: 0 }, ledger: { lost: 0 } })
    t.ok(watched.lines.every(({ missed, repaired }) => missed > 0 && missed === repaired))
    const [end] = sent.ends
    t.ok(end?.lines.every(({ impairment }) => (impairment?.lost ?? 0) > 0))
  },
  'where there is no multicast: to one watcher': async (t, _, script, early) => {
    t.same([await script.ended, await early?.ended], [0, 0])
    const [sent, watched]: [Published, Watched] = [lastLine(script), lastLine(early)]
    t.match(watched, { digest: sent.file.digest, ledger: { next: 12_013, lost: 0 } })
  },
  'what fanwire feed publish sends on this machine': async (t, shell, script) => {
    const { watched, sent } = await published(shell, script)
    t.match(watched, { digest: sent.file.digest, ledger: { lost: 0 } })
    t.match(script.stdout, /^ +\d\.\d s {2}BOB +6\.9667 +5\.3417 +6\.0833 +579,962 {2}crossed$/m)
  },
  'loses some of it on the way, and asks nobody: what both lines lose is lost, and counted': async (
    t,
    shell,
    script,
  ) => {
    const { watched, sent } = await published(shell, script)
    // What both lines lost before it heard of the stream is not of its span.
    const { first, next, received, lost } = watched.ledger
    t.same([next, received + lost, watched.asked, script.lines.length], [sent.next, next - first, 0, 1])
    t.ok(watched.lines.every(({ missed }) => missed > 0))
  },
  'one line alone; all that is lost on it is asked for': async (t, shell, script) => {
    const { watched, sent } = await published(shell, script, 'multicast://239.192.26.1:26401 --impair loss=10%')
    t.match(watched, { digest: sent.file.digest, ledger: { lost: 0 } })
    t.same([watched.lines.length, watched.lines[0]?.missed], [1, watched.asked])
    t.ok(watched.asked > 0)
  },
  'where there is no multicast': async (t, shell, script) => {
    const { watched, sent } = await published(shell, script, 'udp://127.0.0.1:26401 udp://127.0.0.1:26402')
    t.match(watched, { digest: sent.file.digest, ledger: { lost: 0 } })
  },
}

/** Who must be there before an example is run, as nobody on a line is waited for. */
const audiences: Readonly<Record<string, (shell: Shell) => Promise<Script>>> = {
  'the day that comes with the package, to all watchers on this machine': (shell) => watching(shell, ''),
  'over bad lines; both lose other datagrams, the same ones for every seed': (shell) => watching(shell, ''),
  'where there is no multicast: to one watcher': (shell) =>
    watching(shell, 'udp://127.0.0.1:26401 udp://127.0.0.1:26402'),
}

async function watching(shell: Shell, lines: string): Promise<Script> {
  const script = shell.run(`fanwire feed watch --headless ${lines}`)
  await script.printed(/watching/, 'stderr')
  return script
}

/** Publishes to the watcher that is the example, and lets the feed end as soon as all has arrived. */
async function published(shell: Shell, script: Script, lines = ''): Promise<{ watched: Watched; sent: Published }> {
  await script.printed(/watching/, 'stderr')
  const other = shell.run(`fanwire feed publish --speed 40000/s --linger 500ms ${lines}`)
  await Promise.all([script.ended, other.ended])
  return { watched: lastLine(script), sent: lastLine(other) }
}

interface Published {
  readonly next: number
  readonly file: { readonly digest: string }
  readonly ends: readonly { readonly lines: readonly { readonly impairment?: { readonly lost: number } }[] }[]
}

interface Watched {
  readonly digest: string
  readonly asked: number
  readonly passes: { readonly ended: number; readonly differing: number }
  readonly ledger: { readonly first: number; readonly next: number; readonly received: number; readonly lost: number }
  readonly lines: readonly { readonly missed: number; readonly repaired: number }[]
}

function lastLine(script: Script | undefined) {
  return JSON.parse(script?.lines.at(-1) ?? '')
}

for (const command of commands) {
  for (const [what, line] of readExamples(helpOf(command))) {
    t.test(`fanwire ${command.name} --help shows: ${what}`, async (t) => {
      const shell = await Shell.open(t)
      const play = plays[what]
      if (play === undefined) throw new Error('nobody plays the other end')
      const early = await audiences[what]?.(shell)
      await play(t, shell, shell.run(line), early)
    })
  }
}

t.test('every scene that is played here stands in the help', async (t) => {
  const shown = commands.flatMap((command) => readExamples(helpOf(command)).map(([what]) => what))
  t.same(Object.keys(plays), shown)
})

t.test('the page names every flag of every command', async (t) => {
  for (const { name, flags } of commands) {
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
