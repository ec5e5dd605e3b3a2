import { createConsumer } from 'fanwire'
import t from 'tap'
import { freshUrl, meetings, PublisherProcess, Sightings } from './zeromq-peers.js'

for (const { scheme, role } of meetings) {
  const how = `over ${scheme}, where fanwire ${role}s`
  t.test(`a zeromq publisher is killed 20 times, and the consumer back each time, ${how}`, async (t) => {
    const url = freshUrl(t, scheme)
    let { publisher, url: bound } =
      role === 'dial'
        ? await PublisherProcess.start('bind', url, 0, ['trades.', 'only.0.'])
        : { publisher: undefined, url }
    t.teardown(() => publisher?.kill())
    const consumer = await createConsumer(`${bound}?reconnectMinMs=20&reconnectMaxMs=100`, {
      role,
      topics: ['trades.'],
    })
    t.teardown(() => consumer.close())
    const next = new Map<string, number>()
    const seen = new Sightings()
    const disorder: string[] = []
    let delivered = 0
    const reading = (async () => {
      for await (const message of consumer) {
        delivered++
        const [round, number] = message.text().split(':').map(Number) as [number, number]
        const key = `${message.topic} ${round}`
        const expected = next.get(key) ?? 0
        if (number !== expected || message.sequence !== undefined) disorder.push(`${key}: ${number}, not ${expected}`)
        next.set(key, number + 1)
        seen.add(key, number)
      }
    })()

    for (let round = 0; round <= 20; round++) {
      // While nobody is there, which is when it must be remembered. What is asked for twice is cancelled once.
      consumer.subscribe(`only.${round}.`).subscribe(`only.${round}.`).unsubscribe(`only.${round}.`)
      if (round > 0) consumer.unsubscribe(`only.${round - 1}.`)
      const prefixes = ['trades.', `only.${round}.`]
      const linked = consumer.linked()
      if (role === 'listen') {
        ;({ publisher } = await PublisherProcess.start('connect', consumer.urls[0] as string, round, prefixes))
      } else if (round > 0) {
        ;({ publisher } = await PublisherProcess.start('bind', bound, round, prefixes))
      }
      const asked = (await publisher?.next()) as string[]
      t.strictSame(asked.sort(), prefixes.map((prefix) => `\x01${prefix}`).sort(), `asked for in round ${round}`)
      await linked
      await Promise.all(prefixes.map((prefix) => seen.more(`${prefix}topic ${round}`, 500)))
      if (round === 20) break
      const gone = new Promise((resolve) => consumer.once('unlink', resolve))
      await publisher?.kill()
      await gone
    }
    t.strictSame(disorder, [])
    const { streams, unsequenced, inbox } = await consumer.close()
    await reading
    t.strictSame(streams, [])
    const sum = (count: (tally: (typeof unsequenced)[number]) => number) =>
      unsequenced.reduce((total, tally) => total + count(tally), 0)
    t.equal(
      sum((tally) => tally.received),
      sum((tally) => tally.delivered + tally.unwanted + tally.inboxWaiting),
    )
    t.equal(
      sum((tally) => tally.inboxWaiting),
      inbox.messages,
    )
    t.ok(delivered >= 21 * 1_000)
  })
}
