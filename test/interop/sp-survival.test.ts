// A publisher of libnanomsg dies of whatever a subscriber sends it after its header. FANWIRE_SP_SURVIVAL_S says for how
// many seconds it must live here.
import { once } from 'node:events'
import { type Consumer, createConsumer } from 'fanwire'
import t from 'tap'
import { counter, counterMissing, freshUrl, meetings, other, Peer } from './sp-peers.js'

const SECONDS = Number(process.env.FANWIRE_SP_SURVIVAL_S ?? 5)

const setting = { skip: counterMissing, timeout: (SECONDS + 60) * 1_000 }
t.test(`publishers of libnanomsg survive ${SECONDS} s of subscribers coming and going`, setting, async (t) => {
  const stages = await Promise.all(
    meetings.map(async ({ scheme, role }) => {
      const url = await freshUrl(t, scheme)
      const publisher = new Peer(t, counter(other(role), url, 'trades.AAPL', 1))
      const first = await guest(url, role)
      await take(first)
      // Whoever dials calls one at a time.
      if (role === 'listen') await first.close()
      return { role, url, publisher, staying: role === 'dial' ? first : undefined, how: `${scheme}, fanwire ${role}s` }
    }),
  )
  const until = Date.now() + SECONDS * 1_000
  const stories = stages.map(async ({ role, url, publisher, staying, how }) => {
    let visits = 0
    while (Date.now() < until && publisher.alive) {
      const coming = role === 'dial' ? 1 + (visits % 3) : 1
      await Promise.all(Array.from({ length: coming }, (_, i) => visit(url, role, visits + i)))
      visits += coming
      // Other tests run beside this one, some of which have little patience.
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    t.equal(publisher.alive, true, `${how}: ${publisher.complaints}`)
    if (staying !== undefined) {
      t.equal(staying.links[0]?.state, 'open', `${how}: whoever stayed is still linked`)
      // What waits from all that time, and something new.
      const { received } = staying.links[0]?.ledger() ?? { received: 0 }
      for (let i = 0; i <= received; i++) await take(staying)
      await staying.close()
    }
    t.ok(visits > SECONDS, `${visits} visits, ${how}`)
  })
  await Promise.all(stories)
})

function guest(url: string, role: 'listen' | 'dial'): Promise<Consumer> {
  return createConsumer(`sp+${url}`, { role, reconnectMinMs: 5, reconnectMaxMs: 50, topics: ['trades.'] })
}

/** Comes, does what subscribers do, and goes in one of several ways. */
async function visit(url: string, role: 'listen' | 'dial', number: number): Promise<void> {
  const consumer = await guest(url, role)
  if (number % 5 !== 0) {
    await consumer.linked({ signal: AbortSignal.timeout(20_000) }).catch((error) => {
      throw new Error(`visit ${number} of ${url} is not linked, where fanwire ${role}s`, { cause: error })
    })
    consumer.subscribe(`quotes.${number}`).unsubscribe('trades.').subscribe('trades.A')
    if (number % 5 !== 1) await take(consumer)
  }
  if (number % 3 === 0) for (const link of consumer.links) link.close(new Error('enough'))
  if (number % 7 === 3) {
    const gone = once(consumer, 'unlink')
    const open = consumer.links.filter(({ state }) => state === 'open')
    for (const link of open) link.close()
    if (open.length > 0) await gone
  }
  await consumer.close()
}

async function take(consumer: Consumer): Promise<void> {
  const messages = consumer.messages({ signal: AbortSignal.timeout(20_000) })
  const { done } = await messages.next()
  await messages.return()
  if (done) throw new Error('nothing comes')
}
