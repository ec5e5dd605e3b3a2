import { readFile } from 'node:fs/promises'
import { layouts, sample, typeOf } from '../../itch/index.js'
import type { Prepare } from '../contender.js'

/** A day of ITCH as it lies in its file, over and over: of each message every field that is a number is read. */
export const prepare: Prepare = async () => {
  const file = await readFile(sample)
  let at = 0
  let sum = 0
  return (count) => {
    for (let left = count; left > 0; left--) {
      if (at + 2 > file.length) at = 0
      let length = ((file[at] as number) << 8) | (file[at + 1] as number)
      if (length === 0) {
        at = 0
        length = ((file[0] as number) << 8) | (file[1] as number)
      }
      sum += numbersOf(file, at + 2, length)
      at += 2 + length
    }
    if (!(sum > 0)) throw new Error('nothing was read')
  }
}

/** The sum of all numbers in a message. */
function numbersOf(bytes: Uint8Array, at: number, length: number): number {
  switch (typeOf(bytes, at, length)) {
    case 'P':
      return trade(bytes, at)
    case 'A':
      return addedOrder(bytes, at)
    case 'D':
      return deletion(bytes, at)
    case 'E':
      return execution(bytes, at)
    case 'X':
      return cancellation(bytes, at)
    case 'U':
      return replacement(bytes, at)
    case 'S':
      return systemEvent(bytes, at)
    case 'R':
      return directory(bytes, at)
    case 'H':
      return tradingAction(bytes, at)
    case 'F':
      return attributedOrder(bytes, at)
    default:
      throw new Error(`the sample has no message of type ${String.fromCharCode(bytes[at] as number)}`)
  }
}

// Of each type a function of its own, as the decoder advises.

function trade(bytes: Uint8Array, at: number): number {
  const { locate, tracking, timestamp, reference, shares, price, match } = layouts.P
  return (
    locate.read(bytes, at) +
    tracking.read(bytes, at) +
    timestamp.read(bytes, at) +
    reference.read(bytes, at) +
    shares.read(bytes, at) +
    price.read(bytes, at) +
    match.read(bytes, at)
  )
}

function addedOrder(bytes: Uint8Array, at: number): number {
  const { locate, tracking, timestamp, reference, shares, price } = layouts.A
  return (
    locate.read(bytes, at) +
    tracking.read(bytes, at) +
    timestamp.read(bytes, at) +
    reference.read(bytes, at) +
    shares.read(bytes, at) +
    price.read(bytes, at)
  )
}

function deletion(bytes: Uint8Array, at: number): number {
  const { locate, tracking, timestamp, reference } = layouts.D
  return locate.read(bytes, at) + tracking.read(bytes, at) + timestamp.read(bytes, at) + reference.read(bytes, at)
}

function execution(bytes: Uint8Array, at: number): number {
  const { locate, tracking, timestamp, reference, shares, match } = layouts.E
  return (
    locate.read(bytes, at) +
    tracking.read(bytes, at) +
    timestamp.read(bytes, at) +
    reference.read(bytes, at) +
    shares.read(bytes, at) +
    match.read(bytes, at)
  )
}

function cancellation(bytes: Uint8Array, at: number): number {
  const { locate, tracking, timestamp, reference, shares } = layouts.X
  return (
    locate.read(bytes, at) +
    tracking.read(bytes, at) +
    timestamp.read(bytes, at) +
    reference.read(bytes, at) +
    shares.read(bytes, at)
  )
}

function replacement(bytes: Uint8Array, at: number): number {
  const { locate, tracking, timestamp, reference, newReference, shares, price } = layouts.U
  return (
    locate.read(bytes, at) +
    tracking.read(bytes, at) +
    timestamp.read(bytes, at) +
    reference.read(bytes, at) +
    newReference.read(bytes, at) +
    shares.read(bytes, at) +
    price.read(bytes, at)
  )
}

function systemEvent(bytes: Uint8Array, at: number): number {
  const { locate, tracking, timestamp } = layouts.S
  return locate.read(bytes, at) + tracking.read(bytes, at) + timestamp.read(bytes, at)
}

function directory(bytes: Uint8Array, at: number): number {
  const { locate, tracking, timestamp, roundLotSize, etpLeverage } = layouts.R
  return (
    locate.read(bytes, at) +
    tracking.read(bytes, at) +
    timestamp.read(bytes, at) +
    roundLotSize.read(bytes, at) +
    etpLeverage.read(bytes, at)
  )
}

function tradingAction(bytes: Uint8Array, at: number): number {
  const { locate, tracking, timestamp } = layouts.H
  return locate.read(bytes, at) + tracking.read(bytes, at) + timestamp.read(bytes, at)
}

function attributedOrder(bytes: Uint8Array, at: number): number {
  const { locate, tracking, timestamp, reference, shares, price } = layouts.F
  return (
    locate.read(bytes, at) +
    tracking.read(bytes, at) +
    timestamp.read(bytes, at) +
    reference.read(bytes, at) +
    shares.read(bytes, at) +
    price.read(bytes, at)
  )
}
