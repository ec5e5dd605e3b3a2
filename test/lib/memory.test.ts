import { test } from 'tap'
import { Memory } from '../../lib/memory.js'

const GIB = 2 ** 30

test('leaves a quarter of the memory, and 4 MiB at most, to what grows in small steps', (t) => {
  for (const [limit, left] of [
    [1_000, 250],
    [1_003, 250],
    [1_048_576, 262_144],
    [16 * 2 ** 20, 4 * 2 ** 20],
    ...[1, 2, 3, 4, 7, 64].map((gib) => [gib * GIB, 4 * 2 ** 20] as const),
  ] as const) {
    const memory = new Memory(limit)
    t.equal(memory.messageLimit, limit - left, `${limit} bytes`)
    t.equal(memory.hasRoom(limit - left), true)
    t.equal(memory.hasRoom(limit - left + 1), false)
  }
  t.end()
})

test('the largest message fits twice into what is for messages, and leaves some of it', (t) => {
  for (const limit of [2 ** 20, 16 * 2 ** 20, 64 * 2 ** 20, GIB]) {
    const { largestMessage, messageLimit } = new Memory(limit)
    t.ok(2 * largestMessage < messageLimit)
    t.ok(2 * largestMessage > messageLimit - 4_096)
  }
  t.end()
})
