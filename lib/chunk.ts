/** Memory that a carrier filled, and how many messages keep it alive: limits in bytes count each chunk once. */
export class Chunk {
  /** Messages in the inbox. */
  waiting = 0
  /** Messages held back behind a gap. */
  held = 0

  constructor(readonly bytes: Uint8Array) {}
}

export const NO_CHUNK = new Chunk(new Uint8Array(0))
