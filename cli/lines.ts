/** The longest line that is waited for: an endless one must not take all memory. */
const MAX_LINE_BYTES = 64 * 1024 * 1024
const NEWLINE = 0x0a

/**
 * Cuts bytes at newlines, without decoding them, so that data which is not text passes unharmed. What follows the last
 * newline is a line as well, unless it is empty.
 *
 * @throws {RangeError} for a line above 64 MiB
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let pieces: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      yield Buffer.concat([...pieces, chunk.subarray(from, to)])
      pieces = []
      size = 0
      from = to + 1
    }
    if (from === chunk.length) continue
    pieces.push(chunk.subarray(from))
    size += chunk.length - from
    if (size > MAX_LINE_BYTES) throw new RangeError(`a line of the input is longer than ${MAX_LINE_BYTES} bytes`)
  }
  if (size > 0) yield Buffer.concat(pieces)
}
