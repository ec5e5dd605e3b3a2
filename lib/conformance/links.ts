import { counted } from './delivery.js'
import type { Scenario } from './index.js'
import { codeOf, lastLedger, outcome, sequencesOf, unlinked } from './stage.js'

export function testLinks(scenario: Scenario): void {
  const connected = { reliable: true } as const
  const atProducer = { ...counted(), filtersAtProducer: true } as const

  scenario('waits for as many links as are asked for', {}, async (stage) => {
    const { assert } = stage
    const listener = await stage.listener()
    const [url] = listener.urls as [string]
    let three = false
    const linked = listener.linked({ count: 3 }).then(() => {
      three = true
    })
    for (let i = 1; i <= 3; i++) {
      assert.equal(three, false)
      await stage.meet(listener, await stage.dialler(url), i)
    }
    await linked
    await listener.linked()
  })

  scenario('waits for a topic that somebody has subscribed to', atProducer, async (stage) => {
    const { assert } = stage
    const { producer, consumer } = await stage.cast({ consume: { topics: ['a.b'] } })
    await producer.linked({ topic: 'a.b' })
    await producer.linked({ topic: 'a.b.c' })
    const giveUp = new AbortController()
    const waiting = outcome(producer.linked({ topic: 'a.', signal: giveUp.signal }))
    const atConsumer = outcome(consumer.linked({ topic: 'b', signal: giveUp.signal }))
    const two = outcome(producer.linked({ topic: 'a.b', count: 2, signal: giveUp.signal }))
    giveUp.abort('enough')
    for (const result of [waiting, atConsumer, two]) assert.deepEqual(await result, { error: 'enough' })
    assert.deepEqual(
      ['a.b', 'a.b.c', 'a.', 'b'].map((topic) => producer.hasSubscribers(topic)),
      [true, true, false, false],
    )
    consumer.subscribe('')
    await Promise.all([producer.linked({ topic: 'b' }), consumer.linked({ topic: 'b' })])
  })

  scenario('gives up waiting for a link when the end is closed', connected, async (stage) => {
    const { assert } = stage
    const listener = await stage.listener()
    const dialler = await stage.dialler(await stage.freeUrl())
    const codes = [listener, dialler].map((end) => codeOf(end.linked()))
    await Promise.all([listener.close(), dialler.close()])
    assert.deepEqual(await Promise.all(codes), ['CLOSED', 'CLOSED'])
    assert.equal(await codeOf(listener.linked()), 'CLOSED')
  })

  scenario('lets a consumer leave, with a final ledger, while the others go on', counted(), async (stage) => {
    const { assert } = stage
    const cast = await stage.cast({ consumers: 3 })
    const { producer, consumers } = cast
    const readers = consumers.map((consumer) => stage.reader(consumer))
    for (let i = 0; i < 300; i++) await producer.send('a', `${i}`)
    await Promise.all(readers.map((reader) => reader.count(300)))
    await producer.flush()

    const [leaving, ...staying] = consumers as [(typeof consumers)[0], ...typeof consumers]
    const [connection] = stage.connections({ producers: [producer], consumers: [leaving] })
    const last = lastLedger(producer, connection?.link)
    const stats = await leaving.close()
    const { handed, acknowledged } = await last
    // Who was dialled would be waited for.
    connection?.link.close()
    assert.deepEqual([handed, acknowledged, stats.links[0]?.received], [300, 300, 300])
    for (let i = 300; i < 600; i++) await producer.send('a', `${i}`)
    await Promise.all(readers.slice(1).map((reader) => reader.count(600)))
    assert.equal((await stage.settle({ producers: [producer], consumers: staying }, true)).length, 2)
  })

  const joining = { ...counted(), listens: 'producer' } as const
  scenario('gives a consumer that joins what comes from then on', joining, async (stage) => {
    const { assert } = stage
    const cast = await stage.cast()
    const early = stage.reader(cast.consumer)
    for (let i = 0; i < 100; i++) await cast.producer.send('a', `${i}`)
    const joining = await stage.join(cast.producer)
    await cast.producer.linked({ count: 2 })
    for (let i = 100; i < 200; i++) await cast.producer.send('a', `${i}`)
    const late = stage.reader(joining)
    await Promise.all([early.count(200), late.count(100)])
    assert.equal(late.taken[0]?.sequence, 101)
    assert.deepEqual(sequencesOf(late.taken), sequencesOf(early.taken).slice(100))
    assert.equal(joining.stats().streams[0]?.first, 101)
    await stage.settle({ producers: cast.producers, consumers: [cast.consumer, joining] }, true)
  })

  scenario('counts as unheard what is sent while nobody is there', joining, async (stage) => {
    const producer = await stage.produce(stage.freshUrl())
    await producer.send('a', 'unheard')
    await producer.flush()
    const { accepted, unheard } = producer.stats()
    stage.assert.deepEqual([accepted, unheard], [1, 1])
  })

  const dialling = { listens: 'consumer' } as const
  scenario('has a link to whom it dials, connected or not, so that nothing is unheard', dialling, async (stage) => {
    const producer = await stage.produce(await stage.freeUrl())
    await producer.send('a', 'heard by nobody yet')
    await producer.flush()
    const { accepted, unheard, links } = producer.stats()
    stage.assert.deepEqual([accepted, unheard, links.length], [1, 0, 1])
  })

  scenario('closes one link of several for good, whichever side closes it', connected, async (stage) => {
    for (const side of ['accepted', 'dialled'] as const) {
      const listener = await stage.listener()
      const [url] = listener.urls as [string]
      const leaving = await stage.dialler(url)
      await Promise.all([leaving.linked(), listener.linked()])
      const closed = side === 'accepted' ? listener : leaving
      const other = side === 'accepted' ? leaving : listener
      const gone = unlinked(other)
      const [link] = closed.links
      link?.close()
      await gone
      stage.assert.equal(link?.state, 'closed')
      stage.assert.equal(closed.links.includes(link as never), false)
      // An accepted link ends with its connection, and whoever dialled comes back; a dialled one is dialled no more.
      if (side === 'accepted') await Promise.all([leaving.linked(), listener.linked()])
      else stage.assert.deepEqual([leaving.links, listener.links], [[], []])
    }
  })
}
