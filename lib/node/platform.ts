import { randomFillSync } from 'node:crypto'
import { channel } from 'node:diagnostics_channel'
import type { Platform } from '../platform.js'
import { openSpillFile, prepare } from './spill.js'

/** Methods that `write` and `toString` of a buffer come down to, without their checks; Node has them, its types do not. */
interface Utf8Buffer extends Buffer {
  utf8Write(text: string, at: number): number
  utf8Slice(from: number, to: number): string
}

interface BufferClass {
  readonly [Symbol.species]: new (memory: ArrayBufferLike, at: number, size: number) => Buffer
}

/** What the methods of `Buffer` make their buffers with. `Buffer.from` checks what it is given, and takes twice as long. */
const BufferView = (Buffer as unknown as BufferClass)[Symbol.species]

/** The core's surroundings in Node. */
export const nodePlatform: Platform = {
  // Not from Buffer's pool: a slab is long-lived, and the pool's 8 KiB would be pinned by it.
  allocate: (size) => Buffer.allocUnsafeSlow(size),
  textSize: (text) => Buffer.byteLength(text),
  writeText: (target, at, text) => (target as Utf8Buffer).utf8Write(text, at),
  readText: (source, from, to) => (source as Utf8Buffer).utf8Slice(from, to),
  view: (memory, at, size) => new BufferView(memory, at, size),
  equal: (first, second) => Buffer.compare(first, second) === 0,
  defer: (callback) => process.nextTick(callback),
  breathe: () => new Promise((resolve) => setImmediate(resolve)),
  now: () => performance.now(),
  time,
  timer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return { cancel: () => clearTimeout(timer), ref: () => void timer.ref() }
  },
  spill: { prepare, open: openSpillFile },
  random: (target) => randomFillSync(target),
  diagnose(name, message) {
    const found = channel(`fanwire:${name}`)
    if (found.hasSubscribers) found.publish(message())
  },
}

/** What to add to the clock that never goes back to get the one that people set, in milliseconds. */
let offsetMs = performance.timeOrigin

/** The set clock tells whole milliseconds: the other one tells what lies between, until they have drifted apart. */
function time(): number {
  const now = performance.now()
  const behind = Date.now() - (now + offsetMs)
  if (behind > 1 || behind < -2) offsetMs += behind
  return Math.floor((now + offsetMs) * 1_000)
}
