import type { Platform } from './platform.js'

/** Memory that a carrier filled, and how many messages keep it alive: limits in bytes count each chunk once. */
export class Chunk {
  /** Messages in the inbox. */
  waiting = 0
  /** Messages held back behind a gap. */
  held = 0

  /** Where the bytes lie. Kept, since asking bytes for their memory takes as long as making a view of it. */
  readonly memory: ArrayBufferLike
  readonly offset: number

  constructor(readonly bytes: Uint8Array) {
    this.memory = bytes.buffer
    this.offset = bytes.byteOffset
  }

  /** A view on `bytes[from, to)`. */
  view(platform: Platform, from: number, to: number): Uint8Array {
    return platform.view(this.memory, this.offset + from, to - from)
  }
}

export const NO_CHUNK = new Chunk(new Uint8Array(0))

const growingChunks = new WeakSet<Uint8Array>()

/** Marks memory into which messages are put one after the other: what stands behind the last one is not there yet. */
export function growing<T extends Uint8Array>(bytes: T): T {
  growingChunks.add(bytes)
  return bytes
}

export function isGrowing(bytes: Uint8Array): boolean {
  return growingChunks.has(bytes)
}
