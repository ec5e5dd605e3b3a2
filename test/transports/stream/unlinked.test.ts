import { once } from 'node:events'
import { test } from 'tap'
import { balanceLink, createConsumer, createProducer, type Link, type ProducerLinkLedger } from '../../../lib/index.js'
import { fanwireReady, RawPeer } from './doubles.js'

test('a dialled link that has lost its connection says how much of it the peer had not acknowledged', async (t) => {
  const consumer = await createConsumer('tcp://127.0.0.1:0', { role: 'listen', acknowledge: 'manual' })
  const producer = await createProducer(consumer.urls[0] as string, { role: 'dial' })
  t.teardown(() => producer.close({ drainMs: 0 }))
  await producer.linked()
  for (let i = 0; i < 3; i++) await producer.send('unlinked', String(i))
  const received = []
  for await (const message of consumer) if (received.push(message) === 3) break
  received[0]?.ack()
  const unlinked = new Promise<readonly [Link, ProducerLinkLedger]>((resolve) => {
    producer.once('unlink', (link) => resolve([link, link.ledger()]))
  })
  await consumer.close()
  const [link, ledger] = await unlinked
  t.match(ledger, { handed: 3, inFlight: 0, acknowledged: 1, unknown: 2 })
  t.equal(balanceLink(ledger), undefined)
  t.equal(link.ledger().unknown, undefined, 'the next connection begins with nothing')
  t.equal(balanceLink(link.ledger()), undefined)
})

test('a producer does not tell of the end of a link that never said START', async (t) => {
  const producer = await createProducer('tcp://127.0.0.1:0')
  t.teardown(() => producer.close())
  const told: string[] = []
  producer.on('link', () => told.push('link')).on('unlink', () => told.push('unlink'))
  const peer = await RawPeer.dial(producer.urls[0] as string)
  await peer.handshake(1, fanwireReady('SUB'))
  const fault = once(producer, 'fault')
  peer.socket.end()
  await fault
  t.strictSame(producer.links, [])
  t.strictSame(told, [])
})
