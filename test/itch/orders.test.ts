import { deepEqual, equal } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Orders } from '../../itch/orders.js'
import { Stock } from '../../itch/stock.js'

const level = new Stock(1).bids.level(100)

t.test('holds what a Map would hold', async () => {
  // References that lie close together, and a few far apart: searches collide and wrap around the end of the table.
  const reference = fc.oneof(
    fc.nat(40),
    fc.maxSafeNat(),
    fc.nat(40).map((n) => n * 2 ** 32),
  )
  const step = fc.record({ reference, shares: fc.nat(0xffff_ffff) })
  fc.assert(
    fc.property(fc.array(step, { size: 'max', maxLength: 3000 }), (steps) => {
      const orders = new Orders()
      const expected = new Map<number, number>()
      for (const { reference, shares } of steps) {
        const slot = orders.find(reference)
        equal(slot >= 0 ? orders.shares(slot) : undefined, expected.get(reference))
        if (slot >= 0) {
          orders.remove(slot)
          expected.delete(reference)
        } else {
          orders.add(reference, level, shares)
          expected.set(reference, shares)
        }
      }
      same(orders, expected)
    }),
  )
})

t.test('grows past its first size, and shrinks to nothing', async () => {
  const orders = new Orders()
  const expected = new Map<number, number>()
  for (let index = 0; index < 20_000; index++) {
    const reference = index * 3
    orders.add(reference, level, index)
    expected.set(reference, index)
  }
  same(orders, expected)
  for (const reference of [...expected.keys()].filter((_, index) => index % 7 !== 0)) {
    orders.remove(orders.find(reference))
    expected.delete(reference)
  }
  same(orders, expected)
  orders.clear()
  same(orders, new Map())
})

t.test('keeps level and shares beside the reference', async (t) => {
  const orders = new Orders()
  orders.add(0, level, 5)
  const slot = orders.find(0)
  t.equal(orders.level(slot), level)
  orders.setShares(slot, 3)
  t.equal(orders.shares(slot), 3)
  t.equal(orders.find(1), -1)
})

function same(orders: Orders, expected: ReadonlyMap<number, number>): void {
  const references = [...orders.references()]
  equal(orders.size, expected.size)
  deepEqual(
    references,
    [...expected.keys()].sort((a, b) => a - b),
  )
  deepEqual(
    references.map((reference) => orders.shares(orders.find(reference))),
    references.map((reference) => expected.get(reference)),
  )
}
