import { generateKeyPairSync } from 'node:crypto'
import { encodeZ85 } from '../framing/zmtp/z85.js'

/** A pair of keys for CURVE, each 40 characters of Z85. */
export interface CurveKeys {
  readonly publicKey: string
  readonly secretKey: string
}

/** Makes a new pair, for an end with `curve`. Needs no package. */
export function createCurveKeys(): CurveKeys {
  const { x, d } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })
  return { publicKey: toZ85(x), secretKey: toZ85(d) }
}

function toZ85(base64url: string | undefined): string {
  return encodeZ85(Buffer.from(base64url ?? '', 'base64url'))
}
