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
import { type Consumer, createConsumer, createProducer, decodeZ85, type Producer } from '../../lib/index.js'
import { type Script, Shell } from './support/shell.js'

t.setTimeout(180_000)

const commands: readonly Command[] = [sub, pub, bridge, keygen, publish, watch]

const page = readFileSync(
  fileURLToPath(import.meta.resolve('fanwire/package.json').replace('package.json', 'docs/command-line.md')),
  'utf8',
)

/** Who dials is there as soon as the other end is. */
const impatient = { reconnectMinMs: 10, reconnectMaxMs: 50 }

/** Who is at the other end of each example, and what must come of it. */
const plays: Readonly<Record<string, (t: Test, shell: Shell, script: Script, early?: Script) => Promise<void>>> = {
  'all that a producer on this machine sends': async (t, shell, script) => {
    const producer = await producing(t, shell.own('tcp://127.0.0.1:5555'))
    await producer.linked({ topic: 'any.topic' })
    await producer.send('any.topic', 'hello')
    t.match(await script.printed(/.*\n/), ['{"topic":"any.topic","data":"hello","sequence":1,'])
    script.endAll('SIGINT')
    t.equal(await script.ended, 0)
  },
  'the data alone, of topics that begin with trades. or quotes.': async (t, shell, script) => {
    const producer = await producing(t, shell.own('tcp://127.0.0.1:5555'))
    await producer.linked({ topic: 'quotes.' })
    for (const topic of ['trades.A', 'news.A', 'quotes.A']) await producer.send(topic, topic)
    await script.printed(/quotes/)
    t.same(script.lines, ['trades.A', 'quotes.A'])
    script.endAll('SIGINT')
    t.equal(await script.ended, 0)
  },
  'the oldest message that the producer retains': async (t, shell, script) => {
    const producer = await producing(t, shell.own('tcp://127.0.0.1:5555?retain=100'))
    await producer.send('load', 'oldest')
    // It hears that nobody reads on when it has more to print.
    const sending = setInterval(() => void producer.send('load', 'newer'), 10)
    t.equal(await script.ended, 0)
    clearInterval(sending)
    t.match(script.lines, ['{"topic":"load","data":"oldest","sequence":1,'])
    t.equal(script.lines.length, 1)
  },
  'a hundred messages and then the ledger; fails if one was lost': async (t, shell, script) => {
    const producer = await producing(t, shell.own('tcp://127.0.0.1:5555'))
    await producer.linked({ topic: '' })
    for (let i = 0; i < 100; i++) await producer.send('load', `${i}`)
    t.same([await script.ended, script.lines.length], [0, 100])
    t.match(script.stats, { streams: [{ delivered: 100, lost: 0 }] })
  },
  'be called by producers, ZeroMQ publishers among them': async (t, shell, script) => {
    const producer = await producing(t, shell.own('ipc:///tmp/prices.sock'), 'dial')
    await producer.linked({ topic: 'a' })
    await producer.send('a', 'hello')
    await script.printed(/"hello"/)
    script.endAll('SIGINT')
    t.equal(await script.ended, 0)
  },
  'one message, for the first who wants it': async (t, shell, script) => {
    const consumer = await consuming(t, shell.own('tcp://127.0.0.1:5555'), 'dial', 'greet')
    t.same(await taken(consumer, 1), ['hello'])
    t.equal(await script.ended, 0)
  },
  'a hundred, in a second': async (t, shell, script) => {
    const consumer = await consuming(t, shell.own('tcp://127.0.0.1:5555'))
    t.same(
      await taken(consumer, 100),
      Array.from({ length: 100 }, (_, at) => `${at + 1}`),
    )
    t.equal(await script.ended, 0)
  },
  'as fast as the slower of two subscribers takes them, and then the ledger': async (t, shell, script) => {
    const url = shell.own('tcp://127.0.0.1:5555')
    const consumers = await Promise.all([consuming(t, url), consuming(t, url)])
    for (const texts of await Promise.all(consumers.map((consumer) => taken(consumer, 100_000)))) {
      t.equal(texts.at(-1), '100000'.padEnd(100, '.'))
    }
    t.equal(await script.ended, 0)
    t.match(script.stats, { accepted: 100_000, unheard: 0, links: [{ considered: 100_000, handed: 100_000 }, {}] })
  },
  'until it is interrupted; who is slow loses some, and holds up nobody': async (t, shell, script) => {
    const consumer = await consuming(t, shell.own('tcp://127.0.0.1:5555'))
    t.equal((await taken(consumer, 3)).length, 3)
    script.endAll('SIGINT')
    t.equal(await script.ended, 0)
  },
  'from a producer to a consumer that listens': async (t, shell, script) => {
    const to = await consuming(t, shell.own('tcp://127.0.0.1:6666'), 'listen')
    const from = await producing(t, shell.own('tcp://127.0.0.1:5555'))
    await from.linked({ topic: 'any.topic' })
    for (const data of ['hello', 'again']) await from.send('any.topic', data)
    t.same(await taken(to, 2), ['hello', 'again'])
    script.endAll('SIGINT')
    t.equal(await script.ended, 0)
  },
  'from the network to all on this machine': async (t, shell, script) => {
    const from = await producing(t, shell.own('tcp://127.0.0.1:5555'))
    const to = await consuming(t, shell.own('ipc:///tmp/prices.sock'))
    await Promise.all([from.linked({ topic: 'any.topic' }), to.linked()])
    await from.send('any.topic', 'hello')
    t.same(await taken(to, 1), ['hello'])
    script.endAll('SIGINT')
    t.equal(await script.ended, 0)
  },
  'a place to meet: producers dial port 5555, consumers port 6666': async (t, shell, script) => {
    const [to, from] = [shell.own('tcp://127.0.0.1:6666'), shell.own('tcp://127.0.0.1:5555')]
    const consumers = await Promise.all(['from.1', 'from.2'].map((topic) => consuming(t, to, 'dial', topic)))
    const producers = await Promise.all([producing(t, from, 'dial'), producing(t, from, 'dial')])
    await Promise.all([...consumers, ...producers].map((end) => end.linked()))
    for (const [at, producer] of producers.entries()) {
      for (const text of ['once', 'twice']) await producer.send(`from.${at + 1}`, `${text} from ${at + 1}`)
    }
    t.same(await Promise.all(consumers.map((consumer) => taken(consumer, 2))), [
      ['once from 1', 'twice from 1'],
      ['once from 2', 'twice from 2'],
    ])
    script.endAll('SIGINT')
    t.equal(await script.ended, 0)
  },
  'of every quote only the newest for those who are slow; both ledgers at the end': async (t, shell, script) => {
    const from = await producing(t, shell.own('tcp://127.0.0.1:5555'))
    const to = await consuming(t, shell.own('tcp://127.0.0.1:6666'))
    await Promise.all([from.linked({ topic: 'quotes.' }), to.linked()])
    await from.send('quotes.A', 'hello')
    t.same(await taken(to, 1), ['hello'])
    script.endAll('SIGINT')
    t.equal(await script.ended, 0)
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
    const line = 'multicast://239.192.26.1:26401 --impair loss=10%'
    const { watched, sent } = await published(shell, script, line, '2s')
    t.match(watched, { digest: sent.file.digest, ledger: { lost: 0 } })
    t.same([watched.lines.length, watched.lines[0]?.missed], [1, watched.asked])
    t.ok(watched.asked > 0)
  },
  'where there is no multicast': async (t, shell, script) => {
    const { watched, sent } = await published(shell, script, 'udp://127.0.0.1:26401 udp://127.0.0.1:26402')
    t.match(watched, { digest: sent.file.digest, ledger: { lost: 0 } })
  },
}

/** An end of this process: others that are there for one message cost more to start than all that they do. */
async function producing(t: Test, url: string, role: 'listen' | 'dial' = 'listen'): Promise<Producer> {
  const producer = await createProducer(url, { role, ...impatient })
  t.teardown(() => producer.close({ drainMs: 0 }))
  return producer
}

async function consuming(
  t: Test,
  url: string,
  role: 'listen' | 'dial' = 'dial',
  topic: string = '',
): Promise<Consumer> {
  const consumer = await createConsumer(url, { role, topics: [topic], ...impatient })
  t.teardown(() => consumer.close())
  return consumer
}

/** The texts of the next messages. */
async function taken(consumer: Consumer, count: number): Promise<string[]> {
  const texts: string[] = []
  for await (const message of consumer) {
    texts.push(message.text())
    if (texts.length === count) break
  }
  return texts
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
async function published(
  shell: Shell,
  script: Script,
  lines = '',
  linger = '500ms',
): Promise<{ watched: Watched; sent: Published }> {
  await script.printed(/watching/, 'stderr')
  const other = shell.run(`fanwire feed publish --speed 40000/s --linger ${linger} ${lines}`)
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
