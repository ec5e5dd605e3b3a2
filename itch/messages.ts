import { type Field, ItchError, Letter, Price, Side, Text2, Text4, Text8, Timestamp, U16, U32, U64 } from './fields.js'

export { ItchError, type ItchErrorCode } from './fields.js'

/** Follows the type letter of every message. The locate stands for the stock, for one day; 0 where there is none. */
const header = { locate: U16, tracking: U16, timestamp: Timestamp }
const order = { reference: U64, side: Side, shares: U32, stock: Text8, price: Price }
const execution = { reference: U64, shares: U32, match: U64 }

/**
 * The messages of Nasdaq TotalView-ITCH 5.0 by their type letter, fields in the order of the wire.
 *
 * Reading, writing and the types all come from this table. Where speed matters, read single fields where they lie:
 * `layouts.A.price.read(bytes, at)` compiles to a few loads, with no object made. Give each type a function of its own:
 * V8 inlines only so much into one, and a switch that reads the fields of all types takes 1.3 times as long.
 */
export const layouts = {
  /** system event */
  S: layout({ event: Letter }),
  /** stock directory */
  R: layout({
    stock: Text8,
    marketCategory: Letter,
    financialStatus: Letter,
    roundLotSize: U32,
    roundLotsOnly: Letter,
    issueClassification: Letter,
    issueSubType: Text2,
    authenticity: Letter,
    shortSaleThreshold: Letter,
    ipo: Letter,
    luldTier: Letter,
    etp: Letter,
    etpLeverage: U32,
    inverse: Letter,
  }),
  /** stock trading action */
  H: layout({ stock: Text8, state: Letter, reserved: Letter, reason: Text4 }),
  /** Reg SHO short sale restriction */
  Y: layout({ stock: Text8, action: Letter }),
  /** market participant position */
  L: layout({ mpid: Text4, stock: Text8, primaryMarketMaker: Letter, mode: Letter, state: Letter }),
  /** decline levels of the market-wide circuit breaker, the only prices with eight decimals */
  V: layout({ level1: U64, level2: U64, level3: U64 }),
  /** market-wide circuit breaker status */
  W: layout({ breachedLevel: Letter }),
  /** IPO quoting period update; the release time is in seconds since midnight */
  K: layout({ stock: Text8, releaseTime: U32, qualifier: Letter, price: Price }),
  /** limit up, limit down auction collar */
  J: layout({ stock: Text8, referencePrice: Price, upperPrice: Price, lowerPrice: Price, extension: U32 }),
  /** operational halt */
  h: layout({ stock: Text8, market: Letter, action: Letter }),
  /** add order */
  A: layout(order),
  /** add order with the market participant's name */
  F: layout({ ...order, mpid: Text4 }),
  /** order executed */
  E: layout(execution),
  /** order executed at another price than its own */
  C: layout({ ...execution, printable: Letter, price: Price }),
  /** order cancelled in part */
  X: layout({ reference: U64, shares: U32 }),
  /** order deleted */
  D: layout({ reference: U64 }),
  /** order replaced; side and stock stay */
  U: layout({ reference: U64, newReference: U64, shares: U32, price: Price }),
  /** trade of a hidden order; since 2014 the reference is 0 and the side B */
  P: layout({ ...order, match: U64 }),
  /** cross trade; shares and price are 0 where no cross happened */
  Q: layout({ shares: U64, stock: Text8, price: Price, match: U64, crossType: Letter }),
  /** broken trade */
  B: layout({ match: U64 }),
  /** net order imbalance */
  I: layout({
    pairedShares: U64,
    imbalanceShares: U64,
    direction: Letter,
    stock: Text8,
    farPrice: Price,
    nearPrice: Price,
    referencePrice: Price,
    crossType: Letter,
    priceVariation: Letter,
  }),
  /** retail price improvement */
  N: layout({ stock: Text8, interest: Letter }),
  /** direct listing with capital raise */
  O: layout({
    stock: Text8,
    eligible: Letter,
    minimumPrice: Price,
    maximumPrice: Price,
    nearPrice: Price,
    nearTime: U64,
    lowerCollar: Price,
    upperCollar: Price,
  }),
}

export type ItchType = keyof typeof layouts

type Values<L> = { readonly [Name in keyof L]: L[Name] extends Field<infer Value> ? Value : never }

/** A message as a plain object; its `type` tells which. */
export type ItchMessage = { [Type in ItchType]: { readonly type: Type } & Values<(typeof layouts)[Type]> }[ItchType]

/** By the code of the type letter; 0 = no such type. */
const lengths = new Uint8Array(256)
for (const [type, layout] of Object.entries(layouts)) lengths[type.charCodeAt(0)] = lengthOf(layout)

/**
 * Tells what the message is, and makes sure that every field in the table is there to be read.
 *
 * @param at where the message starts in `bytes`
 * @param length its length by the framing; fields that a later revision appended do no harm
 * @returns undefined for a type that is not in the table: skip it
 * @throws {ItchError} `TOO_SHORT`
 */
export function typeOf(bytes: Uint8Array, at = 0, length = bytes.length - at): ItchType | undefined {
  const code = length > 0 ? bytes[at] : undefined
  if (code === undefined) throw new ItchError('TOO_SHORT', 'an empty message has no type')
  const needed = lengths[code] as number
  if (needed === 0) return undefined
  const type = String.fromCharCode(code) as ItchType
  if (length < needed || at + length > bytes.length) {
    throw new ItchError('TOO_SHORT', `a message of type ${type} has at least ${needed} bytes, this one ${length}`)
  }
  return type
}

/**
 * Reads a whole message into an object of its own. Convenient rather than fast.
 *
 * @returns undefined for a type that is not in the table
 * @throws {ItchError} `TOO_SHORT`, or `TOO_LARGE` when a number is 2^53 or more
 */
export function decode(bytes: Uint8Array, at = 0, length = bytes.length - at): ItchMessage | undefined {
  const type = typeOf(bytes, at, length)
  if (type === undefined) return undefined
  const message: Record<string, number | string> = { type }
  for (const [name, field] of Object.entries(layouts[type])) message[name] = field.read(bytes, at)
  return message as ItchMessage
}

/**
 * Writes a message, more strictly than {@link decode} reads one.
 *
 * @throws {ItchError} `BAD_FIELD`, naming the field, its rule and the value
 */
export function encode(message: ItchMessage): Uint8Array {
  const { type, ...values }: { readonly type: ItchType; readonly [name: string]: unknown } = message
  if (!Object.hasOwn(layouts, type)) {
    throw new ItchError('BAD_FIELD', `type must be one of ${Object.keys(layouts).join(' ')}, got ${type}`)
  }
  const layout: Readonly<Record<string, Field<number | string>>> = layouts[type]
  const bytes = new Uint8Array(lengthOf(layout))
  bytes[0] = type.charCodeAt(0)
  for (const [name, field] of Object.entries(layout)) {
    const value = values[name]
    if (!field.accepts(value)) {
      throw new ItchError('BAD_FIELD', `${name} of ${type} must be ${field.rule}, got ${JSON.stringify(value)}`)
    }
    field.write(bytes, 0, value)
  }
  return bytes
}

type Kinds = Readonly<Record<string, new (offset: number) => Field<number | string>>>
type Layout<K extends Kinds> = { readonly [Name in keyof K]: InstanceType<K[Name]> }

function layout<K extends Kinds>(kinds: K): Layout<typeof header & K> {
  const fields: Record<string, Field<number | string>> = {}
  let offset = 1
  for (const [name, Kind] of Object.entries<Kinds[string]>({ ...header, ...kinds })) {
    const field = new Kind(offset)
    fields[name] = field
    offset += field.size
  }
  return fields as Layout<typeof header & K>
}

function lengthOf(layout: Readonly<Record<string, Field<number | string>>>): number {
  const last = Object.values(layout).at(-1)
  return last === undefined ? 1 : last.offset + last.size
}
