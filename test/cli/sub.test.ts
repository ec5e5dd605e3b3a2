import { closeSync, existsSync, openSync } from 'node:fs'
import t from 'tap'
import { fanwire, listening, socketUrl } from './support/fanwire.js'

const json = (...topics: string[]) => topics.map((topic) => `{"topic":"${topic}","data":"of ${topic}"}\n`).join('')

t.setTimeout(120_000)

t.test('who is there first gets what is sent later, and says once that nobody is there yet', async (t) => {
  const url = socketUrl(t)
  const sub = fanwire(t, ['sub', `${url}?reconnectMinMs=1&reconnectMaxMs=10`, '--count', '1'])
  await sub.printed(/CONNECT_FAILED.*\n/, 'stderr')
  const pub = fanwire(t, ['pub', url, 'greetings', '--data', 'héllo'])
  t.equal(await sub.ended, 0)
  t.equal(await pub.ended, 0)
  t.match(sub.stdout, /^\{"topic":"greetings","data":"héllo","sequence":1,"stream":"[0-9A-Z]{10}"\}\n$/)
  t.match(
    sub.stderr,
    /^fanwire: \[CONNECT_FAILED\] cannot connect to ipc:.*\n$/,
    'one line, however often it has dialled',
  )
  t.same([pub.stdout, pub.stderr], ['', ''])
})

t.test('prints the topics that are wanted, and no others', async (t) => {
  const { started: pub, url } = await listening(
    t,
    ['pub', 'tcp://127.0.0.1:0', '--stdin', 'json'],
    json('b.1', 'a', 'c.1', 'b.2', 'c'),
  )
  const sub = fanwire(t, ['sub', url, '--topic', 'b.', '--topic=c', '--count', '4', '--format', 'text'])
  t.equal(await sub.ended, 0)
  t.same(sub.lines, ['of b.1', 'of c.1', 'of b.2', 'of c'])
  t.equal(await pub.ended, 0)
})

t.test('begins with the oldest that the producer retains', async (t) => {
  const { started: pub, url } = await listening(t, [
    'pub',
    'tcp://127.0.0.1:0?retain=2',
    'n',
    '--stdin',
    'lines',
    '--links',
    '0',
    '--verbose',
  ])
  pub.child.stdin?.write('1\n2\n3\n')
  const sub = fanwire(t, ['sub', url, '--from', 'oldest', '--count', '3', '--format', 'text'])
  await sub.printed(/2\n3\n/)
  pub.child.stdin?.end('4\n')
  t.equal(await sub.ended, 0)
  t.same(sub.lines, ['2', '3', '4'])
  t.equal(await pub.ended, 0)
})

t.test('two addresses of one producer are lines: each message comes once, or once for each line', async (t) => {
  const { started: pub, url } = await listening(t, [
    'pub',
    'tcp://127.0.0.1:0',
    'tcp://127.0.0.1:0',
    'n',
    '--stdin=lines',
    '--links=4',
  ])
  const urls = /listening on (.+)\n/.exec(pub.stderr)?.[1]?.split(' ') ?? []
  t.equal(urls[0], url)
  const once = fanwire(t, ['sub', ...urls, '--count', '3', '--format', 'text'])
  const twice = fanwire(t, ['sub', ...urls, '--count', '6', '--format', 'text', '--lines', 'separate'])
  pub.child.stdin?.end('1\n2\n3\n')
  t.same([await once.ended, await twice.ended, await pub.ended], [0, 0, 0])
  t.same(once.lines, ['1', '2', '3'])
  t.same(twice.lines.sort(), ['1', '1', '2', '2', '3', '3'])
})

t.test('listens when told so, and is dialled', async (t) => {
  const { started: sub, url } = await listening(t, [
    'sub',
    'tcp://127.0.0.1:0',
    '--listen',
    '--count=1',
    '--format=text',
  ])
  const pub = fanwire(t, ['pub', url, '--dial', 'greetings', '--data', 'hello'])
  t.same([await sub.ended, await pub.ended, sub.stdout], [0, 0, 'hello\n'])
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`${signal} ends it cleanly, with its ledger as the last line on stderr`, async (t) => {
    const { started: pub, url } = await listening(t, ['pub', 'tcp://127.0.0.1:0', 'n', '--data=x', '--rate=100/s'])
    const sub = fanwire(t, ['sub', url, '--stats'])
    await sub.printed(/"sequence":3/)
    sub.end(signal)
    t.equal(await sub.ended, 0)
    t.match(sub.stats, { streams: [{ first: 1, delivered: sub.lines.length, lost: 0 }], links: [{ kind: 'fanwire' }] })
    pub.end(signal)
    t.equal(await pub.ended, 0)
  })
}

t.test('ends with 0 when nobody reads on', async (t) => {
  const { started: pub, url } = await listening(t, ['pub', 'tcp://127.0.0.1:0', 'n', '--data=x', '--rate=1000/s'])
  const sub = fanwire(t, ['sub', url, '--stats'])
  await sub.printed(/\n/)
  sub.child.stdout?.destroy()
  t.equal(await sub.ended, 0)
  t.match(sub.stats, { streams: [{ lost: 0 }] }, 'and stderr has the ledger alone')
  t.equal(sub.stderr.split('\n').length, 2)
  pub.end('SIGTERM')
  t.equal(await pub.ended, 0)
})

t.test('waits for a reader that is slow, and leaves nothing out', async (t) => {
  const count = 30_000
  const load = ['pub', 'tcp://127.0.0.1:0', 'n', '--size=100', `--count=${count}`, '--overflow=backpressure:10m']
  const { started: pub, url } = await listening(t, load)
  const sub = fanwire(t, ['sub', url, `--count=${count}`, '--verbose'])
  await sub.printed(/\n/)
  sub.child.stdout?.pause()
  await sub.printed(/the inbox is at its limit/, 'stderr')
  sub.child.stdout?.resume()
  t.equal(await sub.ended, 0)
  const numbers = sub.lines.map((line) => JSON.parse(line).sequence)
  t.ok(numbers.every((number, at) => number === at + 1))
  t.equal(numbers.length, count)
  t.equal(await pub.ended, 0)
})

t.test(
  'fails with 1 when its output cannot be written',
  { skip: !existsSync('/dev/full') && 'no /dev/full here' },
  async (t) => {
    const { started: pub, url } = await listening(t, ['pub', 'tcp://127.0.0.1:0', 'n', '--data=x', '--count=1'])
    const full = openSync('/dev/full', 'w')
    const sub = fanwire(t, ['sub', url], undefined, { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    t.equal(await sub.ended, 1)
    t.match(sub.stderr, /^fanwire: ENOSPC: [^\n]+\n$/)
    t.equal(await pub.ended, 0)
  },
)

t.test('tells of links and streams when asked to', async (t) => {
  const { started: pub, url } = await listening(t, ['pub', 'tcp://127.0.0.1:0', 'n', '--data=x', '--verbose'])
  const sub = fanwire(t, ['sub', url, '--count=1', '--verbose'])
  t.same([await sub.ended, await pub.ended], [0, 0])
  t.match(sub.stderr, new RegExp(`^fanwire: ${url} sends stream [0-9A-Z]{10} from number 1\n`))
  t.match(sub.stderr, `fanwire: linked with ${url} (fanwire)\n`)
  t.match(pub.stderr, /fanwire: linked with tcp:\/\/127\.0\.0\.1:\d+ \(fanwire\)\n/)
})
