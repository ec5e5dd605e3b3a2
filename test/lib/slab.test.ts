import t from 'tap'
import { Memory } from '../../lib/memory.js'
import { SLAB_BYTES, SlabPool } from '../../lib/slab.js'
import { FakePlatform } from './support/fake-platform.js'

const MIB = 2 ** 20

function open() {
  const platform = new FakePlatform()
  const memory = new Memory(16 * MIB)
  return { platform, memory, pool: new SlabPool(platform, memory) }
}

t.test('a backlog that grows and shrinks again takes the same slabs', async (t) => {
  const { platform, memory, pool } = open()
  const slabs = Array.from({ length: 8 }, () => pool.takeWhole())
  const { used } = memory
  for (const slab of slabs) pool.give(slab)
  platform.advance(900)
  const again = Array.from({ length: 8 }, () => pool.takeWhole())
  t.same(new Set(again), new Set(slabs))
  t.equal(memory.used, used)
})

t.test('slabs that nobody has needed for a second are let go, but for the one that comes next', async (t) => {
  const { platform, memory, pool } = open()
  const slabs = Array.from({ length: 8 }, () => pool.takeWhole())
  const [{ cost } = { cost: 0 }] = slabs
  for (const slab of slabs) pool.give(slab)
  platform.advance(1_000)
  for (let i = 0; i < 3; i++) pool.give(pool.takeWhole())
  const two = [pool.takeWhole(), pool.takeWhole()]
  platform.advance(1_000)
  t.equal(memory.used, 3 * cost, 'of the six that were idle all the time five have gone')
  for (const slab of two) pool.give(slab)
  platform.advance(5_000)
  t.equal(memory.used, cost)
})

t.test('slabs that are kept for later give way to what needs the memory', async (t) => {
  const { memory, pool } = open()
  const slabs = Array.from({ length: 8 }, () => pool.takeWhole())
  for (const slab of slabs) pool.give(slab)
  t.ok(memory.used > 8 * SLAB_BYTES)
  t.ok(memory.hasRoom(memory.messageLimit))
  t.equal(memory.used, 0)
})

t.test('a pool that is closed keeps nothing', async (t) => {
  const { platform, memory, pool } = open()
  const slabs = Array.from({ length: 8 }, () => pool.takeWhole())
  for (const slab of slabs.slice(0, 4)) pool.give(slab)
  pool.close()
  for (const slab of slabs.slice(4)) pool.give(slab)
  t.equal(memory.used, 0)
  t.equal(platform.timers, 0)
})
