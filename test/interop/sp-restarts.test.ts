import { once } from 'node:events'
import { createConsumer } from 'fanwire'
import t from 'tap'
import { counter, counterMissing, freshUrl, meetings, other, Peer } from './sp-peers.js'

for (const { scheme, role } of meetings) {
  const how = `over ${scheme}, where fanwire ${role}s`

  t.test(`messages of libnanomsg come in order and once, ${how}`, { skip: counterMissing }, async (t) => {
    const url = await freshUrl(t, scheme)
    const publish = () => new Peer(t, counter(other(role), url, 'trades.AAPL', 20))
    const early = role === 'dial' ? publish() : undefined
    const consumer = await createConsumer(`sp+${url}`, { role, topics: ['trades.'], reconnectMinMs: 20 })
    t.teardown(() => consumer.close())
    const publisher = early ?? publish()
    let last = -1
    let count = 0
    for await (const message of consumer.messages({ signal: AbortSignal.timeout(20_000) })) {
      const number = Number(message.text())
      // A publisher of libnanomsg leaves out a subscriber that it finds busy.
      if (message.topic !== 'trades.AAPL' || !(number > last)) t.fail(`${message.topic} ${number} after ${last}`)
      last = number
      if (++count === 10_000) break
    }
    t.equal(count, 10_000)
    t.equal(publisher.alive, true, publisher.complaints)
    t.match(consumer.stats(), { streams: [], ends: [{ bare: 0, unnamed: 0 }] })
  })

  t.test(`libnanomsg restarts, and fanwire is there, ${how}`, { skip: counterMissing }, async (t) => {
    const url = await freshUrl(t, scheme)
    const consumer = await createConsumer(`sp+${url}`, { role, reconnectMinMs: 5, reconnectMaxMs: 50 })
    t.teardown(() => consumer.close())
    // Starting it takes longer than all else.
    const rounds = scheme === 'tcp' ? 20 : 5
    const seen = new Map<string, number>()
    const disorder: string[] = []
    for (let round = 0; round < rounds; round++) {
      const topic = `round.${round}`
      const publisher = new Peer(t, counter(other(role), url, topic, 5))
      for await (const message of consumer.messages({ signal: AbortSignal.timeout(20_000) })) {
        const number = Number(message.text())
        const before = seen.get(message.topic) ?? -1
        if (number <= before) disorder.push(`${message.topic}: ${number} after ${before}`)
        seen.set(message.topic, number)
        if (message.topic === topic && number - before > 0 && number > 200) break
      }
      t.equal(publisher.alive, true, publisher.complaints)
      const gone = consumer.links.some(({ state }) => state === 'open') ? once(consumer, 'unlink') : undefined
      await publisher.kill()
      await gone
    }
    t.strictSame(disorder, [])
    t.equal(seen.size, rounds)
  })
}
