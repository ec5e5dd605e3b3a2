import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { command } from './support/fanwire.js'

const [first, ...rest] = command
const [main] = rest
const fanwire = (...args: string[]) => spawnSync(first, [...rest, ...args], { encoding: 'utf8' })

t.setTimeout(120_000)

t.test('--version prints the version of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(fileURLToPath(import.meta.resolve('fanwire/package.json')), 'utf8'))
  const { status, stdout, stderr } = fanwire('--version')
  t.same([status, stdout, stderr], [0, `${version}\n`, ''])
})

t.test('--help prints the usage on stdout', async (t) => {
  const { status, stdout, stderr } = fanwire('--help')
  t.same([status, stderr], [0, ''])
  t.match(stdout, /^Usage: fanwire /)
})

t.test('the version and the usage have short names, and help is a word as well', async (t) => {
  const told = inThread(t)
  for (const [short, long] of [
    [['-v'], ['--version']],
    [['-h'], ['--help']],
    [['help'], ['--help']],
    [
      ['help', 'pub'],
      ['pub', '--help'],
    ],
    [
      ['help', 'feed'],
      ['feed', '--help'],
    ],
    [
      ['help', 'feed', 'watch'],
      ['feed', 'watch', '--help'],
    ],
  ] as const) {
    const [said, expected] = [await told(short), await told(long)]
    t.match(expected, { status: 0, stdout: /./, stderr: '' }, long.join(' '))
    t.strictSame(said, expected, short.join(' '))
  }
  t.match(await told(['help', 'nonsense']), { status: 2, stdout: '', stderr: /there is no command nonsense/ })
})

t.test('a command prints its own help', async (t) => {
  const { status, stdout, stderr } = fanwire('pub', '--help', '--count', '5')
  t.same([status, stderr], [0, ''])
  t.match(stdout, /^Usage: fanwire pub URL… \[TOPIC\] \[options\]\n/)
})

t.test('what makes no sense is wrong usage: exit 2, a line on stderr and nothing on stdout', async (t) => {
  const told = inThread(t)
  const url = 'tcp://127.0.0.1:5555'
  for (const [args, said] of [
    [['--nonsense'], /--nonsense.*see fanwire --help$/],
    [
      ['nonsense'],
      /there is no command nonsense; there are sub, pub, bridge, keygen, feed publish, feed watch; see fanwire --help$/,
    ],
    [['feed'], /there is no command feed; there are feed publish, feed watch; see fanwire --help$/],
    [['feed', 'nonsense'], /there is no command feed nonsense; there are feed publish, feed watch; see .* --help$/],
    [['feed', 'watch', url], /a feed has lines such as multicast:.* see fanwire feed watch --help$/],
    [['feed', 'watch', '--seed', '1'], /--seed decides nothing without --impair; see fanwire feed watch --help$/],
    [['feed', 'watch', '--impair', 'lots'], /--impair must be written as 'loss=5%,.*', got 'lots'$/],
    [['feed', 'watch', '--interface', 'nowhere9'], /interface must be a name or address of this machine, .*there are /],
    [['feed', 'watch', 'multicast://127.0.0.1:5555'], /where a multicast group belongs.*write multicast:/],
    [['feed', 'publish', 'udp://239.192.1.1:5555'], /multicast group where a host belongs; write multicast:/],
    [['feed', 'publish', '--requests', 'nowhere'], /requests must be host:port such as .*'nowhere'/],
    [['feed', 'publish', '--speed', 'fast'], /--speed must be a number .*, or 'max', got 'fast'$/],
    [['sub'], /no URL.*see fanwire sub --help$/],
    [['sub', url, '--count', '0'], /--count must be an integer of at least 1, got 0$/],
    [['sub', url, '--listen', '--dial'], /--listen and --dial exclude each other/],
    [['sub', `${url}?heartbeat=1`], /did you mean heartbeatMs\?$/],
    [['sub', url, '--overflow', 'hope'], /overflow must be written as .*, got 'hope'$/],
    [['sub', '127.0.0.1:5555'], /no scheme; write tcp:\/\/127\.0\.0\.1:5555$/],
    [['pub', url, 'topic'], /nothing to send.*see fanwire pub --help$/],
    [['bridge', url], /two URLs/],
  ] as const) {
    const { status, stdout, stderr } = await told(args)
    t.same([status, stdout], [2, ''], args.join(' '))
    t.match(stderr, /^fanwire: [^\n]+\n$/)
    t.match(stderr.trimEnd(), said)
  }
})

t.test('a family of commands prints what there is', async (t) => {
  const { status, stdout, stderr } = fanwire('feed', '--help')
  t.same([status, stderr], [0, ''])
  t.match(stdout, /^Usage: fanwire feed COMMAND \[options\]\n\nCommands:\n {2}feed publish .*\n {2}feed watch .*\n$/)
})

t.test('nothing to do is wrong usage, and prints the usage on stderr', async (t) => {
  const { status, stdout, stderr } = fanwire()
  t.same([status, stdout], [2, ''])
  t.match(stderr, /^Usage: fanwire /)
})

t.test('--debug shows where a failure comes from', async (t) => {
  const { status, stdout, stderr } = fanwire('pub', 'tcp://192.0.2.1:5555', 'topic', '--data', '', '--debug')
  t.same([status, stdout], [1, ''])
  t.match(stderr, /^fanwire: FanwireError: \[OPEN_FAILED\] .*\n {4}at /)
  t.match(stderr, /\[cause\]: /)
})

interface Outcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs `fanwire` with one set of arguments after another, all in a thread, which has arguments, outputs and an exit code of
 * its own: a process for each would take most of its time to start.
 */
function inThread(t: Test): (args: readonly string[]) => Promise<Outcome> {
  const thread = new Worker(
    `const { parentPort } = require('node:worker_threads')
     let run = 0
     parentPort.on('message', async (args) => {
       const outcome = { status: 0, stdout: '', stderr: '' }
       for (const name of ['stdout', 'stderr']) {
         process[name].removeAllListeners('error')
         process[name].write = (text) => { outcome[name] += text }
       }
       process.argv.splice(2, Infinity, ...args)
       process.exitCode = undefined
       await import(${JSON.stringify(pathToFileURL(main))} + '?' + ++run)
       parentPort.postMessage({ ...outcome, status: process.exitCode ?? 0 })
     })`,
    { eval: true, execArgv: [] },
  )
  t.teardown(() => thread.terminate())
  return async (args) => {
    thread.postMessage(args)
    const [outcome] = await once(thread, 'message')
    return outcome
  }
}
