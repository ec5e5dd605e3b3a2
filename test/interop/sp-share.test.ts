import { balanceLink, balanceShare, createConsumer, createProducer } from 'fanwire'
import t from 'tap'
import { contentOf, faultOf, freshUrl, meetings, other, Peer, tools } from './sp-peers.js'

const MIB = 1_048_576
const BINARY = Buffer.from(Array.from({ length: 256 }, (_, i) => 255 - i))

for (const tool of tools) {
  const skip = tool.missing

  for (const { scheme, role } of meetings) {
    const how = `over ${scheme}, where fanwire ${role}s`

    t.test(`${tool.name} pulls data of every kind as it is, ${how}`, { skip }, async (t) => {
      const url = await freshUrl(t, scheme)
      const pull = () => new Peer(t, tool.puller(other(role), url))
      // Whoever listens goes first: nngcat calls once and no more.
      const early = role === 'dial' ? pull() : undefined
      const producer = await createProducer(`sp+${url}`, {
        role,
        pattern: 'share',
        body: 'raw',
        maxMessageBytes: MIB + 6,
      })
      t.teardown(() => producer.close({ drainMs: 0 }))
      const puller = early ?? pull()
      const sent = [Buffer.from('ABC'), Buffer.alloc(0), BINARY, Buffer.alloc(65_536, 7), Buffer.alloc(MIB, 8)]
      for (const data of sent) await producer.send('unseen', data)
      for (const data of sent) {
        const [body] = await puller.bodies(1)
        t.ok(body === data.toString('hex'), `${data.length} bytes`)
      }
      await producer.flush()
      const { links, ended, ...ledger } = producer.stats()
      t.match(links, [{ kind: 'foreign', considered: sent.length, handed: sent.length, acknowledged: undefined }])
      t.equal(balanceShare(ledger, [...links, ...ended]) ?? links.map(balanceLink).find(Boolean), undefined)
    })

    t.test(`data of every kind that ${tool.name} pushes comes as it is, ${how}`, { skip }, async (t) => {
      for (const data of [Buffer.alloc(0), BINARY, Buffer.alloc(MIB, 8)]) {
        const url = await freshUrl(t, scheme)
        const push = () => new Peer(t, tool.pusher(other(role), url, contentOf(t, data)))
        const early = role === 'dial' ? push() : undefined
        const consumer = await createConsumer(`sp+${url}`, { role, pattern: 'share', body: 'raw', reconnectMinMs: 20 })
        const pusher = early ?? push()
        const messages = consumer.messages({ signal: AbortSignal.timeout(20_000) })
        for (let i = 0; i < 2; i++) {
          const { value } = await messages.next()
          t.ok(value !== undefined && Buffer.compare(value.data, data) === 0, `${data.length} bytes`)
        }
        await messages.return()
        t.match(consumer.stats(), { streams: [], unsequenced: [{ unwanted: 0 }] })
        await consumer.close()
        await pusher.kill()
      }
    })
  }

  t.test(`two of ${tool.name} that pull share what is sent`, { skip }, async (t) => {
    const url = await freshUrl(t, 'tcp')
    const producer = await createProducer(`sp+${url}`, { pattern: 'share', body: 'raw' })
    t.teardown(() => producer.close({ drainMs: 0 }))
    const pullers = [0, 1].map(() => new Peer(t, tool.puller('dial', url)))
    await producer.linked({ count: 2 })
    for (let i = 0; i < 100; i++) await producer.send('', Buffer.from([i]))
    const bodies = await Promise.all(pullers.map((puller) => puller.bodies(45)))
    const [one = [], two = []] = bodies
    t.equal(one.filter((body) => two.includes(body)).length, 0, 'nothing comes twice')
  })

  t.test(`${tool.name} that subscribes is turned away by a producer that shares`, { skip }, async (t) => {
    const url = await freshUrl(t, 'tcp')
    const producer = await createProducer(`sp+${url}`, { pattern: 'share' })
    t.teardown(() => producer.close({ drainMs: 0 }))
    const told = faultOf(producer, 'BAD_PEER')
    new Peer(t, tool.subscriber('dial', url, ''))
    t.match(await told, { message: "peer is a SUB socket; a producer with pattern 'share' (PUSH) works with PULL" })
  })

  t.test(`${tool.name} that publishes is turned away by a consumer that shares`, { skip }, async (t) => {
    const url = await freshUrl(t, 'tcp')
    const consumer = await createConsumer(`sp+${url}`, { pattern: 'share', role: 'listen' })
    t.teardown(() => consumer.close())
    const told = faultOf(consumer, 'BAD_PEER')
    new Peer(t, tool.publisher('dial', url, contentOf(t, BINARY)))
    t.match(await told, { message: "peer is a PUB socket; a consumer with pattern 'share' (PULL) works with PUSH" })
  })
}
