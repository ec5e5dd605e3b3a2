import fc from 'fast-check'
import t from 'tap'
import {
  balanceLink,
  balanceProducer,
  balanceStream,
  countDropped,
  type ProducerLedger,
  type ProducerLinkLedger,
  type StreamLedger,
} from '../../lib/ledger.js'

const producer: ProducerLedger = { offered: 10, accepted: 8, refused: 2, unheard: 3 }
const dropped = { newest: 1, oldest: 2, superseded: 3, evicted: 4, stalled: 5, expired: 6, exhausted: 7 }
const link: ProducerLinkLedger = { considered: 100, filtered: 20, dropped, waiting: 10, inFlight: 2, handed: 40 }
const stream: StreamLedger = {
  first: 1,
  next: 101,
  received: 60,
  filtered: 20,
  declared: 10,
  missing: 4,
  lost: 6,
  delivered: 30,
  unwanted: 10,
  inboxDropped: 5,
  inboxWaiting: 14,
  undecodable: 1,
  duplicates: 1_000,
  late: 2_000,
}

t.test('finds nothing to say about ledgers that balance', async (t) => {
  t.equal(balanceProducer(producer), undefined)
  t.equal(countDropped(dropped), 28)
  t.equal(balanceLink(link), undefined)
  t.equal(balanceLink({ ...link, acknowledged: 40, unknown: 2 }), undefined)
  t.equal(balanceLink({ ...link, acknowledged: undefined, unknown: undefined }), undefined)
  t.equal(balanceStream(stream), undefined)
  t.equal(balanceStream({ ...stream, tail: 'unknown' }), undefined)
})

t.test('names the sum that does not hold, with its figures', async (t) => {
  t.equal(balanceProducer({ ...producer, refused: 1 }), 'offered = accepted + refused does not hold: 10 = 8 + 1 (9)')
  t.equal(balanceProducer({ ...producer, unheard: 9 }), 'unheard ≤ accepted does not hold: 9 ≤ 8')
  t.equal(
    balanceLink({ ...link, waiting: 11 }),
    'considered = filtered + dropped + waiting + inFlight + handed does not hold: 100 = 20 + 28 + 11 + 2 + 40 (101)',
  )
  t.equal(balanceLink({ ...link, acknowledged: 41 }), 'acknowledged ≤ handed does not hold: 41 ≤ 40')
  t.match(
    balanceLink({ ...link, acknowledged: 40, unknown: 1 }),
    'inFlight + handed = acknowledged + unknown does not hold: 42 = 40 + 1 (41)',
  )
  t.match(balanceStream({ ...stream, lost: 7 }), /^next - first = received .* does not hold: 100 = .* \(101\)$/)
  t.match(balanceStream({ ...stream, delivered: 29 }), /^received = delivered .* does not hold: 60 = .* \(59\)$/)
})

t.test('is not fooled by counts that cannot be', async (t) => {
  t.equal(balanceProducer({ offered: 1, accepted: 2, refused: -1, unheard: 0 }), 'refused is -1, which is not a count')
  t.match(balanceProducer({ ...producer, offered: Number.NaN }), 'offered is NaN')
  t.match(balanceLink({ ...link, dropped: { ...dropped, newest: 0.5, oldest: 2.5 } }), 'dropped.newest is 0.5')
  t.match(balanceStream({ ...stream, missing: -4, lost: 14 }), 'missing is -4')
})

t.test('notices any single count that is wrong, but for those beside the sums', async (t) => {
  const names = Object.keys(stream) as (keyof StreamLedger)[]
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.integer({ min: 1, max: 9 }), (name, by) => {
      const wrong = { ...stream, [name]: (stream[name] as number) + by }
      return (balanceStream(wrong) === undefined) === (name === 'duplicates' || name === 'late')
    }),
  )
  t.pass()
})
