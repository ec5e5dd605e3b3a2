export type ItchErrorCode = 'BAD_FIELD' | 'TOO_LARGE' | 'TOO_SHORT'

/** What decoding and encoding throw. Switch on {@link code}. */
export class ItchError extends Error {
  override readonly name = 'ItchError'
  readonly code: ItchErrorCode

  constructor(code: ItchErrorCode, message: string) {
    super(`[${code}] ${message}`)
    this.code = code
  }
}

/**
 * One field of a message: where it stands and how it is read and written. It holds no bytes, so one serves every
 * message of its type, and reading it makes no object.
 */
export abstract class Field<T extends number | string> {
  /** Bytes from the start of the message. */
  readonly offset: number

  constructor(offset: number) {
    this.offset = offset
  }

  abstract readonly size: number
  /** What may be written, in words that complete "must be". */
  abstract readonly rule: string
  abstract accepts(value: unknown): value is T
  /** @param at where the message starts; that all of it is there, `typeOf` has made sure */
  abstract read(bytes: Uint8Array, at: number): T
  /** @param value what {@link accepts} has agreed to */
  abstract write(bytes: Uint8Array, at: number, value: T): void
}

/** Big-endian. Each size reads in its own words: with one loop for all, decoding takes 1.7 times as long. */
abstract class Unsigned extends Field<number> {
  abstract readonly limit: number

  get rule(): string {
    return `an integer from 0 to ${this.limit}`
  }

  accepts(value: unknown): value is number {
    return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= this.limit
  }

  write(bytes: Uint8Array, at: number, value: number): void {
    let rest = value
    for (let index = this.size - 1; index >= 0; index--) {
      bytes[at + this.offset + index] = rest % 256
      rest = Math.floor(rest / 256)
    }
  }
}

export class U16 extends Unsigned {
  readonly size = 2
  readonly limit = 0xffff

  read(bytes: Uint8Array, at: number): number {
    return u16(bytes, at + this.offset)
  }
}

export class U32 extends Unsigned {
  readonly size = 4
  readonly limit: number = 0xffff_ffff

  read(bytes: Uint8Array, at: number): number {
    return u32(bytes, at + this.offset)
  }
}

/**
 * Up to 2^53 − 1, which no day comes near. From there on a number would quietly name another order, and with BigInt
 * decoding takes 1.7 times as long.
 */
export class U64 extends Unsigned {
  readonly size = 8
  readonly limit = Number.MAX_SAFE_INTEGER

  /** @throws {ItchError} `TOO_LARGE` from 2^53 on */
  read(bytes: Uint8Array, at: number): number {
    const high = u32(bytes, at + this.offset)
    if (high >= 0x20_0000) throw new ItchError('TOO_LARGE', `the number at byte ${this.offset} is 2^53 or more`)
    return high * 0x1_0000_0000 + u32(bytes, at + this.offset + 4)
  }
}

/** Nanoseconds since midnight, New York time. */
export class Timestamp extends Unsigned {
  readonly size = 6
  readonly limit = 86_400e9 - 1

  read(bytes: Uint8Array, at: number): number {
    return u16(bytes, at + this.offset) * 0x1_0000_0000 + u32(bytes, at + this.offset + 2)
  }
}

/** In units of 0.0001 dollars, and left so: decimals are for display. The limit is the highest legal price. */
export class Price extends U32 {
  override readonly limit = 200_000_0000
}

/** A code of one letter. Codes come and go with the years, so any byte passes. */
export class Letter extends Field<string> {
  readonly size = 1
  readonly rule: string = 'one character of one byte'

  accepts(value: unknown): value is string {
    return typeof value === 'string' && value.length === 1 && value.charCodeAt(0) < 256
  }

  // V8 keeps the 256 strings of one such character, so this makes none.
  read(bytes: Uint8Array, at: number): string {
    return String.fromCharCode(bytes[at + this.offset] as number)
  }

  write(bytes: Uint8Array, at: number, value: string): void {
    bytes[at + this.offset] = value.charCodeAt(0)
  }
}

export class Side extends Letter {
  override readonly rule = 'B or S'

  override accepts(value: unknown): value is string {
    return value === 'B' || value === 'S'
  }
}

/** Padded on the right with spaces, which reading takes off. */
abstract class Text extends Field<string> {
  get rule(): string {
    return `at most ${this.size} printable ASCII characters, none of them lower-case`
  }

  accepts(value: unknown): value is string {
    return typeof value === 'string' && value.length <= this.size && /^[ -`{-~]*$/.test(value)
  }

  read(bytes: Uint8Array, at: number): string {
    const start = at + this.offset
    let end = start + this.size
    while (end > start && bytes[end - 1] === SPACE) end--
    return String.fromCharCode(...bytes.subarray(start, end))
  }

  write(bytes: Uint8Array, at: number, value: string): void {
    const start = at + this.offset
    bytes.fill(SPACE, start, start + this.size)
    for (let index = 0; index < value.length; index++) bytes[start + index] = value.charCodeAt(index)
  }
}

export class Text2 extends Text {
  readonly size = 2
}

export class Text4 extends Text {
  readonly size = 4
}

export class Text8 extends Text {
  readonly size = 8
}

const SPACE = 0x20

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

// Not two of `u16`: V8 inlines only so much code into one function, and these few bytes of it count for every field.
function u32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16)
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
}
