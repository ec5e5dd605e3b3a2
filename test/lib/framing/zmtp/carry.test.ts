import { test } from 'tap'
import { Decoder } from '../../../../lib/framing/zmtp/decoder.js'
import { command } from '../../../../lib/framing/zmtp/frame.js'
import { Collector, framed, join, type Seen } from './reader.js'

/** What it costs to put a message together that comes in pieces. Everything that is allocated is copied into. */

interface Cost {
  readonly seen: readonly Seen[]
  readonly allocations: number
  readonly bytes: number
}

function readInPieces(unit: Uint8Array, piece: number): Cost {
  const collector = new Collector()
  let allocations = 0
  let bytes = 0
  const allocate = (size: number) => {
    allocations++
    bytes += size
    return new Uint8Array(size)
  }
  const decoder = new Decoder(collector, { maxMessageBytes: 2 ** 24, allocate })
  for (let at = 0; at < unit.length; at += piece) decoder.push(unit.subarray(at, at + piece))
  return { seen: collector.seen, allocations, bytes }
}

function messageOf(frames: number, size: number): Uint8Array {
  return framed(...Array.from({ length: frames }, () => new Uint8Array(size)))
}

test('copies a message of many frames a few times at most, however small its pieces and large its frames', async (t) => {
  for (const [frames, size] of [
    [10_000, 0],
    [10_000, 11],
    [2_000, 200],
    [500, 2_000],
    [20, 100_000],
  ] as const) {
    const unit = messageOf(frames, size)
    for (const piece of [7, 1_460, 65_536]) {
      const { seen, allocations, bytes } = readInPieces(unit, piece)
      const name = `${frames} frames of ${size} bytes in pieces of ${piece}`
      t.equal(seen[0]?.frames?.length, frames, name)
      t.ok(bytes <= 4 * unit.length, `${name}: ${bytes} bytes for ${unit.length}`)
      t.ok(allocations <= 24, `${name}: ${allocations} allocations`)
    }
  }
})

test('copies a message with commands between its frames a few times at most', async (t) => {
  const ping = command('PING', new Uint8Array(2))
  const frames = Array.from({ length: 4_000 }, () => join(Uint8Array.of(1, 100), new Uint8Array(100), ping))
  const unit = join(...frames, Uint8Array.of(0, 0))
  for (const piece of [7, 65_536]) {
    const { seen, allocations, bytes } = readInPieces(unit, piece)
    t.equal(seen.length, 4_001)
    t.ok(bytes <= 4 * unit.length, `${bytes} bytes for ${unit.length}`)
    t.ok(allocations <= 24, `${allocations} allocations`)
  }
})

test('copies a large frame that comes byte by byte a few times at most', async (t) => {
  for (const size of [1_000, 100_000, 400_000]) {
    const unit = framed(new Uint8Array(5), new Uint8Array(size))
    const { seen, allocations, bytes } = readInPieces(unit, 1)
    t.equal(seen[0]?.data?.length, 2 * size)
    t.ok(bytes <= 4 * unit.length, `${bytes} bytes for ${unit.length}`)
    t.ok(allocations <= 24, `${allocations} allocations`)
  }
})
