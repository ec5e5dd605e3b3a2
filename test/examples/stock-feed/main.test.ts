import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Book, records } from 'fanwire/itch'
import t, { type Test } from 'tap'
import type { Verdict } from '../../../examples/stock-feed/verdict.js'
import { relayNames } from '../../../examples/stock-feed/viewers.js'
import { day } from '../../itch/samples.js'

// Eleven processes are started for a run, and machines that run tests are busy.
t.setTimeout(120_000)

const main = fileURLToPath(new URL('../../../examples/stock-feed/main.js', import.meta.url))

/** Of the sample: to start the processes takes longer than to send these. */
const RECORDS = 4_000

t.test('gives everybody what was asked for, and accounts for every message', async (t) => {
  const part = day.subarray(0, offsetOf(RECORDS))
  const file = join(t.testdir(), 'day.itch')
  writeFileSync(file, part)
  const { code, stdout, stderr } = await run(t, '--headless', '--repeat', '2', '--speed', 'max', '--file', file)
  t.equal(code, 0)
  // A machine without multicast says so, and goes on.
  t.match(stderr, /^(stock-feed: there is no multicast on loopback here .*\n)?$/)
  t.match(stdout, /^\{.*\}\n$/, 'one line and nothing else')
  const verdict: Verdict = JSON.parse(stdout)
  t.ok(verdict.ok)
  t.equal(verdict.digest, digestOf(part))
  t.equal(verdict.digest, verdict.file.digest)
  const { publisher, relay, viewers } = verdict
  const total = 2 * RECORDS

  t.equal(publisher.ledger.offered, publisher.ledger.accepted)
  t.ok(
    publisher.lines.every(({ lost, duplicated, reordered }) => lost > 0 && duplicated > 0 && reordered > 0),
    'both lines are bad',
  )
  for (const who of [relay.received, viewers.arbitrates, viewers.asks, viewers.shrugs]) {
    t.equal(who.ledger?.next, publisher.next)
    for (const { url, datagrams, kernelDrops, missed } of who.lines) {
      t.equal(datagrams + (kernelDrops ?? 0), publisher.lines.find((line) => line.url === url)?.passed, url)
      t.ok(missed > 0, 'what was lost is known')
    }
  }
  t.equal(relay.received.ledger?.lost, 0)
  t.equal(relay.ledger.accepted, publisher.ledger.accepted)
  for (const name of ['arbitrates', 'asks'] as const) {
    t.match(viewers[name], { taken: total, missed: 0, passes: { ended: 2, digest: verdict.digest, differing: 0 } })
  }
  t.ok(publisher.requests.answered > 0)
  const brought = viewers.shrugs.lines.reduce((sum, { wins }) => sum + wins, 0)
  t.equal(brought, viewers.shrugs.ledger?.received, 'who asks for nothing has what the lines brought')

  t.ok(relay.connections.length >= 6, 'one for each viewer, and one more for the one that returns')
  for (const { viewer, considered, filtered, dropped, waiting, inFlight, handed } of relay.connections) {
    const sum = filtered + Object.values(dropped).reduce((a, b) => a + b) + waiting + inFlight + handed
    t.equal(considered, sum, `the link to the one that ${viewer}`)
  }
  for (const [name, { ledger, connections }] of Object.entries(viewers)) {
    if (ledger === undefined) throw new Error(`${name} has no ledger`)
    const { first, next, received, filtered, declared, missing, lost } = ledger
    t.equal(next - first, received + filtered + declared + missing + lost, `the one that ${name}`)
    t.equal(
      connections.length > 0,
      relayNames.some((other) => other === name),
    )
  }
  const linkOf = (name: string) => relay.connections.findLast(({ viewer }) => viewer === name)
  for (const name of ['follows', 'conflates', 'drops', 'returns'] as const) {
    t.equal(linkOf(name)?.handed, viewers[name].connections.at(-1)?.received, `${name} got all that was handed over`)
  }

  t.equal(viewers.follows.taken, total)
  t.match(viewers.returns, {
    passes: { ended: 2, digest: verdict.digest },
    missed: 0,
    ledger: { lost: 0, declared: 0 },
  })
  t.equal(viewers.returns.resumed?.next, viewers.returns.ledger?.first)
  t.ok((viewers.returns.resumed?.next ?? 0) > 1, 'it was killed in the middle')
  t.equal(linkOf('conflates')?.dropped.superseded, viewers.conflates.missed)
  t.equal(linkOf('drops')?.dropped.newest, viewers.drops.missed)
  const { received = 0, declared = 0 } = viewers.drops.ledger ?? {}
  t.equal(received + declared, total + 5, 'all messages of the file and those around them')
  // On a slow machine it may be cut off before it stops: then it comes back first.
  const cut = relay.connections.find(({ viewer, cut }) => viewer === 'stops' && cut !== undefined)
  t.match(cut?.cut, /BUFFER_FULL/)
  t.equal(cut?.dropped.exhausted, total / 4)
})

/** Runs a command in a network of its own, where loopback is up and nobody can join a group. */
const alone = [
  'unshare',
  '--user',
  '--map-root-user',
  '--net',
  'sh',
  '-c',
  'ip link set lo up && echo 0 > /proc/sys/net/ipv4/igmp_max_memberships && exec "$0" "$@"',
]
const [unshare = '', ...inside] = alone
const isAlone = spawnSync(unshare, [...inside, 'true']).status === 0

t.test(
  'goes on by unicast where there is no multicast, up to the record within which the file ends, and says so',
  async (t) => {
    const offset = offsetOf(6_000)
    const file = join(t.testdir(), 'day.itch')
    writeFileSync(file, day.subarray(0, offset + 5))
    const args = ['--repeat=1', '--speed=10000', '--file', file]
    if (!isAlone) t.comment('the system gives nobody a network without multicast here: unicast is asked for')
    const child = isAlone
      ? spawn(unshare, [...inside, process.execPath, main, ...args])
      : start(t, ['--unicast', ...args])
    t.teardown(() => child.kill('SIGKILL'))
    const { code, stdout, stderr } = await ended(child)
    t.equal(code, 0)
    const [ending, channel = ''] = stderr.split(/(?<=\n)/)
    t.equal(ending, `stock-feed: ${file} ends within the record at byte ${offset}: all before it is published\n`)
    t.match(
      channel,
      isAlone
        ? /^stock-feed: there is no multicast on loopback here \(cannot join .*\): every receiver gets lines of its own, as by --unicast\n$/
        : /^$/,
    )
    const verdict: Verdict = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
    t.match(verdict, {
      ok: true,
      channel: 'unicast',
      file: { records: 6_000, truncatedAt: offset },
      viewers: { follows: { taken: 6_000 } },
    })
    t.equal(verdict.digest, digestOf(day.subarray(0, offset)))

    // Who does not look at a terminal gets lines.
    t.notOk(stdout.includes('\x1b'), 'without orders to a terminal')
    t.match(stdout, /publisher +has 6,000 messages for udp:\/\/127\.0\.0\.1:\d+ /)
    t.match(stdout, /relay +has its viewers at tcp:\/\/127\.0\.0\.1:\d+\n/)
    t.match(stdout, /arbitrates +done, 0 lost; line A missed [\d,]+, [\d,]+ repaired; line B missed /)
    t.match(stdout, /returns +is killed after 2,\d+ messages\n/)
    t.match(stdout, /returns +is back, and reads on at number [\d,]+\n/)
    t.match(stdout, /stops +reads no more after 1,\d+ messages\n/)
    t.match(stdout, /BOB +bid 6\.4250 × 200, ask 5\.3417 × 100, last 6\.3792, volume 332,351, crossed\n/)
    t.match(stdout, /Right: every ledger balances/)
  },
)

t.test('ends all processes when it is interrupted', async (t) => {
  const directory = t.testdir()
  const process = start(t, ['--repeat', '100'], { TMPDIR: directory })
  const port = await portOf(process)
  t.equal(readdirSync(directory).length, 1, 'it keeps something while it runs')
  process.kill('SIGINT')
  const [code] = await once(process, 'close')
  t.equal(code, 130)
  await t.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
  t.same(readdirSync(directory), [], 'nothing is left')
})

t.test('ends all processes when nobody reads its output any more', async (t) => {
  const process = start(t, ['--repeat', '100'])
  const port = await portOf(process)
  const stderr = text(process, 'stderr')
  process.stdout?.destroy()
  const [code] = await once(process, 'close')
  t.equal(code, 1)
  t.match(await stderr, /^stock-feed: nobody reads the output: .*\n$/)
  await t.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
})

t.test('refuses wrong options and what it cannot read, in one line', async (t) => {
  const directory = t.testdir()
  for (const [args, expected, said] of [
    [['--repeat', '0'], 2, /^stock-feed: --repeat must be an integer from 1 to 10000, got "0"\n$/],
    [['--nonsense'], 2, /^stock-feed: Unknown option '--nonsense'\n$/],
    [['--file', join(directory, 'absent')], 1, /^stock-feed: cannot read .*absent: ENOENT.*\n$/],
    [['--file', directory], 1, /^stock-feed: cannot read .*: EISDIR.*\n$/],
  ] as const) {
    const { code, stdout, stderr } = await run(t, ...args)
    t.same([code, stdout], [expected, ''])
    t.match(stderr, said)
  }
})

t.test('tells what it can be told', async (t) => {
  const { code, stdout, stderr } = await run(t, '--help')
  t.same([code, stderr], [0, ''])
  t.match(stdout, /^Usage: npm start -- \[options\]\n/)
  for (const option of ['--repeat', '--speed', '--loss', '--seed', '--unicast', '--file', '--headless'])
    t.ok(stdout.includes(`  ${option} `), option)
})

function start(t: Test, args: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...environment } })
  // Its own processes end with it.
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

function run(t: Test, ...args: string[]) {
  return ended(start(t, args))
}

async function ended(child: ChildProcess) {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child, 'stdout'),
    text(child, 'stderr'),
    once(child, 'close'),
  ])
  return { code: code as number | null, stdout, stderr }
}

async function text(child: ChildProcess, stream: 'stdout' | 'stderr'): Promise<string> {
  let said = ''
  child[stream]?.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
  })
  await once(child, 'close')
  return said
}

/** Where the publisher listens, once all viewers are there. */
async function portOf(child: ChildProcess): Promise<number> {
  let said = ''
  for await (const chunk of child.stdout?.setEncoding('utf8').iterator({ destroyOnReturn: false }) ?? []) {
    said += chunk
    const port = /tcp:\/\/127\.0\.0\.1:(\d+)\n/.exec(said)?.[1]
    if (port !== undefined) {
      child.stdout?.resume()
      return Number(port)
    }
  }
  throw new Error(`it ended without telling its port, having said: ${said}`)
}

function digestOf(file: Uint8Array): string {
  const book = new Book()
  for (const record of records(file)) book.apply(record)
  return book.digest()
}

/** Where in the sample the record with this index begins. */
function offsetOf(index: number): number {
  let offset = 0
  for (let i = 0; i < index; i++) offset += 2 + day.readUInt16BE(offset)
  return offset
}
