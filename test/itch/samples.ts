import { readFileSync } from 'node:fs'
import type { ItchMessage } from '../../itch/messages.js'

export const day = readFileSync(
  new URL('itch/data/ex20101224.binaryfile.itch', import.meta.resolve('fanwire/package.json')),
)

const acme = { locate: 7, tracking: 0, stock: 'ACME' }
/** 04:00:00 */
const opening = 14_400_000_000_000
/** 09:30:00.123456789 */
const t0 = 34_200_123_456_789

/**
 * One message of each type about an invented stock. A parser in Python decoded them to these values, and the dissector
 * of the Open Markets Initiative did so with all but h and O.
 */
export const examples: readonly (readonly [hex: string, message: ItchMessage])[] = [
  ['53 0000 0000 0d18c2e28000 4f', { type: 'S', locate: 0, tracking: 0, timestamp: opening, event: 'O' }],
  [
    '52 0007 0000 0d18c2e46240 41434d4520202020 51 4e 00000064 4e 43 5a20 50 4e 4e 31 4e 00000000 4e',
    {
      type: 'R',
      ...acme,
      timestamp: opening + 123_456,
      marketCategory: 'Q',
      financialStatus: 'N',
      roundLotSize: 100,
      roundLotsOnly: 'N',
      issueClassification: 'C',
      issueSubType: 'Z',
      authenticity: 'P',
      shortSaleThreshold: 'N',
      ipo: 'N',
      luldTier: '1',
      etp: 'N',
      etpLeverage: 0,
      inverse: 'N',
    },
  ],
  [
    '48 0007 0000 0d18c2e58d40 41434d4520202020 54 20 20202020',
    { type: 'H', ...acme, timestamp: opening + 200_000, state: 'T', reserved: ' ', reason: '' },
  ],
  [
    '41 0007 0002 1f1ad635bd15 00000000000003e9 42 0000012c 41434d4520202020 0012d644',
    { type: 'A', ...acme, tracking: 2, timestamp: t0, reference: 1001, side: 'B', shares: 300, price: 123_4500 },
  ],
  [
    '46 0007 0002 1f1ad635c0fd 00000000000003ea 53 000001f4 41434d4520202020 0012dc20 4e534451',
    {
      type: 'F',
      ...acme,
      tracking: 2,
      timestamp: t0 + 1000,
      reference: 1002,
      side: 'S',
      shares: 500,
      price: 123_6000,
      mpid: 'NSDQ',
    },
  ],
  [
    '45 0007 0004 1f1ad635c4e5 00000000000003e9 00000064 0000000000002329',
    { type: 'E', locate: 7, tracking: 4, timestamp: t0 + 2000, reference: 1001, shares: 100, match: 9001 },
  ],
  [
    '43 0007 0004 1f1ad635c8cd 00000000000003ea 00000032 000000000000232a 59 0012da2c',
    {
      type: 'C',
      locate: 7,
      tracking: 4,
      timestamp: t0 + 3000,
      reference: 1002,
      shares: 50,
      match: 9002,
      printable: 'Y',
      price: 123_5500,
    },
  ],
  [
    '58 0007 0006 1f1ad635ccb5 00000000000003e9 00000032',
    { type: 'X', locate: 7, tracking: 6, timestamp: t0 + 4000, reference: 1001, shares: 50 },
  ],
  [
    '55 0007 0006 1f1ad635d09d 00000000000003ea 00000000000003eb 00000190 0012dbbc',
    {
      type: 'U',
      locate: 7,
      tracking: 6,
      timestamp: t0 + 5000,
      reference: 1002,
      newReference: 1003,
      shares: 400,
      price: 123_5900,
    },
  ],
  [
    '44 0007 0006 1f1ad635d485 00000000000003e9',
    { type: 'D', locate: 7, tracking: 6, timestamp: t0 + 6000, reference: 1001 },
  ],
  [
    '50 0007 0008 1f1ad635d86d 0000000000000000 42 00000019 41434d4520202020 0012d900 000000000000232b',
    {
      type: 'P',
      ...acme,
      tracking: 8,
      timestamp: t0 + 7000,
      reference: 0,
      side: 'B',
      shares: 25,
      price: 123_5200,
      match: 9003,
    },
  ],
  [
    '51 0007 0008 1f1ad635dc55 000000000001d4c0 41434d4520202020 0012d838 000000000000232c 4f',
    {
      type: 'Q',
      ...acme,
      tracking: 8,
      timestamp: t0 + 8000,
      shares: 120_000,
      price: 123_5000,
      match: 9004,
      crossType: 'O',
    },
  ],
  [
    '42 0007 0008 1f1ad635e03d 000000000000232a',
    { type: 'B', locate: 7, tracking: 8, timestamp: t0 + 9000, match: 9002 },
  ],
  [
    '49 0007 0000 1ed4f5753800 0000000000001388 00000000000004b0 42 41434d4520202020 0012dc20 0012da2c 0012d838 4f 4c',
    {
      type: 'I',
      ...acme,
      timestamp: 33_900_000_000_000,
      pairedShares: 5000,
      imbalanceShares: 1200,
      direction: 'B',
      farPrice: 123_6000,
      nearPrice: 123_5500,
      referencePrice: 123_5000,
      crossType: 'O',
      priceVariation: 'L',
    },
  ],
  ['59 0007 0000 0d18c2e713e0 41434d4520202020 30', { type: 'Y', ...acme, timestamp: opening + 300_000, action: '0' }],
  [
    '4c 0007 0000 0d18c2e89a80 4e534451 41434d4520202020 59 4e 41',
    {
      type: 'L',
      ...acme,
      timestamp: opening + 400_000,
      mpid: 'NSDQ',
      primaryMarketMaker: 'Y',
      mode: 'N',
      state: 'A',
    },
  ],
  [
    '56 0000 0000 0d18c2ea2120 000000609fed7600 0000005a569a2800 000000531edbb200',
    {
      type: 'V',
      locate: 0,
      tracking: 0,
      timestamp: opening + 500_000,
      level1: 4150_00000000,
      level2: 3880_00000000,
      level3: 3570_00000000,
    },
  ],
  ['57 0000 0000 1f1ad635bd15 31', { type: 'W', locate: 0, tracking: 0, timestamp: t0, breachedLevel: '1' }],
  [
    '4b 0000 0000 1f1ad635bd15 41434d4520202020 000093a8 41 0003d090',
    { type: 'K', ...acme, locate: 0, timestamp: t0, releaseTime: 37_800, qualifier: 'A', price: 25_0000 },
  ],
  [
    '4a 0007 0000 1f1ad635bd15 41434d4520202020 0012d838 0013c96e 0011e702 00000000',
    {
      type: 'J',
      ...acme,
      timestamp: t0,
      referencePrice: 123_5000,
      upperPrice: 129_6750,
      lowerPrice: 117_3250,
      extension: 0,
    },
  ],
  ['68 0007 0000 1f1ad635bd15 41434d4520202020 51 48', { type: 'h', ...acme, timestamp: t0, market: 'Q', action: 'H' }],
  ['4e 0007 0000 1f1ad635bd15 41434d4520202020 41', { type: 'N', ...acme, timestamp: t0, interest: 'A' }],
  [
    '4f 0007 0000 1f1ad635bd15 41434d4520202020 59 000c3500 001b7740 000f4240 00001f1ad635bd15 000dbba0 0010c8e0',
    {
      type: 'O',
      ...acme,
      timestamp: t0,
      eligible: 'Y',
      minimumPrice: 80_0000,
      maximumPrice: 180_0000,
      nearPrice: 100_0000,
      nearTime: t0,
      lowerCollar: 90_0000,
      upperCollar: 110_0000,
    },
  ],
]

export function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}
