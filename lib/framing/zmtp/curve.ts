import { writeU64 } from '../numbers.js'
import { badPeer, EMPTY, joined, readU64 } from './bytes.js'
import {
  countedNonce,
  equalBytes,
  KEY_SIZE,
  type KeyPair,
  type Nacl,
  openBox,
  randomNonce,
  sharedKey,
} from './curve-crypto.js'
import { CurveOpener, CurveSealer } from './curve-traffic.js'
import { command, commandName } from './frame.js'
import { readError } from './handshake.js'
import type { Handshake, Opener, Sealer, Step } from './mechanism.js'
import { unexpected } from './plain.js'

/** Sizes of the commands' data, that is without their names; the last two are without the metadata. */
const HELLO_SIZE = 194
const WELCOME_SIZE = 160
const INITIATE_SIZE = 248
const READY_SIZE = 24

/** RFC 26 says 70 in its text and 72 in its grammar, and 72 makes the command the 200 bytes that it has. */
const HELLO_PADDING = 72
const COOKIE_SIZE = 96
const VOUCH_SIZE = 96
const RANDOM_SIZE = 16

/** What both sides are given. */
export interface CurveMeans {
  readonly nacl: Nacl
  /** Fills memory with random bytes. */
  readonly random: (target: Uint8Array) => Uint8Array
}

/**
 * Proves by a key who it is, and expects a certain server; from then on everything is sealed. In the drawings C, c are
 * the client's long-term keys, public and secret, S, s the server's; C', c', S', s' are made for this connection. A box
 * [X](A→B) is NaCl's crypto_box with the public key A' of whom it is for and the secret one of whom it is from.
 *
 * @see https://rfc.zeromq.org/spec/26
 */
export class CurveClient implements Handshake {
  readonly mechanism = 'CURVE'
  readonly asServer = false
  #expected: 'WELCOME' | 'READY' | undefined = 'WELCOME'
  readonly #session: KeyPair
  /** Of HELLO and WELCOME, then of all that follows. */
  #key: Uint8Array
  #received = 0

  /**
   * @param serverKey S, the public key of the server that is expected
   * @param own C and c
   * @param metadata this end's
   */
  constructor(
    private readonly means: CurveMeans,
    private readonly serverKey: Uint8Array,
    private readonly own: KeyPair,
    private readonly metadata: Uint8Array,
  ) {
    this.#session = newPair(means)
    this.#key = means.nacl.sharedKey(serverKey, this.#session.secretKey)
  }

  /** HELLO: version 01 00, 72 zeros, C', nonce u64, [64 zeros](C'→S). */
  begin(): Uint8Array {
    const data = new Uint8Array(HELLO_SIZE)
    data[0] = 1
    data.set(this.#session.publicKey, 2 + HELLO_PADDING)
    writeU64(data, 106, 1)
    const box = this.means.nacl.seal(this.#key, countedNonce('CurveZMQHELLO---', 1), new Uint8Array(64))
    data.set(box, 114)
    return command('HELLO', data)
  }

  receive(body: Uint8Array): Step {
    const name = commandName(body, 0, body.length)
    const data = body.subarray(1 + name.length)
    if (name === 'ERROR') return { kind: 'refused', reason: readError(data) }
    if (name !== this.#expected) throw unexpected(name, this.#expected)
    if (name === 'WELCOME') {
      this.#expected = 'READY'
      return { kind: 'answer', words: this.#initiate(data) }
    }
    this.#expected = undefined
    if (data.length < READY_SIZE) throw tooShort(name, data, READY_SIZE)
    this.#received = readU64(data, 0)
    const nonce = countedNonce('CurveZMQREADY---', this.#received)
    const metadata = openBox(this.means.nacl, this.#key, nonce, data.subarray(8), name)
    return { kind: 'done', words: EMPTY, metadata }
  }

  accepted(): Step {
    throw new Error('a client is told of no claim')
  }

  traffic(): { readonly sealer: Sealer; readonly opener: Opener } {
    const { nacl } = this.means
    return {
      sealer: new CurveSealer(nacl, this.#key, 'CurveZMQMESSAGEC', 2),
      opener: new CurveOpener(nacl, this.#key, 'CurveZMQMESSAGES', this.#received),
    }
  }

  /**
   * WELCOME: random (16), [S', cookie](S→C').
   * INITIATE: cookie (96), nonce u64, [C, vouch (96), metadata](C'→S'); vouch: random (16), [C', S](C→S').
   */
  #initiate(welcome: Uint8Array): Uint8Array {
    const { nacl, random } = this.means
    const { publicKey, secretKey } = this.#session
    needSize('WELCOME', welcome, WELCOME_SIZE)
    const welcomeNonce = randomNonce('WELCOME-', welcome.subarray(0, RANDOM_SIZE))
    const opened = openBox(nacl, this.#key, welcomeNonce, welcome.subarray(RANDOM_SIZE), 'WELCOME')
    const sessionKey = opened.subarray(0, KEY_SIZE)
    this.#key = sharedKey(nacl, sessionKey, secretKey)

    const vouched = random(new Uint8Array(RANDOM_SIZE))
    const vouchKey = sharedKey(nacl, sessionKey, this.own.secretKey)
    const vouch = nacl.seal(vouchKey, randomNonce('VOUCH---', vouched), joined([publicKey, this.serverKey]))
    const plain = joined([this.own.publicKey, vouched, vouch, this.metadata])
    const box = nacl.seal(this.#key, countedNonce('CurveZMQINITIATE', 2), plain)
    const count = new Uint8Array(8)
    writeU64(count, 0, 2)
    secretKey.fill(0)
    return command('INITIATE', joined([opened.subarray(KEY_SIZE), count, box]))
  }
}

/** Knows its clients by their keys. */
export class CurveServer implements Handshake {
  readonly mechanism = 'CURVE'
  readonly asServer = true
  #expected: 'HELLO' | 'INITIATE' | undefined = 'HELLO'
  #clientKey: Uint8Array = EMPTY
  #session: KeyPair | undefined
  #cookie: Uint8Array = EMPTY
  #key: Uint8Array = EMPTY
  #received = 0
  /** The client's, until it is accepted. */
  #metadata: Uint8Array = EMPTY

  /**
   * @param own S and s
   * @param metadata this end's
   */
  constructor(
    private readonly means: CurveMeans,
    private readonly own: KeyPair,
    private readonly metadata: Uint8Array,
  ) {}

  begin(): Uint8Array {
    return EMPTY
  }

  receive(body: Uint8Array): Step {
    const name = commandName(body, 0, body.length)
    const data = body.subarray(1 + name.length)
    if (name === 'ERROR') return { kind: 'refused', reason: readError(data) }
    if (name !== this.#expected) throw unexpected(name, this.#expected)
    this.#expected = undefined
    if (name === 'HELLO') return { kind: 'answer', words: this.#welcome(data) }
    return { kind: 'claim', claim: { publicKey: this.#clientOf(data) } }
  }

  /** READY: nonce u64, [metadata](S'→C'). */
  accepted(): Step {
    const box = this.means.nacl.seal(this.#key, countedNonce('CurveZMQREADY---', 1), this.metadata)
    const data = new Uint8Array(8 + box.length)
    writeU64(data, 0, 1)
    data.set(box, 8)
    return { kind: 'done', words: command('READY', data), metadata: this.#metadata }
  }

  traffic(): { readonly sealer: Sealer; readonly opener: Opener } {
    const { nacl } = this.means
    return {
      sealer: new CurveSealer(nacl, this.#key, 'CurveZMQMESSAGES', 1),
      opener: new CurveOpener(nacl, this.#key, 'CurveZMQMESSAGEC', this.#received),
    }
  }

  /** WELCOME: random (16), [S', cookie](S→C'); cookie: random (16), secretbox[C', s'] with a key that nobody else has. */
  #welcome(hello: Uint8Array): Uint8Array {
    const { nacl, random } = this.means
    needSize('HELLO', hello, HELLO_SIZE)
    if (hello[0] !== 1 || hello[1] !== 0) throw badPeer(`peer speaks CURVE ${hello[0]}.${hello[1]}, this end 1.0`)
    this.#clientKey = hello.slice(2 + HELLO_PADDING, 106)
    this.#received = readU64(hello, 106)
    const key = sharedKey(nacl, this.#clientKey, this.own.secretKey)
    openBox(nacl, key, countedNonce('CurveZMQHELLO---', this.#received), hello.subarray(114), 'HELLO')

    this.#session = newPair(this.means)
    const { publicKey, secretKey } = this.#session
    const baked = random(new Uint8Array(RANDOM_SIZE))
    const cookieKey = random(new Uint8Array(KEY_SIZE))
    // The state is kept, so that nobody needs to open the cookie: it only has to come back.
    const crumbs = nacl.seal(cookieKey, randomNonce('COOKIE--', baked), joined([this.#clientKey, secretKey]))
    this.#cookie = joined([baked, crumbs])
    const words = random(new Uint8Array(RANDOM_SIZE))
    const box = nacl.seal(key, randomNonce('WELCOME-', words), joined([publicKey, this.#cookie]))
    this.#expected = 'INITIATE'
    return command('WELCOME', joined([words, box]))
  }

  /** INITIATE: cookie (96), nonce u64, [C, vouch (96), metadata](C'→S'); vouch: random (16), [C', S](C→S'). */
  #clientOf(initiate: Uint8Array): Uint8Array {
    const { nacl } = this.means
    const { secretKey } = this.#session as KeyPair
    if (initiate.length < INITIATE_SIZE) throw tooShort('INITIATE', initiate, INITIATE_SIZE)
    if (!equalBytes(initiate.subarray(0, COOKIE_SIZE), this.#cookie)) {
      throw badPeer('peer sent an INITIATE with another cookie than it was given')
    }
    const count = readU64(initiate, COOKIE_SIZE)
    if (count <= this.#received) throw badPeer(`peer used nonce ${count} after ${this.#received}`)
    this.#received = count
    this.#key = sharedKey(nacl, this.#clientKey, secretKey)
    const nonce = countedNonce('CurveZMQINITIATE', count)
    const plain = openBox(nacl, this.#key, nonce, initiate.subarray(COOKIE_SIZE + 8), 'INITIATE')
    const client = plain.slice(0, KEY_SIZE)
    const vouch = plain.subarray(KEY_SIZE, KEY_SIZE + VOUCH_SIZE)
    const vouchKey = sharedKey(nacl, client, secretKey)
    const vouchNonce = randomNonce('VOUCH---', vouch.subarray(0, RANDOM_SIZE))
    const vouched = openBox(nacl, vouchKey, vouchNonce, vouch.subarray(RANDOM_SIZE), 'vouch')
    if (!equalBytes(vouched, joined([this.#clientKey, this.own.publicKey]))) {
      throw badPeer('peer vouches for another connection than this one')
    }
    this.#metadata = plain.slice(KEY_SIZE + VOUCH_SIZE)
    secretKey.fill(0)
    return client
  }
}

function newPair({ nacl, random }: CurveMeans): KeyPair {
  const secretKey = random(new Uint8Array(KEY_SIZE))
  return { publicKey: nacl.publicKey(secretKey), secretKey }
}

function needSize(name: string, data: Uint8Array, size: number): void {
  if (data.length === size) return
  throw badPeer(`peer sent a ${name} with ${data.length} bytes of data, it has ${size}`)
}

function tooShort(name: string, data: Uint8Array, least: number): Error {
  return badPeer(`peer sent a ${name} with ${data.length} bytes of data, it has at least ${least}`)
}
