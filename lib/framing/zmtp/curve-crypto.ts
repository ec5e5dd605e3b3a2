import { writeU64 } from '../numbers.js'
import { badPeer } from './bytes.js'

/** Of keys, secret, public and shared. */
export const KEY_SIZE = 32
/** What a box is larger than what is in it. */
export const BOX_OVERHEAD = 16

/** The parts of NaCl that CURVE is made of. They are given to it: fanwire has no cryptography of its own. */
export interface Nacl {
  /** X25519 with the base point. */
  publicKey(secretKey: Uint8Array): Uint8Array
  /** `crypto_box_beforenm`. Throws for a public key that makes no secret. */
  sharedKey(publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array
  /**
   * `crypto_secretbox` with `key`, which is `crypto_box` with a shared key.
   *
   * @param output memory of 32 bytes more than `plain`, of which the box takes all but the first 16; those are undefined
   */
  seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, output?: Uint8Array): Uint8Array
  /** Opens what {@link seal} made; throws when it was made otherwise. */
  open(key: Uint8Array, nonce: Uint8Array, box: Uint8Array): Uint8Array
}

export interface KeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

/** A nonce of 24 bytes: a prefix of 16 and the count of what one side has sent. */
export function countedNonce(prefix: string, count: number): Uint8Array {
  const nonce = new Uint8Array(24)
  for (let i = 0; i < 16; i++) nonce[i] = prefix.charCodeAt(i)
  writeU64(nonce, 16, count)
  return nonce
}

/** A nonce of 24 bytes: a prefix of 8 and 16 random ones. */
export function randomNonce(prefix: string, random: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(24)
  for (let i = 0; i < 8; i++) nonce[i] = prefix.charCodeAt(i)
  nonce.set(random, 8)
  return nonce
}

/**
 * What is in a box of the peer's.
 *
 * @param what says whose box it is: 'HELLO'
 * @throws {FanwireError} `BAD_PEER` when it does not open
 */
export function openBox(nacl: Nacl, key: Uint8Array, nonce: Uint8Array, box: Uint8Array, what: string): Uint8Array {
  try {
    return nacl.open(key, nonce, box)
  } catch {
    throw badPeer(`peer sent a ${what} that does not open with the keys of this connection`)
  }
}

/** @throws {FanwireError} `BAD_PEER` for a key with which every secret would be the same */
export function sharedKey(nacl: Nacl, publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array {
  try {
    return nacl.sharedKey(publicKey, secretKey)
  } catch {
    throw badPeer('peer sent a public key that is of no use')
  }
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number)
  return difference === 0
}
