import type { Consumer } from '../consumer.js'
import type { Producer } from '../producer.js'
import type { Scenario } from './index.js'
import { codeOf, linked, outcome, turn, unlinked } from './stage.js'

/** Aborting is tried after so many steps of promises, and closing after so many turns: opening takes fewer. */
const STEPS = 12

export function testOpening(scenario: Scenario): void {
  const connected = { reliable: true } as const

  scenario('rejects with the signal’s reason when aborted before opening', {}, async (stage) => {
    const { assert } = stage
    const reason = new Error('changed my mind')
    const options = { signal: AbortSignal.abort(reason) }
    const url = await stage.freeUrl()
    assert.deepEqual(await outcome(stage.listener(url, options)), { error: reason })
    assert.deepEqual(await outcome(stage.dialler(url, options)), { error: reason })
    await stage.listener(url)
  })

  scenario('leaves nothing open when aborted while opening, at whatever step', {}, async (stage) => {
    const { assert } = stage
    const url = await stage.freeUrl()
    for (const open of ['listener', 'dialler'] as const) {
      for (let step = 0; step < STEPS; step++) {
        const reason = new Error(`gave up at step ${step}`)
        const giveUp = new AbortController()
        const opening = outcome(stage[open](url, { signal: giveUp.signal }))
        for (let i = 0; i < step; i++) await undefined
        giveUp.abort(reason)
        const opened = await opening
        if ('error' in opened) assert.equal(opened.error, reason)
        // It was faster: then the signal means nothing any more.
        else await (opened.value as Producer | Consumer).close()
      }
    }
    await stage.listener(url)
  })

  scenario(
    'refuses an address that is listened on already, and leaves nothing open',
    { exclusive: true },
    async (stage) => {
      const { assert } = stage
      const first = await stage.listener()
      const [taken] = first.urls as [string]
      assert.equal(await codeOf(stage.listener(taken)), 'ADDRESS_IN_USE')
      const free = await stage.freeUrl()
      const listening = { producer: stage.produce, consumer: stage.consume }[stage.listens].bind(stage)
      assert.equal(await codeOf(listening([free, taken])), 'ADDRESS_IN_USE')
      await stage.listener(free)
      // The one that was there has noticed nothing.
      await stage.meet(first, await stage.dialler(taken))
      await first.close()
      await stage.listener(taken)
    },
  )

  scenario('tells addresses that others can dial', {}, async (stage) => {
    const { assert } = stage
    const listener = await stage.listener()
    assert.equal(listener.urls.length, 1)
    assert.ok(!/:0$/.test(listener.urls[0] as string), `${listener.urls[0]} has a real port`)
    const dialler = await stage.dialler(listener.urls[0] as string)
    assert.deepEqual(dialler.urls, listener.urls)
    await stage.meet(listener, dialler)
  })

  scenario('listens on several addresses as one end', {}, async (stage) => {
    const { assert } = stage
    const listening = { producer: stage.produce, consumer: stage.consume }[stage.listens].bind(stage)
    const listener = await listening([stage.freshUrl(), stage.freshUrl()])
    assert.equal(new Set(listener.urls).size, 2)
    for (const [i, url] of listener.urls.entries()) {
      await stage.meet(listener, await stage.dialler(url), i + 1)
    }
  })

  scenario('lets whoever dials come first', {}, async (stage) => {
    const url = await stage.freeUrl()
    const dialler = await stage.dialler(url)
    await turn()
    const listener = await stage.listener(url)
    await stage.meet(listener, dialler)
  })

  scenario('lets both ends hear of their first link', connected, async (stage) => {
    const listener = await stage.listener()
    const atListener = linked(listener)
    const dialler = await stage.dialler(listener.urls[0] as string)
    await Promise.all([atListener, linked(dialler)])
  })

  scenario('opens an address again as soon as it is closed, ten times', connected, async (stage) => {
    const url = await stage.freeUrl()
    const dialler = await stage.dialler(url)
    for (let i = 0; i < 10; i++) {
      const listener = await stage.listener(url)
      await Promise.all([listener.linked(), dialler.linked()])
      const gone = unlinked(dialler)
      await listener.close()
      await gone
    }
  })

  scenario('closes while nobody answers', connected, async (stage) => {
    const url = await stage.freeUrl()
    for (let turns = 0; turns < STEPS; turns++) {
      const dialler = await stage.dialler(url)
      for (let i = 0; i < turns; i++) await turn()
      stage.assert.equal(dialler.links[0]?.state, 'waiting')
      await dialler.close()
      stage.assert.deepEqual(dialler.links, [])
    }
  })

  scenario('closes at any turn of a handshake, which does the other end no harm', connected, async (stage) => {
    const listener = await stage.listener()
    const [url] = listener.urls as [string]
    for (let turns = 0; turns < STEPS; turns++) {
      const dialler = await stage.dialler(url)
      for (let i = 0; i < turns; i++) await turn()
      await dialler.close()
    }
    await stage.dialler(url)
    await listener.linked()
    for (let turns = 0; turns < STEPS; turns++) {
      const closing = await stage.listener()
      const dialler = await stage.dialler(closing.urls[0] as string)
      for (let i = 0; i < turns; i++) await turn()
      await closing.close()
      await dialler.close()
    }
  })
}
