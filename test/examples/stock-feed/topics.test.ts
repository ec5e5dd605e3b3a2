import { encode } from 'fanwire/itch'
import t from 'tap'
import { Topics } from '../../../examples/stock-feed/topics.js'
import { bytesOf, examples } from '../../itch/samples.js'

const about = { tracking: 0, timestamp: 0, reference: 1 }

t.test('names the stock of every type of message, and the market for those about none', async (t) => {
  const topics = new Topics()
  for (const [hex, { type, locate }] of examples) {
    const marketWide = locate === 0 && type !== 'K'
    t.equal(topics.of(bytesOf(hex)), marketWide ? 'itch.market' : 'itch.ACME', type)
  }
})

t.test('remembers which stock a locate stands for, until the day is over', async (t) => {
  const topics = new Topics()
  const deletion = encode({ type: 'D', locate: 9, ...about })
  t.equal(topics.of(deletion), 'itch.locate-9')
  const add = { type: 'A', locate: 9, ...about, side: 'B', shares: 1, price: 1, stock: 'ZVZZT' } as const
  t.equal(topics.of(encode(add)), 'itch.ZVZZT')
  t.equal(topics.of(deletion), 'itch.ZVZZT')
  topics.reset()
  t.equal(topics.of(deletion), 'itch.locate-9')
})

t.test('finds a topic for whatever stands in a file', async (t) => {
  const topics = new Topics()
  const damaged = encode({ type: 'A', locate: 9, ...about, side: 'B', shares: 1, price: 1, stock: 'ZVZZT' })
  damaged.fill(0, 24, 32)
  t.equal(topics.of(damaged), 'itch.locate-9', 'a symbol that cannot be part of a topic')
  for (const bytes of [Uint8Array.of(), Uint8Array.of(0x41), Uint8Array.of(0x7a, 1, 2)]) {
    t.equal(topics.of(bytes), 'itch.market')
  }
})
