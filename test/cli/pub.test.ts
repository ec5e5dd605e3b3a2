import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { readWords } from '../../cli/pub.js'
import { fanwire, listening } from './support/fanwire.js'

t.setTimeout(120_000)

t.test('the topic is the last word, unless that is a URL', async (t) => {
  t.strictSame(readWords(['tcp://a:1']), { urls: ['tcp://a:1'], topic: '' })
  t.strictSame(readWords(['tcp://a:1', 'x']), { urls: ['tcp://a:1'], topic: 'x' })
  t.strictSame(readWords(['tcp://a:1', 'ipc:///b']), { urls: ['tcp://a:1', 'ipc:///b'], topic: '' })
  t.strictSame(readWords(['tcp://a:1', 'ipc:///b', 'x']), { urls: ['tcp://a:1', 'ipc:///b'], topic: 'x' })
  t.strictSame(readWords(['nothing']), { urls: ['nothing'], topic: '' }, 'the first word must be a URL')
  t.throws(() => readWords([]), { name: 'UsageError' })
  t.throws(() => readWords(['tcp://a:1', 'x\u0000']), { code: 'BAD_TOPIC' })
})

t.test('waits for a subscriber to its topic, and says so', async (t) => {
  const { started: pub, url } = await listening(t, ['pub', 'tcp://127.0.0.1:0', 'a.b', '--data', 'hello', '--stats'])
  const other = fanwire(t, ['sub', url, '--topic', 'b'])
  await pub.printed(/fanwire: waiting for a subscriber to 'a\.b'; --links 0 sends at once\n/, 'stderr')
  const sub = fanwire(t, ['sub', url, '--topic', 'a', '--count', '1', '--format', 'text'])
  t.same([await sub.ended, await pub.ended], [0, 0])
  t.equal(sub.stdout, 'hello\n')
  t.match(pub.stats, { accepted: 1, unheard: 0 })
  other.end('SIGTERM')
  t.equal(await other.ended, 0)
  t.equal(other.stdout, '')
})

t.test('--links 0 sends to whoever is there, and says when that is nobody', async (t) => {
  const pub = fanwire(t, ['pub', 'tcp://127.0.0.1:0?maxLinks=5', 'a', '--data', 'hello', '--links', '0'])
  t.equal(await pub.ended, 0)
  t.match(pub.stderr, /^fanwire: listening on tcp:.*\nfanwire: sent 1 message while nobody was linked\n$/)
})

t.test('SIGINT ends its waiting, and it says that nothing was sent', async (t) => {
  const { started: pub } = await listening(t, ['pub', 'tcp://127.0.0.1:0', 'a', '--data', 'hello', '--stats'])
  pub.end('SIGINT')
  t.equal(await pub.ended, 0)
  t.match(pub.stderr, "fanwire: nothing was sent, for want of a subscriber to 'a'\n")
  t.match(pub.stats, { offered: 0, accepted: 0 })
})

t.test('SIGTERM ends it in the middle, and what it accepted is handed out', async (t) => {
  const { started: pub, url } = await listening(t, ['pub', 'tcp://127.0.0.1:0', 'a', '--stdin', 'lines', '--stats'])
  const sub = fanwire(t, ['sub', url, '--format', 'text'])
  pub.child.stdin?.write('1\n2\n3\nnot whole')
  await sub.printed(/1\n2\n3\n/)
  pub.end('SIGTERM')
  t.equal(await pub.ended, 0)
  t.match(pub.stats, { accepted: 3, links: [{ handed: 3, acknowledged: 3 }] })
  sub.end('SIGTERM')
  t.equal(await sub.ended, 0)
  t.same(sub.lines, ['1', '2', '3'])
})

t.test('both ledgers agree, those of links that have left among them', async (t) => {
  const { started: pub, url } = await listening(t, [
    'pub',
    'tcp://127.0.0.1:0',
    'load',
    '--size=64',
    '--count=2000',
    '--links=2',
    '--stats',
  ])
  const whole = fanwire(t, ['sub', url, '--count=2000', '--stats', '--format=text'])
  const part = fanwire(t, ['sub', url, '--count=10', '--stats', '--format=text'])
  t.same([await whole.ended, await part.ended, await pub.ended], [0, 0, 0])
  t.match(whole.stats, { streams: [{ first: 1, next: 2001, delivered: 2000 }], links: [{ received: 2000 }] })
  t.equal(whole.lines.at(-1), '2000'.padEnd(64, '.'))
  t.match(part.stats, { streams: [{ delivered: 10 }] })
  t.equal(part.lines.length, 10)
  t.match(pub.stats, { accepted: 2000, unheard: 0, links: { length: 2 } })
  t.match(
    pub.stats.links.find(({ acknowledged }: { acknowledged: number }) => acknowledged === 2000),
    { considered: 2000, handed: 2000, unknown: 0 },
  )
})

t.test('lines pass as the bytes that they are', async (t) => {
  const { started: pub, url } = await listening(
    t,
    ['pub', 'tcp://127.0.0.1:0', 'a', '--stdin', 'lines'],
    Buffer.from('\xff\x00\r\n\nend', 'latin1'),
  )
  const sub = fanwire(t, ['sub', url, '--count', '3', '--format', 'hex'])
  t.same([await sub.ended, await pub.ended], [0, 0])
  t.same(sub.lines, ['ff000d', '', Buffer.from('end').toString('hex')])
})

t.test('what sub prints as JSON, pub sends, with topics and bytes', async (t) => {
  const { started: pub, url } = await listening(
    t,
    ['pub', 'tcp://127.0.0.1:0', 'fallback', '--stdin', 'json'],
    '{"topic":"a","data":"/wA=","encoding":"base64","sequence":7}\n\n{"data":"text"}\n',
  )
  const sub = fanwire(t, ['sub', url, '--count', '2'])
  t.same([await sub.ended, await pub.ended], [0, 0])
  const printed = sub.lines.map((line) => JSON.parse(line))
  t.match(printed[0], { topic: 'a', data: '/wA=', encoding: 'base64', sequence: 1 })
  t.match(printed[1], { topic: 'fallback', data: 'text', encoding: undefined, sequence: 2 })
})

t.test('a line that is no message is a failure; what stood before it is sent', async (t) => {
  const { started: pub, url } = await listening(
    t,
    ['pub', 'tcp://127.0.0.1:0', '--stdin', 'json', '--stats'],
    '{"topic":"a","data":"1"}\n{"topic":"a"}\n{"topic":"a","data":"3"}\n',
  )
  const sub = fanwire(t, ['sub', url, '--count', '1', '--format', 'text'])
  t.same([await sub.ended, await pub.ended, sub.stdout], [0, 1, '1\n'])
  t.match(pub.stderr, '\nfanwire: line 2 of stdin: its data is not a string\n')
  t.match(pub.stderr, /"accepted":1,/)
})

t.test('a message that is refused is a failure', async (t) => {
  const pub = fanwire(t, ['pub', 'inproc://a?maxMessageBytes=10', 'a', '--size', '11', '--links', '0'])
  t.equal(await pub.ended, 1)
  t.match(pub.stderr, /^fanwire: \[TOO_LONG\] [^\n]+\n$/)
})

t.test('bad peers cost a line on stderr and nobody else anything', async (t) => {
  const { started: pub, url } = await listening(t, ['pub', 'tcp://127.0.0.1:0', 'a', '--data', 'hello'])
  for (let stranger = 0; stranger < 3; stranger++) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.on('error', () => undefined)
    socket.end('GET / HTTP/1.1\r\n\r\n')
    socket.resume()
    await once(socket, 'close')
  }
  const sub = fanwire(t, ['sub', url, '--count', '1', '--format', 'text'])
  t.same([await sub.ended, await pub.ended, sub.stdout], [0, 0, 'hello\n'])
  const told = pub.stderr.split('\n').filter((line) => line.includes('BAD_PEER'))
  t.equal(told.length, 1, 'all of them did the same wrong')
  t.match(told[0], /^fanwire: \[BAD_PEER\] .* \(tcp:\/\/127\.0\.0\.1:\d+\)$/)
})

t.test('over multicast it waits for nobody, since nobody is seen', async (t) => {
  const group = 'multicast://239.192.37.1:0?interface=127.0.0.1'
  const { started: sub, url } = await listening(t, ['sub', group, '--count', '2', '--format', 'text'])
  const pub = fanwire(t, ['pub', `${url}?interface=127.0.0.1`, 'a', '--data', 'hello', '--count', '2'])
  t.same([await pub.ended, await sub.ended, sub.stdout], [0, 0, 'hello\nhello\n'])
})
