import { test } from 'tap'
import { openConsumer, openProducer } from './scene.js'

const requests = '127.0.0.1:5556'

test('refuses a role that no end of datagrams can have', async (t) => {
  for (const scheme of ['udp', 'raw+udp']) {
    await t.rejects(openConsumer(t, `${scheme}://127.0.0.1:0`, { role: 'dial' }), {
      code: 'BAD_OPTION',
      message: /role must not be 'dial': consumers of datagrams listen/,
    })
    await t.rejects(openProducer(t, `${scheme}://127.0.0.1:5555`, { role: 'listen' }), {
      code: 'BAD_OPTION',
      message: /role must not be 'listen': producers of datagrams send/,
    })
  }
})

test('says how a request server is written', async (t) => {
  for (const given of ['x', '127.0.0.1', ':5556', '::1', '127.0.0.1:5556,x']) {
    await t.rejects(openConsumer(t, 'udp://127.0.0.1:0', { requests: given }), {
      code: 'BAD_OPTION',
      message: /requests must be host:port such as '127\.0\.0\.1:5556', got '.+'/,
    })
  }
})

test('refuses to begin in a past that nobody can bring', async (t) => {
  const refusals = [
    ['udp', { from: 'oldest' }, /from 'oldest' needs requests/],
    ['udp', { from: 'latest-per-topic', requests }, /from 'latest-per-topic' is not possible/],
    ['raw+udp', { from: 'oldest' }, /from 'oldest' is not possible: raw datagrams have no past/],
    ['raw+udp', { from: 'latest-per-topic' }, /from 'latest-per-topic' is not possible/],
  ] as const
  for (const [scheme, options, message] of refusals) {
    await t.rejects(openConsumer(t, `${scheme}://127.0.0.1:0`, options), { code: 'BAD_OPTION', message })
  }
  const { consumer } = await openConsumer(t, 'udp://127.0.0.1:0', { from: 'oldest', requests, role: 'listen' })
  t.equal(consumer.urls.length, 1)
})
