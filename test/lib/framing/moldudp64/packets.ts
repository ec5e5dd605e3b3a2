import { PacketReader } from '../../../../lib/framing/moldudp64/packet.js'

/** What a packet is and holds, as a value that can be compared. */
export interface Seen {
  readonly kind?: string
  readonly flaw?: string
  readonly sequence?: number
  readonly next?: number
  /** In hexadecimal; absent when nothing of the packet is to be used. */
  readonly messages?: readonly string[]
}

/** Session `FANWIRE001`. The messages are ITCH 5.0: a system event, an order that is added, and one that is deleted. */
const session = '46414e57495245303031'
const event = '53000000000d18c2e280004f'
const add = '41000700021f1ad635bd1500000000000003e9420000012c41434d45202020200012d644'
const remove = '44000700061f1ad635d48500000000000003e9'

/** Each decoded by tshark 4.0.17. */
export const examples = {
  data: `${session} 0000000000000001 0003  000c ${event} 0024 ${add} 0013 ${remove}`,
  heartbeat: `${session} 0000000000000004 0000`,
  endOfSession: `${session} 0000000000000004 ffff`,
  request: `${session} 0000000000000002 0002`,
  zeroLength: `${session} 0000000000000004 0002  0000  0002 6869`,
  tooFewBlocks: `${session} 0000000000000006 0002  0013 ${remove}`,
  tooManyBlocks: `${session} 0000000000000006 0001  0013 ${remove} 0013 ${remove}`,
  shortBlock: `${session} 0000000000000008 0001  0024 ${add.slice(0, -12)}`,
  heartbeatWithBlock: `${session} 0000000000000008 0000  0001 78`,
  endOfSessionWithBlock: `${session} 0000000000000008 ffff  0001 78`,
  runt: `${session} 0000000000000000 00`,
}

/** What is read of each example by a downstream reader. A request looks like a packet with two blocks missing. */
export const seenOf: Readonly<Record<keyof typeof examples, Seen>> = {
  data: { kind: 'data', sequence: 1, next: 4, messages: [event, add, remove] },
  heartbeat: { kind: 'heartbeat', sequence: 4, next: 4, messages: [] },
  endOfSession: { kind: 'endOfSession', sequence: 4, next: 4, messages: [] },
  request: { flaw: 'countMismatch' },
  zeroLength: { kind: 'data', sequence: 4, next: 6, messages: ['', '6869'] },
  tooFewBlocks: { flaw: 'countMismatch' },
  tooManyBlocks: { kind: 'data', flaw: 'trailing', sequence: 6, next: 7, messages: [remove] },
  shortBlock: { flaw: 'truncated' },
  heartbeatWithBlock: { kind: 'heartbeat', flaw: 'extra', sequence: 8, next: 8, messages: [] },
  endOfSessionWithBlock: { kind: 'endOfSession', flaw: 'extra', sequence: 8, next: 8, messages: [] },
  runt: { flaw: 'runt' },
}

/** Reads `packet` with the reader under test. */
export function read(packet: Uint8Array, reader = new PacketReader()): Seen {
  const taken = reader.read(packet)
  const { kind, flaw, sequence, next } = reader
  const messages: string[] = []
  while (reader.advance()) messages.push(hexOf(packet.subarray(reader.start, reader.end)))
  if (!taken) return { ...(flaw && { flaw }), ...(messages.length > 0 && { messages }) }
  return { kind, ...(flaw && { flaw }), sequence, next, messages }
}

/** Reads `packet` from the words of the specification: all that could be a block first, and the count afterwards. */
export function judge(packet: Uint8Array, lenient = false): Seen {
  if (packet.length < 20) return { flaw: 'runt' }
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length)
  const sequence = view.getBigUint64(10)
  const count = view.getUint16(18)
  const isData = count > 0 && count < 65_535
  if (sequence === 0n) return { flaw: 'zeroSequence' }
  if (sequence + BigInt(isData ? count : 0) >= 2n ** 53n) return { flaw: 'tooLarge' }
  const head = { sequence: Number(sequence), next: Number(sequence) }
  if (!isData) {
    const kind = count === 0 ? 'heartbeat' : 'endOfSession'
    return { kind, ...(packet.length > 20 && { flaw: 'extra' }), ...head, messages: [] }
  }
  const blocks: string[] = []
  let rest = packet.subarray(20)
  while (rest.length >= 2) {
    const size = 2 + Buffer.from(rest).readUInt16BE()
    if (size > rest.length) break
    blocks.push(hexOf(rest.subarray(2, size)))
    rest = rest.subarray(size)
  }
  if (blocks.length < count) {
    const flaw = rest.length > 0 ? 'truncated' : 'countMismatch'
    if (!lenient || blocks.length === 0) return { flaw }
    return { kind: 'data', flaw, ...head, next: head.next + blocks.length, messages: blocks }
  }
  const trailing = blocks.length > count || rest.length > 0
  const messages = blocks.slice(0, count)
  return { kind: 'data', ...(trailing && { flaw: 'trailing' }), ...head, next: head.next + count, messages }
}

/** A packet of session `FANWIRE001` with whatever numbers and bytes. */
export function packetOf(sequence: bigint, count: number, ...bodies: readonly (string | Uint8Array)[]): Uint8Array {
  const header = Buffer.alloc(20)
  header.write('FANWIRE001', 'latin1')
  header.writeBigUInt64BE(sequence, 10)
  header.writeUInt16BE(count, 18)
  return joined(
    header,
    ...bodies.flatMap((body) => {
      const bytes = typeof body === 'string' ? bytesOf(body) : body
      return [Uint8Array.of(bytes.length >>> 8, bytes.length), bytes]
    }),
  )
}

/** `bytes` in the middle of a larger memory, where reading beyond them finds something. */
export function embedded(bytes: Uint8Array): Uint8Array {
  const larger = joined(new Uint8Array(7).fill(0xee), bytes, new Uint8Array(300).fill(0))
  return larger.subarray(7, 7 + bytes.length)
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

export function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replace(/\s+/g, ''), 'hex'))
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
