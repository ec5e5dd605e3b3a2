import t from 'tap'
import { fanwire, listening } from './support/fanwire.js'

t.setTimeout(120_000)

t.test('passes topics and bytes on, and prints both ledgers', async (t) => {
  const { started: pub, url: from } = await listening(
    t,
    ['pub', 'tcp://127.0.0.1:0', '--stdin', 'json'],
    '{"topic":"a","data":"/wA=","encoding":"base64"}\n{"topic":"b","data":"not wanted"}\n{"topic":"a.2","data":"text"}\n',
  )
  const bridging = ['bridge', from, 'tcp://127.0.0.1:0', '--topic', 'a', '--links', '1', '--stats']
  const { started: bridge, url: to } = await listening(t, bridging)
  const sub = fanwire(t, ['sub', to, '--count', '2'])
  t.same([await sub.ended, await pub.ended], [0, 0])
  const printed = sub.lines.map((line) => JSON.parse(line))
  t.match(printed[0], { topic: 'a', data: '/wA=', encoding: 'base64', sequence: 1 })
  t.match(printed[1], { topic: 'a.2', data: 'text', sequence: 2 })
  bridge.end('SIGINT')
  t.equal(await bridge.ended, 0)
  t.equal(bridge.stdout, '')
  t.match(bridge.stats, {
    consumer: { streams: [{ received: 2, filtered: 1, delivered: 2 }] },
    producer: { accepted: 2, links: [{ considered: 2, handed: 2 }] },
  })
  t.strictSame(bridge.stats.producer.ended, [], 'the subscriber that has left is counted once')
})

t.test('is called from both sides when its URL says so', async (t) => {
  const bridge = fanwire(t, ['bridge', 'tcp://127.0.0.1:0?role=listen', 'tcp://127.0.0.1:0', '--links=1', '--verbose'])
  const [, to = ''] = await bridge.printed(/listening on (\S+)\n/, 'stderr')
  const sub = fanwire(t, ['sub', to, '--count', '1', '--format', 'text'])
  const [, from = ''] = await bridge.printed(/listening on .+\n(?:.*\n)*?.*listening on (\S+)\n/, 'stderr')
  const pub = fanwire(t, ['pub', from, '--dial', 'greetings', '--data', 'hello'])
  t.same([await sub.ended, await pub.ended, sub.stdout], [0, 0, 'hello\n'])
  bridge.end('SIGTERM')
  t.equal(await bridge.ended, 0)
})

t.test('an address that is taken is a failure, whichever it is', async (t) => {
  const { started: pub, url } = await listening(t, ['pub', 'tcp://127.0.0.1:0', 'a', '--data', 'x'])
  const one = fanwire(t, ['bridge', `${url}?role=listen`, 'inproc://a', '--stats'])
  const other = fanwire(t, ['bridge', 'inproc://a', url])
  t.same([await one.ended, await other.ended], [1, 1])
  t.match(one.stderr, /^fanwire: \[ADDRESS_IN_USE\] [^\n]+\n$/m)
  t.match(other.stderr, /^fanwire: \[ADDRESS_IN_USE\] [^\n]+\n$/)
  pub.end('SIGTERM')
  t.equal(await pub.ended, 0)
})
