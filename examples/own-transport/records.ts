import { FanwireError, type Framing } from 'fanwire'

/**
 * Everything on this wire is a record:
 *
 *     size u32, kind u8, body           size counts kind and body
 *
 *     kind 0, a message                 topic-size u16, topic, data
 *     kind 1, numbers that do not come  reason u8, count u64
 *     kind 2, a word between the ends   JSON
 */
export const MESSAGE = 0
export const SKIP = 1
export const WORD = 2

const REASONS = ['filtered', 'dropped'] as const

/** How a message, and a SKIP, stand in the producer's log. */
export const framing: Framing = {
  name: 'own',

  // Made once for every topic.
  head(topic) {
    const head = Buffer.alloc(2 + topic.length)
    head.writeUInt16BE(topic.length)
    head.set(topic, 2)
    return head
  },

  size: (head, dataSize) => 5 + head.length + dataSize,

  write(target, at, head, dataSize) {
    startRecord(target, at, 1 + head.length + dataSize, MESSAGE)
    target.set(head, at + 5)
    return at + 5 + head.length
  },

  skip: {
    size: 14,
    write(target, at, count, reason) {
      startRecord(target, at, 10, SKIP)
      target[at + 5] = REASONS.indexOf(reason)
      new DataView(target.buffer, target.byteOffset).setBigUint64(at + 6, BigInt(count))
    },
  },
}

function startRecord(target: Uint8Array, at: number, size: number, kind: number): void {
  new DataView(target.buffer, target.byteOffset).setUint32(at, size)
  target[at + 4] = kind
}

export function readSkip(record: Buffer): { readonly count: number; readonly reason: (typeof REASONS)[number] } {
  const reason = REASONS[record[1] ?? 2]
  const count = record.length === 10 ? Number(record.readBigUInt64BE(2)) : 0
  if (reason === undefined || !Number.isSafeInteger(count) || count === 0) throw badPeer('a SKIP of nothing')
  return { count, reason }
}

export function writeWord(word: object): Buffer {
  const json = Buffer.from(JSON.stringify(word))
  const record = Buffer.alloc(5 + json.length)
  startRecord(record, 0, 1 + json.length, WORD)
  record.set(json, 5)
  return record
}

export function readWord(record: Buffer): Readonly<Record<string, unknown>> {
  const word: unknown = JSON.parse(record.toString('utf8', 1))
  if (typeof word !== 'object' || word === null) throw badPeer('a word that says nothing')
  return { ...word }
}

/** Puts records together from the chunks of a socket, which end anywhere. */
export class Records {
  #chunks: Buffer[] = []
  #length = 0
  #needed = 4

  /** @param maxBytes of the largest record; a peer that announces a larger one is not waited for */
  constructor(private readonly maxBytes: number) {}

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** The next whole record, from its kind on; undefined until more has come. */
  next(): Buffer | undefined {
    if (this.#length < this.#needed) return undefined
    const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
    this.#chunks = [bytes]
    const end = 4 + bytes.readUInt32BE()
    if (end === 4 || end > this.maxBytes) throw badPeer(`a record of ${end} bytes`)
    this.#needed = end
    if (this.#length < end) return undefined
    this.#chunks = [bytes.subarray(end)]
    this.#length -= end
    this.#needed = 4
    return bytes.subarray(4, end)
  }
}

export function badPeer(what: string): FanwireError {
  return new FanwireError('BAD_PEER', `the peer sent ${what}`)
}
