/** A file that ends within a record. */
export class TruncatedFileError extends Error {
  override readonly name = 'TruncatedFileError'
  /** Where in the file that record begins, at its length. */
  readonly offset: number

  constructor(offset: number) {
    super(`the file ends within the record at byte ${offset}`)
    this.offset = offset
  }
}

/**
 * Reads the records of a BinaryFILE, the form in which Nasdaq publishes whole days:
 *
 *     length u16 big-endian, then as many bytes; repeated
 *     00 00 ends the file
 *
 * A file may also end without the mark.
 *
 * @returns views into `file`, one for each record
 * @throws {TruncatedFileError} after the last whole record, when part of another follows it
 */
export function* records(file: Uint8Array): Generator<Uint8Array, void, undefined> {
  const reader = new Reader()
  yield* reader.read(file)
  reader.finish()
}

/**
 * The same for a file too large for memory.
 *
 * @returns the records of one chunk at a time: to wait for each would cost more than to read it
 * @throws {TruncatedFileError} after the last whole record, when part of another follows it
 */
export async function* batches(file: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[], void, undefined> {
  const reader = new Reader()
  for await (const chunk of file) {
    const batch = [...reader.read(chunk)]
    if (batch.length > 0) yield batch
    if (reader.ended) return
  }
  reader.finish()
}

const LENGTH_BYTES = 2

class Reader {
  /** The mark was met. */
  ended = false
  /** The beginning of a record whose rest is yet to come. */
  #begun: Uint8Array = new Uint8Array(0)
  /** Where in the file it stands. */
  #offset = 0

  finish(): void {
    if (!this.ended && this.#begun.length > 0) throw new TruncatedFileError(this.#offset)
  }

  *read(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    const bytes = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk])
    let at = 0
    while (at + LENGTH_BYTES <= bytes.length) {
      const length = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
      if (length === 0) {
        this.ended = true
        return
      }
      const end = at + LENGTH_BYTES + length
      if (end > bytes.length) break
      yield bytes.subarray(at + LENGTH_BYTES, end)
      at = end
    }
    this.#begun = bytes.subarray(at)
    this.#offset += at
  }
}
