import { readU32, writeU64 } from '../numbers.js'
import { badPeer, EMPTY, joined, readAscii, readU64 } from './bytes.js'
import { BOX_OVERHEAD, countedNonce, type Nacl, openBox } from './curve-crypto.js'
import { COMMAND, headerSize, LONG, MORE, writeHeader } from './frame.js'
import type { Frame } from './frame-reader.js'
import type { Opener, Sealer } from './mechanism.js'

const NAME = '\x07MESSAGE'
const NAME_SIZE = 8
const COUNT_SIZE = 8
/** Bytes that sealing adds to the body of a frame: name, nonce, the box's own, and the frame's flags. */
const OVERHEAD = NAME_SIZE + COUNT_SIZE + BOX_OVERHEAD + 1
/** Within the box a command is marked by another bit than outside, and there is no size. */
const INNER_COMMAND = 0x02

/**
 * Seals each frame of traffic for itself, as libzmq does and understands it:
 *
 *     00, size u8        07 "MESSAGE", nonce u64, box of (flags u8, body)
 *     02, size u64       flags: 01 more, 02 command
 *
 * RFC 26 would have it a command; libzmq drops messages that come as such.
 */
export class CurveSealer implements Sealer {
  readonly #nonce: Uint8Array
  #partial: Uint8Array = EMPTY
  #gathered = 0

  /** @param sent the count of what was sealed in the handshake */
  constructor(
    private readonly nacl: Nacl,
    private readonly key: Uint8Array,
    prefix: string,
    private sent: number,
  ) {
    this.#nonce = countedNonce(prefix, sent)
  }

  seal(bytes: Uint8Array): Uint8Array {
    if (this.#gathered === 0) return this.#sealFrom(bytes, 0)
    const end = this.#fill(bytes)
    if (end === undefined) return EMPTY
    const whole = this.#partial
    this.#partial = EMPTY
    this.#gathered = 0
    return joined([this.#sealFrom(whole, 0), this.#sealFrom(bytes, end)])
  }

  #sealFrom(bytes: Uint8Array, from: number): Uint8Array {
    const { end, size, largest } = measure(bytes, from)
    const output = new Uint8Array(size)
    const plain = new Uint8Array(largest)
    let to = 0
    for (let at = from; at < end; ) {
      const body = at + headOf(bytes, at)
      const next = body + bodySizeOf(bytes, at)
      to = this.#sealFrame(bytes, at, body, next, plain, output, to)
      at = next
    }
    this.#keep(bytes, end)
    return output
  }

  /** Adds to the frame whose beginning an earlier call has left. Returns where in `bytes` it ends; undefined if beyond. */
  #fill(bytes: Uint8Array): number | undefined {
    for (let at = 0; ; ) {
      const needed = this.#partialSize()
      if (needed === this.#gathered) return at
      if (at === bytes.length) return undefined
      if (needed > this.#partial.length) this.#grow(needed)
      const take = Math.min(needed - this.#gathered, bytes.length - at)
      this.#partial.set(bytes.subarray(at, at + take), this.#gathered)
      this.#gathered += take
      at += take
    }
  }

  /** Bytes of the partial frame, or of what must be there of it to tell. */
  #partialSize(): number {
    if (this.#gathered < 2) return 2
    const head = headOf(this.#partial, 0)
    return this.#gathered < head ? head : head + bodySizeOf(this.#partial, 0)
  }

  #grow(size: number): void {
    const larger = new Uint8Array(size)
    larger.set(this.#partial.subarray(0, this.#gathered))
    this.#partial = larger
  }

  #keep(bytes: Uint8Array, from: number): void {
    if (from === bytes.length) return
    this.#partial = bytes.slice(from)
    this.#gathered = bytes.length - from
  }

  /** @returns where the sealed frame ends in `output` */
  #sealFrame(
    bytes: Uint8Array,
    at: number,
    body: number,
    end: number,
    scratch: Uint8Array,
    output: Uint8Array,
    to: number,
  ): number {
    const flags = bytes[at] as number
    const plain = scratch.subarray(0, 1 + end - body)
    plain[0] = (flags & MORE) | ((flags & COMMAND) !== 0 ? INNER_COMMAND : 0)
    plain.set(bytes.subarray(body, end), 1)
    const start = writeHeader(output, to, 0, OVERHEAD + end - body)
    const sealedEnd = start + OVERHEAD + end - body
    this.sent++
    writeU64(this.#nonce, 16, this.sent)
    // The box stands behind what the sealing wants for itself, where name and nonce belong.
    this.nacl.seal(this.key, this.#nonce, plain, output.subarray(start, sealedEnd))
    for (let i = 0; i < NAME_SIZE; i++) output[start + i] = NAME.charCodeAt(i)
    writeU64(output, start + NAME_SIZE, this.sent)
    return sealedEnd
  }
}

/** Opens what the peer has sealed. */
export class CurveOpener implements Opener {
  readonly overhead = OVERHEAD
  readonly #nonce: Uint8Array

  /** @param received the count of what the peer sealed last in the handshake */
  constructor(
    private readonly nacl: Nacl,
    private readonly key: Uint8Array,
    prefix: string,
    private received: number,
  ) {
    this.#nonce = countedNonce(prefix, 0)
  }

  open(body: Uint8Array): Frame {
    if (body.length < NAME_SIZE || readAscii(body, 0, NAME_SIZE) !== NAME) {
      throw badPeer('peer sent a frame in the clear after its handshake')
    }
    if (body.length < OVERHEAD)
      throw badPeer(`peer sent a MESSAGE of ${body.length} bytes, it has at least ${OVERHEAD}`)
    const count = readU64(body, NAME_SIZE)
    if (count <= this.received) throw badPeer(`peer used nonce ${count} after ${this.received}`)
    this.#nonce.set(body.subarray(NAME_SIZE, NAME_SIZE + COUNT_SIZE), 16)
    const plain = openBox(this.nacl, this.key, this.#nonce, body.subarray(NAME_SIZE + COUNT_SIZE), 'MESSAGE')
    this.received = count
    const flags = plain[0] as number
    return { flags: (flags & MORE) | ((flags & INNER_COMMAND) !== 0 ? COMMAND : 0), body: plain.subarray(1) }
  }
}

/** Goes through the whole frames of `bytes`: where they end, and what they take when they are sealed. */
function measure(bytes: Uint8Array, from: number): { end: number; size: number; largest: number } {
  let end = from
  let size = 0
  let largest = 0
  while (end + 2 <= bytes.length) {
    const head = headOf(bytes, end)
    if (end + head > bytes.length) break
    const body = bodySizeOf(bytes, end)
    if (end + head + body > bytes.length) break
    end += head + body
    size += headerSize(OVERHEAD + body) + OVERHEAD + body
    largest = Math.max(largest, 1 + body)
  }
  return { end, size, largest }
}

function headOf(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) & LONG) === 0 ? 2 : 9
}

function bodySizeOf(bytes: Uint8Array, at: number): number {
  if (headOf(bytes, at) === 2) return bytes[at + 1] as number
  return readU32(bytes, at + 1) * 0x1_00_00_00_00 + readU32(bytes, at + 5)
}
